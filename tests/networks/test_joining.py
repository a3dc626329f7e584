"""Two networks joined in one: the answers of both, and what its card says of their data."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from untrained import save_mobilenet, save_untrained

from facekit.core.errors import FaceKitError
from facekit.faces.chips import BoxChip
from facekit.heads import AGE, EXPRESSION, GENDER
from facekit.networks.calibration import Calibration
from facekit.networks.cards import read_card
from facekit.networks.config import NetworkConfig
from facekit.networks.joining import join_weights
from facekit.networks.network import build_network
from facekit.networks.runtimes import load_runtime
from facekit.networks.weights import load_matching, network_tensors, read_tensors, save_weights

BRANCH = NetworkConfig(backbone="conv_blocks", input_size=16, heads=(EXPRESSION,), hidden=(8,))
CHIPS: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


def described(path: Path, dataset: str, head: str) -> Path:
    """Gives weights the card of a training."""
    data = {"dataset": dataset, "train": 90, "test": 10, "seed": 0, "split_rule": f"{dataset}'s", "dropped": {"bad": 1}}
    figures = {"n": 10, "split": "test", "dropped": {"bad": 1}, head: {"accuracy": 0.5}, "groups": {head: {}}}
    calibration = Calibration({head: 1.5}, 50)
    card = replace(read_card(path), data=data, figures=figures, calibration=calibration)
    save_weights(read_tensors(path), card, path)
    return path


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("parts")
    trunk = save_mobilenet(folder / "trunk.h5", (AGE, GENDER))
    save_untrained(BRANCH, folder / "branch.h5")
    return described(trunk, "utkface", "gender"), described(folder / "branch.h5", "fer2013", "expression")


@pytest.fixture(scope="module")
def joined(parts: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("joined") / "both.h5"
    join_weights(*parts, path)
    return path


@pytest.mark.parametrize("runtime", ["keras", "openvino"])
def test_both_parts_answer_as_they_did(runtime: str, parts: tuple[Path, Path], joined: Path) -> None:
    answers = load_runtime(joined, runtime).predict(CHIPS)
    small = CHIPS.astype(np.float32).reshape(3, 16, 2, 16, 2, 3).mean(axis=(2, 4))
    trunk = load_runtime(parts[0], "keras").predict(CHIPS)
    branch = load_runtime(parts[1], "keras")
    raw = branch._run({"picture": small})["expression"]  # type: ignore[attr-defined]
    expected = {**trunk, **branch.card.calibration.apply([EXPRESSION], {"expression": raw})}
    for name in ("age", "gender", "expression"):
        np.testing.assert_allclose(answers[name], expected[name], atol=2e-4)


def test_card_tells_of_both(joined: Path) -> None:
    card = read_card(joined)
    assert card.name == "both" and [head.name for head in card.network.heads] == ["age", "gender", "expression"]
    assert card.network.branches == (BRANCH,)
    assert card.network.trunk == NetworkConfig(backbone="mobilenet", input_size=32, heads=(AGE, GENDER))
    assert (
        card.data["dataset"] == "utkface, fer2013" and card.data["train"] == 180 and card.data["dropped"] == {"bad": 2}
    )
    assert [card.source(name)["split_rule"] for name in ("utkface", "fer2013")] == ["utkface's", "fer2013's"]
    assert card.calibration == Calibration({"gender": 1.5, "expression": 1.5}, 100)
    assert card.figures["n"] == 20 and card.figures["gender"] == card.figures["expression"] == {"accuracy": 0.5}
    assert list(card.figures["groups"]) == ["gender", "expression"]


def test_training_starts_from_the_first_part(parts: tuple[Path, Path], joined: Path) -> None:
    config = NetworkConfig(backbone="mobilenet", input_size=32, heads=(AGE, GENDER))
    network = build_network(config)
    load_matching(network, joined, config)
    for name, tensor in read_tensors(parts[0]).items():
        np.testing.assert_array_equal(network_tensors(network)[name], tensor.astype(np.float32))


def test_parts_that_cannot_be_joined(parts: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / "out.h5"
    other = save_mobilenet(tmp_path / "other.h5", (EXPRESSION,))
    with pytest.raises(FaceKitError, match=r"^Networks without a tensor of one name can be joined\. Received: block"):
        join_weights(parts[0], other, output)
    boxed = save_mobilenet(tmp_path / "boxed.h5", (EXPRESSION,), BoxChip(size=32))
    with pytest.raises(FaceKitError, match=r"^Networks of aligned chips can be joined\. Received: .*boxed\.h5, "):
        join_weights(parts[0], boxed, output)
    save_untrained(replace(BRANCH, input_size=24), tmp_path / "odd.h5")
    with pytest.raises(FaceKitError, match=r"^A branch's input must be a whole fraction of its network's 32 px\."):
        join_weights(parts[0], tmp_path / "odd.h5", output)
    with pytest.raises(FaceKitError, match=r"^A branch must answer heads of its network, but not the first"):
        NetworkConfig(backbone="mobilenet", input_size=32, heads=(EXPRESSION, AGE), branches=(BRANCH,))
    assert not output.exists()


def test_branch_is_a_layer_of_the_network() -> None:
    config = NetworkConfig(backbone="mobilenet", input_size=32, heads=(AGE, EXPRESSION), branches=(BRANCH,))
    assert NetworkConfig.from_dict(config.to_dict()) == config
    network = build_network(config)
    assert isinstance(network.get_layer("conv_blocks"), keras.Model)
    assert list(network.output) == ["age", "expression"]
