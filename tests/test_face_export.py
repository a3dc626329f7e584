"""face_export.py: the file, what it says of itself, and that other programs can use it."""

import errno
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from checkout import ROOT, Script
from numpy.typing import NDArray
from PIL import Image
from tiny import slow_if_large

from facekit.heads import AGE, GENDER, NumberHead
from facekit.networks.backbones import BACKBONES
from facekit.networks.cards import DEFAULT_WEIGHTS, read_card
from facekit.networks.config import NetworkConfig
from facekit.networks.network import build_network
from facekit.networks.runtimes import load_runtime

_GUIDE = (ROOT / "docs" / "WEIGHTS.md").read_text("utf-8")
(EXAMPLE,) = re.findall(r"```python\n(import json\n.*?)```", _GUIDE, re.DOTALL)
(KERAS_EXAMPLE,) = re.findall(r"```python\n(import keras\n.*?)```", _GUIDE, re.DOTALL)
(TENSORFLOW_EXAMPLE,) = re.findall(r"```python\n(import tensorflow .*?)```", _GUIDE, re.DOTALL)


def test_export_of_the_shipped_weights(
    script: Script, working_folder: Path, chips: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = script("face_export.py")
    assert (status, err) == (0, "")
    assert out.startswith("mobilenet_faces.onnx: 9.1 MB, ONNX opset 18, mobilenet\n")
    assert (
        "picture (n, 200, 200, 3) float32" in out
        and "age (n, 93), gender (n, 2), race (n, 5), expression (n, 7)" in out
    )
    assert "licence  Non-commercial research only" in out
    model = onnx.load("mobilenet_faces.onnx")
    onnx.checker.check_model(model, full_check=True)
    card = read_card(DEFAULT_WEIGHTS)
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "card": card.to_json(),
        "licence": card.licence,
    }
    assert os.listdir() == ["mobilenet_faces.onnx"]

    Image.fromarray(chips[0]).save("chip.jpg", quality=95)
    exec(EXAMPLE, {})
    chip = np.asarray(Image.open("chip.jpg"))[None]
    (years,) = AGE.values(load_runtime(DEFAULT_WEIGHTS, "keras").predict_raw(chip)["age"])
    assert capsys.readouterr().out == f"estimated age: {years:.1f}\n"


def test_other_programs_get_the_same_answers(script: Script, tiny_weights: Path, tmp_path: Path) -> None:
    output = tmp_path / "folder" / "mine.onnx"
    assert script("face_export.py", "--weights", tiny_weights, "--output", output)[0] == 0
    session = onnxruntime.InferenceSession(output)
    chips = np.random.default_rng(0).integers(0, 256, (3, 103, 103, 3), np.uint8)
    answers = dict(zip(("age", "race"), session.run(["age", "race"], {"picture": np.float32(chips)}), strict=True))
    expected = load_runtime(tiny_weights, "keras").predict_raw(chips)
    for name, rows in answers.items():
        np.testing.assert_allclose(rows, expected[name], rtol=0, atol=1e-4)


_OPENED = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.modules["facekit"] = None
import numpy as np
chips = np.load("chips.npy").astype("float32")
for number, example in enumerate(sys.argv[1:]):
    exec(example)
    np.savez(f"{number}.npz", **{name: rows.numpy() for name, rows in probabilities.items()})
"""


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras, which saves variables
def test_models_open_without_facekit(script: Script, tiny_weights: Path, working_folder: Path) -> None:
    """In a process where importing facekit fails; dlib's network has the least usual layers of all."""
    for format, output in (("keras", "tiny.keras"), ("saved_model", "tiny_saved_model")):
        status, out, err = script("face_export.py", "--weights", tiny_weights, "--format", format)
        assert (status, err) == (0, "") and out.startswith(f"{output}: ")
    assert sorted(os.listdir()) == ["tiny.keras", "tiny_saved_model"]
    card = read_card(tiny_weights).to_json()
    assert zipfile.ZipFile("tiny.keras").read("card.json").decode() == card
    assert Path("tiny_saved_model", "assets.extra", "card.json").read_text(encoding="utf-8") == card
    chips = np.random.default_rng(0).integers(0, 256, (3, 103, 103, 3), np.uint8)
    np.save("chips.npy", chips)
    examples = [example.replace("mobilenet_faces", "tiny") for example in (KERAS_EXAMPLE, TENSORFLOW_EXAMPLE)]
    subprocess.run([sys.executable, "-c", _OPENED, *examples], check=True, capture_output=True)
    expected = load_runtime(tiny_weights, "keras").predict_raw(chips)
    for opened in (np.load("0.npz"), np.load("1.npz")):
        for name in ("age", "gender", "race"):
            np.testing.assert_allclose(opened[name], expected[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", slow_if_large({name: name for name in BACKBONES}))
def test_no_backbone_needs_facekit_to_be_opened(name: str) -> None:
    """All layers of all backbones and heads are Keras's own."""
    heads = (AGE, GENDER, NumberHead("years", 0, 116))
    network = build_network(NetworkConfig(backbone=name, input_size=BACKBONES[name].smallest_size, heads=heads))
    assert "facekit" not in network.to_json()


def test_what_is_there_is_not_replaced_by_a_model(script: Script, working_folder: Path) -> None:
    Path("mine").mkdir()
    for format, name, rule in (
        ("saved_model", "mine", "A SavedModel needs a new folder. Received: mine, which exists."),
        ("keras", "photograph.jpg", "A Keras model's name must end in .keras. Received: photograph.jpg."),
    ):
        status, out, err = script("face_export.py", "--format", format, "--output", name)
        assert (status, out, err) == (2, "", f"error: {rule} Choose another name (--output).\n")
    assert script("face_export.py", "--format", "kears")[2].startswith("error: Unknown format: 'kears'. Did you mean")
    assert os.listdir() == ["mine"]


def test_what_cannot_be_written_is_one_line(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    status, out, err = script("face_export.py", "--output", tmp_path / "file" / "x.onnx")
    assert (status, out) == (1, "") and err.startswith(f"error: Cannot write {tmp_path / 'file' / 'x.onnx'}: ")
    (tmp_path / "x.onnx").write_bytes(b"old")

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    status, out, err = script("face_export.py", "--output", tmp_path / "x.onnx")
    assert (status, out) == (1, "")
    assert "No space left on device. Free some space or choose another path (--output)." in err
    assert (tmp_path / "x.onnx").read_bytes() == b"old" and sorted(os.listdir(tmp_path)) == ["file", "x.onnx"]


@pytest.mark.skipif(os.name != "posix", reason="Windows limits no file sizes")
def test_a_saved_model_without_room_is_one_line(script: Script, tiny_weights: Path, tmp_path: Path) -> None:
    """TensorFlow raises errors of its own; a limit of the size of files stands for the disk."""
    import resource

    output = tmp_path / "model"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        status, out, err = script(
            "face_export.py", "--weights", tiny_weights, "--format", "saved_model", "--output", output
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    told = f"error: Cannot write {output}: File too large. Free some space or choose another path (--output).\n"
    assert (status, out, err) == (1, "", told)
    assert not os.listdir(tmp_path)


def test_nothing_but_a_graph_is_replaced(script: Script, tmp_path: Path) -> None:
    photograph = tmp_path / "photograph.jpg"
    photograph.write_bytes(b"mine")
    told = f"error: A graph's name must end in .onnx. Received: {photograph}. Choose another name (--output).\n"
    assert script("face_export.py", "--output", photograph) == (2, "", told)
    assert photograph.read_bytes() == b"mine"


def test_weights_that_are_not_there(script: Script, working_folder: Path) -> None:
    status, out, err = script("face_export.py", "--weights", ROOT / "none.h5")
    assert (status, out) == (1, "") and err.startswith("error: No weights file ")
    assert not os.listdir()
