"""What answers: that all runtimes answer the same, which is taken, and what it loads."""

import ctypes
import io
import itertools
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from checkout import ROOT, Script
from numpy.typing import NDArray
from PIL import Image
from tiny import SLOW_BACKBONES
from untrained import TWO_INPUTS, save_untrained

from facekit import FaceEstimator
from facekit.core.errors import FaceKitError, UnknownNameError
from facekit.faces.batch import FaceBatch
from facekit.faces.chips import resize_chips
from facekit.faces.features import compute_features
from facekit.heads import AGE, GENDER, RACE
from facekit.networks import runtimes
from facekit.networks.backbones import BACKBONES, RESCALED
from facekit.networks.cards import DEFAULT_WEIGHTS, Card, read_card
from facekit.networks.config import NetworkConfig
from facekit.networks.network import build_network
from facekit.networks.runtimes import RUNTIMES, load_runtime
from facekit.networks.runtimes.runtime import POOLED, Runtime
from facekit.networks.weights import network_tensors, save_weights

Chips = NDArray[np.uint8]
ASTRONAUT = ROOT / "demo_images" / "astronaut.jpg"


@pytest.fixture(scope="module")
def tiny(tiny_weights: Path) -> Runtime:
    return load_runtime(tiny_weights, "openvino")


def assert_same(weights: Path, chips: Chips) -> None:
    """Through OpenVINO as through Keras: probabilities to 1e-4, ages to 0.01 years."""
    answers, expected = (load_runtime(weights, name).predict(chips) for name in ("openvino", "keras"))
    assert answers.keys() == expected.keys()
    for name, rows in expected.items():
        assert answers[name].dtype == rows.dtype == np.float32
        np.testing.assert_allclose(answers[name], rows, rtol=0, atol=1e-4)
    np.testing.assert_allclose(AGE.values(answers["age"]), AGE.values(expected["age"]), rtol=0, atol=0.01)


def test_shipped_weights_answer_the_same(chips: Chips) -> None:
    assert_same(DEFAULT_WEIGHTS, chips)


def test_shipped_weights_answer_the_same_on_utkface(utkface_archive: Path) -> None:
    with tarfile.open(utkface_archive) as archive:
        pictures = (member for member in archive if member.name.endswith(".jpg"))
        files = (archive.extractfile(member) for member in itertools.islice(pictures, 100))
        chips = np.stack([Image.open(io.BytesIO(file.read())) for file in files if file])
    assert_same(DEFAULT_WEIGHTS, chips)


@pytest.mark.parametrize(
    "backbone",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name.startswith("vgg") or name in SLOW_BACKBONES else [])
        for name in BACKBONES
        if not name.startswith("mobilenet") and name not in RESCALED  # the shipped network; the same but for the pixels
    ],
)
def test_every_backbone_answers_the_same(backbone: str, chips: Chips, tmp_path: Path) -> None:
    size = max(96, BACKBONES[backbone].smallest_size)
    options = {name: option.smallest for name, option in BACKBONES[backbone].options.items()}
    config = NetworkConfig(backbone=backbone, input_size=size, heads=(AGE, GENDER, RACE), options=options)
    path = tmp_path / "weights.h5"
    save_weights(network_tensors(build_network(config)), Card(name="untrained", network=config), path)
    assert_same(path, chips)


@pytest.fixture(scope="module")
def two_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an untrained network that takes the picture and its landmarks."""
    path = tmp_path_factory.mktemp("weights") / "two_inputs.h5"
    save_untrained(TWO_INPUTS, path)
    return path


@pytest.mark.parametrize("name", RUNTIMES)
@pytest.mark.parametrize("inputs", ["picture", "picture and features"])
def test_every_runtime_answers_as_keras_does(
    name: str, inputs: str, tiny_weights: Path, two_inputs: Path, chips: Chips
) -> None:
    weights = tiny_weights if inputs == "picture" else two_inputs
    runtime, expected = load_runtime(weights, name), load_runtime(weights, "keras").predict(chips)
    assert runtime.card == read_card(weights) and runtime.batch_size >= 1
    faces = FaceBatch(chips, boxes=np.zeros((len(chips), 4), int))
    for answers in (runtime.predict(chips), runtime.predict(faces), runtime.predict_raw(chips)):
        assert list(answers) == [*(head.name for head in runtime.card.network.heads), POOLED]
        for head in runtime.card.network.heads:
            rows = answers[head.name]
            assert rows.shape == (len(chips), head.width) and rows.dtype == np.float32
            np.testing.assert_allclose(rows, expected[head.name], rtol=0, atol=1e-4)
            assert np.ptp(rows, axis=0).max() > 5e-4  # the faces get different answers
    none = runtime.predict(chips[:0])
    assert {name: rows.shape for name, rows in none.items()} == {
        h.name: (0, h.width) for h in runtime.card.network.heads
    }


@pytest.mark.parametrize("name", RUNTIMES)
def test_features_are_computed_unless_the_batch_has_them(name: str, two_inputs: Path, chips: Chips) -> None:
    runtime = load_runtime(two_inputs, name)
    features = compute_features("landmarks", resize_chips(chips, TWO_INPUTS.input_size))
    computed, given = runtime.predict(chips), runtime.predict(FaceBatch(chips, features=features))
    others = runtime.predict(FaceBatch(chips, features=-features))
    same_picture = runtime.predict(FaceBatch(np.repeat(chips[:1], len(chips), axis=0), features=features))
    for head in TWO_INPUTS.heads:
        np.testing.assert_allclose(given[head.name], computed[head.name], rtol=0, atol=1e-5)
        assert np.abs(others[head.name] - computed[head.name]).max() > 1e-3  # the features count
        assert np.abs(same_picture[head.name] - computed[head.name]).max() > 1e-3  # and so does the picture


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 33])
def test_any_number_of_chips(count: int, tiny: Runtime, chips: Chips) -> None:
    many = np.concatenate([chips] * 5)
    expected = tiny.predict_raw(chips)
    for name, rows in tiny.predict_raw(many[:count]).items():
        np.testing.assert_allclose(rows, np.tile(expected[name], (5, 1))[:count], rtol=0, atol=1e-6)


def test_chips_may_be_views(tiny: Runtime, chips: Chips) -> None:
    resized = np.ascontiguousarray(chips[:, 40:143, 40:143])
    for view in (resized[:, :, ::-1], resized[::2], resized.transpose(0, 2, 1, 3)):
        expected = tiny.predict_raw(view.copy())
        for name, rows in tiny.predict_raw(view).items():
            np.testing.assert_array_equal(rows, expected[name])


def test_an_answer_is_not_overwritten_by_the_next(tiny: Runtime, chips: Chips) -> None:
    first = tiny.predict_raw(chips[:1])
    kept = {name: rows.copy() for name, rows in first.items()}
    tiny.predict_raw(chips[1:2])
    for name, rows in first.items():
        np.testing.assert_array_equal(rows, kept[name])


def test_any_thread_may_ask(tiny: Runtime, chips: Chips) -> None:
    expected = [tiny.predict_raw(chips[at : at + 1])["age"] for at in range(len(chips))]
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(tiny.predict_raw, chips[at : at + 1]) for at in range(len(chips)) for _ in range(5)]
    for number, answer in enumerate(asked):
        np.testing.assert_array_equal(answer.result()["age"], expected[number // 5])


def test_answers_are_calibrated_alike(chips: Chips) -> None:
    """The graph holds no calibration: the card does, and may be calibrated anew."""
    runtime = load_runtime(DEFAULT_WEIGHTS)
    raw = runtime.predict_raw(chips)
    for name, rows in runtime.card.calibration.apply(runtime.card.network.heads, raw).items():
        np.testing.assert_array_equal(runtime.predict(chips)[name], rows)
    assert not np.allclose(runtime.predict(chips)["race"], raw["race"], atol=1e-3)


def test_unknown_runtime(script: Script) -> None:
    message = "Unknown runtime: 'openvin'. Did you mean 'openvino'? Known: auto, keras, openvino."
    with pytest.raises(UnknownNameError) as error:
        FaceEstimator(runtime="openvin")
    assert str(error.value) == message
    assert script("face_demo.py", "--runtime", "openvin", ASTRONAUT) == (2, "", f"error: {message}\n")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """By which runtime "auto" would answer."""
    monkeypatch.setattr(runtimes, "_keras", lambda weights: "keras")
    monkeypatch.setattr(runtimes, "_openvino", lambda weights: "openvino")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return lambda: str(RUNTIMES["auto"](DEFAULT_WEIGHTS))


def test_auto_is_openvino_unless_keras_is_better(taken: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken() == "openvino"
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert taken() == "openvino"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert taken() == "keras"


@pytest.mark.parametrize(
    ("packages", "driver", "gpus", "expected"),
    [
        ({"openvino"}, 0, 1, "openvino"),  # TensorFlow lacks CUDA
        ({"openvino", "nvidia", "nvidia.cudnn"}, 0, 1, "keras"),
        ({"openvino", "nvidia", "nvidia.cudnn"}, 0, 0, "openvino"),  # hidden by CUDA_VISIBLE_DEVICES
        ({"openvino", "nvidia", "nvidia.cudnn"}, 999, 1, "openvino"),
        ({"openvino", "nvidia", "nvidia.cudnn"}, None, 1, "openvino"),
        (set(), 0, 0, "keras"),
    ],
)
def test_auto_looks_for_a_gpu(
    packages: set[str],
    driver: int | None,
    gpus: int,
    expected: str,
    taken: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load(name: str) -> SimpleNamespace:
        if driver is None:
            raise OSError(f"{name}: cannot open shared object file")
        return SimpleNamespace(cuInit=lambda flags: driver, cuDeviceGetCount=count)

    def count(pointer: "ctypes._Pointer[ctypes.c_int]") -> int:
        ctypes.cast(pointer, ctypes.POINTER(ctypes.c_int))[0] = gpus
        return 0

    monkeypatch.setattr(runtimes, "find_spec", lambda name: name in packages)
    monkeypatch.setattr(ctypes, "CDLL", load)
    assert taken() == expected


def test_without_openvino_the_error_says_what_to_do(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(
        FaceKitError, match=r"OpenVINO does not load: .* pip install openvino, or use the runtime keras\.$"
    ):
        load_runtime(tiny_weights, "openvino")


LOADED = """
import runpy, sys
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print(*sorted(name for name in sys.modules if "." not in name or name.startswith("openvino.tools")))
"""


def test_photographs_load_no_keras_and_report_to_nobody(tmp_path: Path) -> None:
    """OpenVINO's converter would write to the home folder and call Google Analytics, were it imported."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    environment.pop("CI", None)  # where it keeps still
    code = f"import sys; sys.argv = {['face_demo.py', '--quiet', '--output', str(tmp_path), str(ASTRONAUT)]}\n{LOADED}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert (tmp_path / "astronaut.jpg").is_file() and "openvino" in loaded and done.stderr == ""
    heavy = {"keras", "tensorflow", "onnx", "tf2onnx", "scipy", "tqdm", "requests", "cv2", "matplotlib"}
    assert not loaded & {*heavy, "openvino_telemetry", "openvino.tools.ovc"}
    assert not list(home.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal stacks")
def test_ctrl_c_works_after_networks_are_deleted() -> None:
    code = """if True:
        import gc, signal
        from facekit.networks.cards import DEFAULT_WEIGHTS
        from facekit.networks.runtimes.openvino import OpenVinoRuntime

        first, second = OpenVinoRuntime(DEFAULT_WEIGHTS), OpenVinoRuntime(DEFAULT_WEIGHTS)
        del first
        gc.collect()
        del second
        gc.collect()
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            print("interrupted")
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "interrupted\n")
