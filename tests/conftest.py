"""What the tests share. Reference data lies beside the checkout where it is at hand; elsewhere those tests skip."""

import os
import runpy
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from checkout import ROOT, Script
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from tiny import TinyRun

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A shell's background jobs ignore it, and so would the processes that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.pop("UV", None)  # else a script that lacks an extra is repeated by uv, in place of the tests


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for the graphs that tests export, also in child processes: the user's own stays as it is."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "facekit"


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
    from facekit.faces.chips import AlignedChip
    from facekit.faces.detectors import make_detector
    from facekit.faces.images import read_picture

    detect, chip = make_detector("blazeface"), AlignedChip()
    pictures = [read_picture(path) for path in sorted((ROOT / "demo_images").glob("*.jpg"))]
    return np.concatenate([chip.cut(p, [found.box for found in detect(p)]).chips for p in pictures])


@pytest.fixture(scope="session")
def tiny_utkface(chips: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 60 chips named as in UTKFace: the demo's 8 faces under coarse noise, no two of them near duplicates.

    Each face has an age, gender and race of its own, so that something can be learnt.
    """
    folder = tmp_path_factory.mktemp("data") / "UTKFace"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(60):
        person, time = number % len(chips), number // len(chips)
        face = Image.fromarray(np.ascontiguousarray(chips[person][:, :: -1 if time % 2 else 1]))
        noise = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).resize((200, 200))
        name = f"{5 + 11 * person}_{person % 2}_{person % 5}_{20170110000000000 + 7919 * number}.jpg.chip.jpg"
        Image.blend(face, noise, 0.45).save(folder / name, quality=95)
    return folder


@pytest.fixture(scope="session")
def tiny_weights(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an untrained dlib_resnet at 103 px with all three heads, and its graph in the cache."""
    from facekit.core.lazy_imports import import_keras

    import_keras().utils.set_random_seed(0)
    from facekit.heads import AGE, GENDER, RACE
    from facekit.networks.cards import Card
    from facekit.networks.config import NetworkConfig
    from facekit.networks.network import build_network
    from facekit.networks.runtimes.graphs import load_graph
    from facekit.networks.weights import network_tensors, save_weights

    path = tmp_path_factory.mktemp("weights") / "tiny.h5"
    config = NetworkConfig(backbone="dlib_resnet", input_size=103, heads=(AGE, GENDER, RACE))
    card = save_weights(network_tensors(build_network(config)), Card(name="tiny", network=config), path)
    load_graph(path, card)  # here, as it takes seconds and says so
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


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the test runs."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small picture without a face."""
    path = tmp_path_factory.mktemp("nobody") / "nobody.png"
    Image.new("RGB", (64, 48), "teal").save(path)
    return path


@pytest.fixture
def demo(script: Script, tiny_weights: Path) -> Script:
    """face_demo.py with the tiny weights."""
    return lambda *arguments: script("face_demo.py", "--weights", tiny_weights, *arguments)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers the backbone and the recipe of tiny.py; runs draw no curves, which take half of their time."""
    from tiny import TINY, TINY_BACKBONE

    from facekit.networks.backbones import BACKBONES
    from facekit.recipes import RECIPES

    monkeypatch.setitem(BACKBONES, "tiny", TINY_BACKBONE)
    monkeypatch.setitem(RECIPES, "tiny", TINY)
    monkeypatch.setattr("facekit.training.callbacks.draw_curves", lambda path, history: None)


@pytest.fixture
def eager() -> Iterator[None]:
    """Trainings are not compiled."""
    from tiny import eagerly

    with eagerly():
        yield


@pytest.fixture(scope="session")
def trained(tiny_utkface: Path, tmp_path_factory: pytest.TempPathFactory) -> "TinyRun":
    """A run of the tiny recipe to its end, of three epochs. Beside its folder is a copy from before it was finished."""
    from tiny import TINY, TINY_BACKBONE, changed, prepared, settings

    from facekit.networks.backbones import BACKBONES

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "tiny", TINY_BACKBONE)
        folder = tmp_path_factory.mktemp("trained")
        run = prepared(settings(changed(TINY, epochs=3), tiny_utkface), folder / "finished")
        trainer = run.fit(run.prepared)
        shutil.copytree(folder / "finished", folder / "unfinished")
        run.finish(trainer)
        run.files.close()
    return run


@pytest.fixture
def copied(trained: "TinyRun", tmp_path: Path) -> Path:
    """A copy of its files after the last epoch, for tests that go on with it."""
    return Path(shutil.copytree(trained.folder.parents[2] / "unfinished", tmp_path / "copy"))
