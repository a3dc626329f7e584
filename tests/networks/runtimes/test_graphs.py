"""The exported graphs: what they hold, when the cached one is taken, and what happens if it cannot be."""

import errno
import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from checkout import ROOT
from untrained import TWO_INPUTS, save_untrained

from facekit.core.errors import FaceKitError, MissingExtraError, WeightsError
from facekit.core.files import cache_folder
from facekit.faces.chips import BoxChip
from facekit.heads import GENDER, RACE, AgeHead
from facekit.networks.calibration import Calibration
from facekit.networks.cards import DEFAULT_WEIGHTS, ORIGINAL_CARD, Card, read_card
from facekit.networks.hdf5 import read_hdf5, write_hdf5
from facekit.networks.runtimes import graphs, load_runtime
from facekit.networks.runtimes.graphs import export_graph, graph_name, load_graph

WEIGHTS = Path("weights/mine.h5")  # of which only the name is looked at


@pytest.fixture
def card() -> Card:
    shipped = read_card(DEFAULT_WEIGHTS)
    return replace(shipped, network=shipped.network.trunk, tensors_sha256="abc")


def cached(name: str = "") -> Path:
    folder = cache_folder()
    assert folder is not None
    return folder / name


def shapes(values: Any) -> dict[str, list[int | str]]:
    return {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values
    }


def test_shipped_graph_is_that_of_the_shipped_weights() -> None:
    """Whether it answers the same, test_runtimes.py tells."""
    for weights in DEFAULT_WEIGHTS.parent.glob("*.h5"):
        shipped = sorted(path.name for path in weights.parent.glob(f"{weights.stem}-*.packed"))
        assert shipped == [graph_name(weights, read_card(weights)) + ".packed"]
        assert (weights.parent / shipped[0]).stat().st_size < 20_000  # all else is in the weights file


def test_graph_says_what_goes_in_and_out(tiny_weights: Path) -> None:
    expression = {"expression": ["n", 7]}
    for weights, side, more in ((tiny_weights, 103, {}), (DEFAULT_WEIGHTS, 200, expression)):
        model = onnx.load_from_string(load_graph(weights, read_card(weights)))
        onnx.checker.check_model(model, full_check=True)
        assert shapes(model.graph.input) == {"picture": ["n", side, side, 3]}
        assert shapes(model.graph.output) == {"age": ["n", 93], "gender": ["n", 2], "race": ["n", 5], **more}
        assert {entry.domain: entry.version for entry in model.opset_import}[""] == graphs.OPSET


def test_graph_of_two_inputs_names_both(tmp_path: Path) -> None:
    card = save_untrained(TWO_INPUTS, tmp_path / "two.h5")
    model = onnx.load_from_string(load_graph(tmp_path / "two.h5", card))
    onnx.checker.check_model(model, full_check=True)
    assert shapes(model.graph.input) == {"picture": ["n", 103, 103, 3], "features": ["n", 10]}
    assert shapes(model.graph.output) == {"gender": ["n", 2], "age": ["n", 1]}


def test_graph_is_no_larger_than_the_weights() -> None:
    assert len(load_graph(DEFAULT_WEIGHTS, read_card(DEFAULT_WEIGHTS))) < 1.02 * DEFAULT_WEIGHTS.stat().st_size


def test_only_what_loses_nothing_is_halved() -> None:
    values = {
        "exact": np.array([[0.5, -3.0, 1024.0]], np.float32),
        "fine": np.array([[0.1]], np.float32),
        "large": np.array([[1e5]], np.float32),
        "bias": np.array([0.5], np.float32),
        "whole": np.array([[2]], np.int64),
    }
    graph = onnx.GraphProto(initializer=[onnx.numpy_helper.from_array(value, name) for name, value in values.items()])
    graph.node.append(onnx.helper.make_node("Identity", ["exact"], ["out"]))
    graphs._halve(graph)
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    assert stored.keys() == {"exact_half", "fine", "large", "bias", "whole"}
    assert stored["exact_half"].dtype == np.float16
    np.testing.assert_array_equal(stored["exact_half"], values["exact"])
    assert [(node.op_type, *node.input, *node.output) for node in graph.node] == [
        ("Cast", "exact_half", "exact"),
        ("Identity", "exact", "out"),
    ]


def test_name_follows_what_the_graph_is_made_from(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    name = graph_name(WEIGHTS, card)
    assert name.startswith("mine-")
    judged = replace(card, calibration=Calibration({"age": 2.0}), figures={"n": 1}, name="other")
    assert graph_name(WEIGHTS, judged) == name == graph_name(Path("elsewhere/mine.h5"), card)
    described = replace(
        card, data={"seed": 5}, training={"recipe": {"learning_rate": 1}}, licence="mine", chip=BoxChip()
    )
    assert graph_name(WEIGHTS, described) == name
    others = [
        graph_name(WEIGHTS, replace(card, network=replace(card.network, features="landmarks"))),
        graph_name(WEIGHTS, replace(card, network=replace(card.network, heads=card.network.heads[:2]))),
        graph_name(WEIGHTS, replace(card, network=replace(card.network, heads=(AgeHead(oldest=92), GENDER, RACE)))),
        graph_name(WEIGHTS, replace(card, tensors_sha256="abd")),
        graph_name(WEIGHTS, replace(card, network=replace(card.network, input_size=160))),
        graph_name(WEIGHTS, replace(card, network=replace(card.network, backbone="dlib_resnet"))),
    ]
    monkeypatch.setattr(graphs, "EXPORT", graphs.EXPORT + 1)
    assert len({name, *others, graph_name(WEIGHTS, card)}) == 8


def test_original_checkpoint_is_known_by_its_bytes(tmp_path: Path) -> None:
    names = []
    for content in (b"a", b"b"):
        path = tmp_path / "face_weights.26.utk.h5"
        path.write_bytes(content)
        names.append(graph_name(path, ORIGINAL_CARD))
    assert names[0] != names[1]


def test_a_graph_is_exported_once(card: Card, exported: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (load_graph(WEIGHTS, card) for _ in range(2))
    assert first == second == b"graph" * 1000 and exported == [WEIGHTS]
    assert capsys.readouterr() == ("", "note: mine.h5 is exported for faster answers; this is done once.\n")
    load_graph(WEIGHTS, replace(card, tensors_sha256="trained on"))
    assert len(exported) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
        lambda data: bytes(len(data)),
        lambda data: b"<html>" + data,
        lambda data: data + b"more",
        lambda data: gzip.compress(b"something else"),
        lambda data: gzip.compress(gzip.decompress(data)[:-1]),
        lambda data: gzip.compress(gzip.decompress(data).replace(b"graph", b"grape")),
        lambda data: gzip.compress(b"graph" * 1000),  # as an earlier version stored it
        lambda data: gzip.compress(b"graph" * 1000 + graphs._seal(b"graph" * 1000, "key of another network")),
    ],
)
def test_a_damaged_graph_is_replaced(damage: Callable[[bytes], bytes], card: Card, exported: list[Path]) -> None:
    good = load_graph(WEIGHTS, card)
    path = cached(f"{graph_name(WEIGHTS, card)}.onnx.gz")
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert load_graph(WEIGHTS, card) == good and len(exported) == 2
    assert path.read_bytes() == whole and [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_graph_that_cannot_be_kept_is_used(
    card: Card,
    exported: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert load_graph(WEIGHTS, card) == b"graph" * 1000
    assert not list(cached().iterdir())
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # no folder can be made there
    assert load_graph(WEIGHTS, card) == b"graph" * 1000 and len(exported) == 2
    told = "note: the export cannot be kept, and will be repeated: "
    assert [line for line in capsys.readouterr().err.splitlines() if "kept" in line] == [
        f"{told}{tmp_path / 'cache' / 'facekit'}: No space left on device.",
        f"{told}{tmp_path / 'file' / 'facekit'}: Not a directory.",
    ]


def test_a_user_without_a_home_needs_none(
    card: Card, exported: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    load_graph(DEFAULT_WEIGHTS, read_card(DEFAULT_WEIGHTS))
    assert exported == []
    assert load_graph(WEIGHTS, card) == b"graph" * 1000
    assert "no home folder; set XDG_CACHE_HOME" in capsys.readouterr().err


LOAD = """
import sys
from pathlib import Path
from facekit.networks.cards import read_card
from facekit.networks.runtimes.graphs import load_graph

path = Path(sys.argv[1])
print(len(load_graph(path, read_card(path))))
"""


@pytest.mark.slow
def test_an_export_prints_our_notes_only(tiny_weights: Path, tmp_path: Path) -> None:
    """TensorFlow's C++ code writes to stderr past Python, most at log level 0."""
    (tmp_path / "file").touch()  # in which no cache can be made
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "file")}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "0"
    command = [sys.executable, "-c", LOAD, str(tiny_weights)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 1_000_000
    first, second = done.stderr.splitlines()
    assert first == "note: tiny.h5 is exported for faster answers; this is done once."
    assert second.startswith("note: the export cannot be kept, and will be repeated: ")


def test_damaged_weights_are_not_exported(tiny_weights: Path, tmp_path: Path) -> None:
    """The tensors do not match the card, which is whole."""
    path = tmp_path / "damaged.h5"
    tensors, attributes = read_hdf5(tiny_weights)
    tensors["age/bias"][0] = 1.0
    write_hdf5(path, tensors, {"card": attributes["card"].replace("tiny", "damaged")})
    with pytest.raises(WeightsError, match="its tensors do not match its card"):
        load_graph(path, read_card(path))
    assert not list(cached().glob("damaged-*"))


def test_without_tensorflow_the_error_says_what_to_do(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    rule = r"Received: jax\. Set KERAS_BACKEND=tensorflow\."
    with pytest.raises(FaceKitError, match=rf"{rule}$"):
        export_graph(tiny_weights)
    with pytest.raises(FaceKitError, match=rf"{rule} Or use the runtime keras\.$"):
        load_runtime(tiny_weights, "openvino")


@pytest.mark.parametrize("package", ["keras", "onnx", "tf2onnx"])
def test_an_export_says_which_package_is_missing(package: str, card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        MissingExtraError, match=rf"^{package} is not installed\. It comes with the extra train\. Run: "
    ):
        load_graph(WEIGHTS, card)


def test_export_without_room_is_one_line(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keras.Model, "export", full)
    with pytest.raises(
        FaceKitError,
        match=r"^Cannot export .*tiny\.h5: No space left on device\. Free some space for temporary files\.$",
    ):
        export_graph(tiny_weights)
