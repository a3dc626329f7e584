"""What the tests share. Reference data lies beside the checkout where it is at hand; elsewhere those tests skip."""

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent
Script = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference numbers and data."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared with reference data")
    return folder


@pytest.fixture(scope="session")
def utkface_archive(shared: Path) -> Path:
    """The UTKFace chips as .tar.gz."""
    archive = shared / "data" / "UTKFace.tar.gz"
    if not archive.is_file():
        pytest.skip("no UTKFace archive in ../shared/data")
    return archive


@pytest.fixture(scope="session")
def chips() -> NDArray[np.uint8]:
    """(8, 200, 200, 3) the faces of the demo pictures."""
    from facekit.chips import cut_chips
    from facekit.detectors import make_detector
    from facekit.images import read_picture
    from facekit.landmarks import make_landmarker

    detect, landmark = make_detector("hog"), make_landmarker(5)
    pictures = [read_picture(path) for path in sorted((ROOT / "demo_images").glob("*.jpg"))]
    return np.concatenate([cut_chips(p, landmark(p, [found.box for found in detect(p)])) for p in pictures])


@pytest.fixture(scope="session")
def tiny_utkface(chips: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 60 chips named as in UTKFace: the demo's faces under coarse noise, no two of them near duplicates."""
    folder = tmp_path_factory.mktemp("data") / "UTKFace"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(60):
        mirror = -1 if number // len(chips) % 2 else 1
        face = Image.fromarray(np.ascontiguousarray(chips[number % len(chips)][:, ::mirror]))
        noise = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).resize((200, 200))
        age, gender, race = random.integers((1, 0, 0), (94, 2, 5))
        name = f"{age}_{gender}_{race}_{20170110000000000 + 7919 * number}.jpg.chip.jpg"
        Image.blend(face, noise, 0.45).save(folder / name, quality=95)
    return folder


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an untrained dlib_resnet at 103 px with all three heads."""
    from facekit.quiet import import_keras

    import_keras().utils.set_random_seed(0)
    from facekit.cards import Card
    from facekit.heads import AGE, GENDER, RACE
    from facekit.network import build_network
    from facekit.recipes.recipe import NetworkConfig
    from facekit.weights import save_weights

    path = tmp_path_factory.mktemp("weights") / "tiny.h5"
    config = NetworkConfig(backbone="dlib_resnet", input_size=103, heads=(AGE, GENDER, RACE))
    save_weights(build_network(config), Card(name="tiny", network=config), path, "float16")
    return path


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Script:
    """Runs a script in this process: name and arguments -> exit status, stdout, stderr."""

    def run(name: str, *arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:
            runpy.run_path(str(ROOT / name), run_name="__main__")
        return int(exit.value.code or 0), *capsys.readouterr()

    return run
