"""Weights files: round trips, and all the ways in which a file can be wrong."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from checkout import ROOT

from facekit.core.errors import WeightsError
from facekit.heads import AGE, GENDER, RACE, ClassHead
from facekit.networks import cards, weights
from facekit.networks.cards import Card, read_card
from facekit.networks.config import NetworkConfig
from facekit.networks.network import build_network

CONFIG = NetworkConfig(backbone="dlib_resnet", input_size=103, heads=(AGE, GENDER, RACE))
CARD = Card(name="test", network=CONFIG, data={"seed": 7}, figures={"age": {"mae": 4.5}})
# A file small enough to be damaged in every place.
TENSORS = {"a/kernel": np.arange(12, dtype=np.float32).reshape(3, 4), "a/bias": np.ones(4, np.float32)}


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build_network(CONFIG, dropout=0.2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.h5"


def test_comes_back_with_its_card_kernels_as_float16(network: keras.Model, path: Path) -> None:
    saved = weights.save_weights(weights.network_tensors(network), CARD, path)
    loaded, card = weights.load_network(path)
    assert card == saved == read_card(path) == replace(CARD, tensors_sha256=saved.tensors_sha256)
    expected = weights.network_tensors(network)
    got = weights.network_tensors(loaded)
    assert got.keys() == expected.keys()
    for name, tensor in expected.items():
        assert got[name].dtype == np.float32
        np.testing.assert_array_equal(got[name], tensor.astype(np.float16) if tensor.ndim > 1 else tensor)
    assert path.stat().st_size < 2.1 * sum(tensor.size for tensor in expected.values())


def test_tensors_are_keyed_by_their_path(network: keras.Model, path: Path) -> None:
    weights.save_weights(weights.network_tensors(network), CARD, path)
    with h5py.File(path) as file:
        assert file["stem/kernel"].shape == (7, 7, 3, 32)
        assert file["race/bias"].shape == (5,)
    assert not any("seed" in name for name in weights.read_tensors(path))  # dropout's state is no weight


def test_card_is_inside_and_beside_the_file(path: Path) -> None:
    card = weights.save_weights(TENSORS, CARD, path)
    beside = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert Card.from_json(json.dumps(beside)) == card
    assert beside["format"] == 2
    assert beside["network"]["heads"][1] == {"kind": "class", "name": "gender", "classes": ["Male", "Female"]}
    assert beside["chip"] == {"rule": "aligned", "size": 200, "padding": 0.2, "landmarks": 5}
    assert (beside["data"], card.seed) == ({"seed": 7}, 7)
    assert "Non-commercial" in beside["licence"]


def test_card_is_read_without_keras_and_hdf5(path: Path) -> None:
    weights.save_weights(TENSORS, CARD, path)
    code = "import sys; from pathlib import Path; from facekit.networks.cards import read_card; "
    code += "print(read_card(Path(sys.argv[1])).name, {'keras', 'h5py'} & sys.modules.keys())"
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "test set()\n"


def test_missing_file(path: Path) -> None:
    with pytest.raises(WeightsError, match=r"No weights file .*weights\.h5\. Train one, or name another\."):
        weights.load_network(path)
    with pytest.raises(WeightsError, match="No weights file"):
        weights.load_network(path.parent)


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x89HDF\r\n\x1a\n"])
def test_other_files(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(
        WeightsError, match=r"weights\.h5 is damaged or not a weights file\. Fetch or train it again\.$"
    ):
        weights.load_network(path)


def test_truncated_file(path: Path) -> None:
    weights.save_weights(TENSORS, CARD, path)
    content = path.read_bytes()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        with pytest.raises(WeightsError, match="damaged"):
            read_card(path)


def test_flipped_byte_in_a_tensor(network: keras.Model, path: Path) -> None:
    weights.save_weights(weights.network_tensors(network), CARD, path)
    content = bytearray(path.read_bytes())
    at = content.index(weights.network_tensors(network)["block9_conv1/kernel"].astype(np.float16).tobytes())
    content[at + 1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"weights\.h5 is damaged or not a weights file\. Fetch or train it"):
        weights.load_network(path)


def test_file_without_card(path: Path) -> None:
    weights.write_hdf5(path, TENSORS, {})
    with pytest.raises(WeightsError, match=r"weights\.h5 has no card, so its network is unknown\. Use a file that"):
        weights.load_network(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"The card cannot be read: .*\. Fetch the weights file again\."),
        ("[]", "The card cannot be read"),
        ("{}", "The card cannot be read: 'format'"),
        ('{"format": 3}', r"The card must have format 2 or 1\. Received: 3\. Update facekit\."),
        ('{"format": 1, "name": "x"}', "The card cannot be read: 'network'"),
        ('{"format": 2, "name": "x"}', "The card cannot be read: 'network'"),
        (CARD.to_json().replace('"licence"', '"license"'), "The card cannot be read: .*'license'"),
        (CARD.to_json().replace('"kind": "age"', '"kind": "ages"'), "The card cannot be read: Unknown kind of head"),
        (CARD.to_json().replace('"input_size"', '"size"'), "The card cannot be read: .*'size'"),
        (
            CARD.to_json().replace('"input_size": 103', '"input_size": 0'),
            "input_size must be a side of at least 1 px, or .height, width.. Received: 0",
        ),
        (CARD.to_json().replace('"youngest": 1', '"youngest": 99'), "Ages must be 0 <= youngest < oldest"),
        (CARD.to_json().replace('"aligned"', '"alined"'), "Unknown chip rule: 'alined'. Did you mean 'aligned'"),
        (CARD.to_json().replace('"padding": 0.2', '"padding": -1'), "padding must be at least 0"),
        (CARD.to_json().replace('"padding"', '"margin"'), "The card cannot be read: .*'margin'"),
    ],
)
def test_wrong_cards(text: str, message: str, path: Path) -> None:
    weights.write_hdf5(path, TENSORS, {"card": text})
    with pytest.raises(WeightsError, match=message):
        weights.load_network(path)


def test_card_of_other_heads(network: keras.Model, path: Path) -> None:
    other = replace(CARD, network=replace(CONFIG, heads=(AGE, ClassHead("mood", ("Calm", "Happy")))))
    weights.save_weights(weights.network_tensors(network), other, path)
    with pytest.raises(
        WeightsError, match=r"another network: 6 tensors differ, first gender/bias, gender/kernel, mood"
    ):
        weights.load_network(path)


def test_card_of_other_classes(network: keras.Model, path: Path) -> None:
    other = replace(CARD, network=replace(CONFIG, heads=(AGE, GENDER, ClassHead("race", ("A", "B")))))
    weights.save_weights(weights.network_tensors(network), other, path)
    with pytest.raises(WeightsError, match=r"another network: 2 tensors differ, first race/bias, race/kernel\."):
        weights.load_network(path)


def test_training_starts_from_another_networks_body_and_equal_heads(network: keras.Model, path: Path) -> None:
    mood = ClassHead("mood", ("Calm", "Happy"))
    heads = (AGE, ClassHead("race", ("A", "B")), mood)
    weights.save_weights(weights.network_tensors(network), CARD, path)
    started = build_network(replace(CONFIG, heads=heads, input_size=120))
    before = weights.network_tensors(started)
    weights.load_matching(started, path, replace(CONFIG, heads=heads, input_size=120))
    source, _ = weights.load_network(path)
    source, got = weights.network_tensors(source), weights.network_tensors(started)
    for name, tensor in got.items():
        kept = name.split("/")[0] in ("race", "mood")
        np.testing.assert_array_equal(tensor, before[name] if kept else source[name], err_msg=name)


def test_heads_of_other_inputs_are_not_started_from(network: keras.Model, path: Path) -> None:
    """With features beside the picture, a head of the same name has more weights."""
    weights.save_weights(weights.network_tensors(network), CARD, path)
    config = replace(CONFIG, features="landmarks")
    started = build_network(config)
    before = weights.network_tensors(started)
    weights.load_matching(started, path, config)
    got = weights.network_tensors(started)
    np.testing.assert_array_equal(got["age/kernel"], before["age/kernel"])
    np.testing.assert_array_equal(got["stem/kernel"], weights.read_tensors(path)["stem/kernel"])


def test_training_cannot_start_from_another_body(path: Path) -> None:
    weights.save_weights(TENSORS, CARD, path)
    with pytest.raises(WeightsError, match="another network"):
        weights.load_matching(build_network(CONFIG), path, CONFIG)


def test_training_cannot_start_from_a_backbone_of_another_name(network: keras.Model, path: Path) -> None:
    weights.save_weights(weights.network_tensors(network), CARD, path)
    with pytest.raises(WeightsError, match=r"must be of vggface_vgg16\. Received: .* of dlib_resnet\. Set "):
        weights.load_matching(network, path, replace(CONFIG, backbone="vggface_vgg16"))


def test_failed_writing_leaves_the_former_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights.save_weights(TENSORS, CARD, path)
    former = {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent)}

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        WeightsError, match=r"^Cannot write .*weights\.h5: No space left on device\. Free some space or"
    ):
        weights.save_weights({"other": np.ones(9)}, CARD, path)
    assert {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent)} == former


@pytest.mark.skipif(os.name != "posix", reason="Windows limits no file sizes")
def test_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of the size of files stands for the disk: the writing fails at every stage of it."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (0, 100, 3000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            with pytest.raises(WeightsError, match=r"^Cannot write .*: File too large\. Free some space or choose .*$"):
                weights.save_weights(TENSORS, CARD, path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert os.listdir(path.parent) == []


def test_default_weights_belong_to_the_installation() -> None:
    assert cards.DEFAULT_WEIGHTS == ROOT / "face_weights" / "mobilenet_faces.h5"
