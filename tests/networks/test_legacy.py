"""Weights files of Keras 2, in every layout that they are known to have."""

import importlib.util
import zlib
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from facekit.core.errors import WeightsError
from facekit.heads import AGE
from facekit.networks import legacy
from facekit.networks.backbones.vggface import VGGFace, vggface_backbone
from facekit.networks.cards import ORIGINAL_CARD
from facekit.networks.legacy import is_original_checkpoint, load_original_checkpoint, load_vggface, vggface_weights_path
from facekit.networks.network import build_network
from facekit.networks.runtimes import load_runtime

HEADS = {"age": 93, "gender": 2, "race": 5}


@pytest.fixture(scope="module")
def vgg16() -> keras.Model:
    return VGGFace(include_top=False, model="vgg16", weights=None, input_shape=(48, 48, 3), pooling="avg")


@pytest.fixture(scope="module")
def original() -> keras.Model:
    """The network of the original training script, with our names."""
    backbone = vggface_backbone(200, "resnet50", scaling="wrapped")
    heads = {
        name: keras.layers.Dense(classes, activation="softmax", name=name)(backbone.output)
        for name, classes in HEADS.items()
    }
    return keras.Model(backbone.input, heads)


def group_name(layer: str) -> str:
    if layer in HEADS:
        return f"predications_{layer}"
    return (layer.removesuffix("_bn") + "/bn" * layer.endswith("_bn")).replace("conv1_7x7", "conv1/7x7")


def number(name: str) -> float:
    """One value for each tensor, so that a mistaken one shows; constant tensors keep the files small."""
    return zlib.crc32(name.encode()) / 2**32


def write(
    path: Path,
    network: keras.Model,
    *,
    suffix: str = "",
    whole: bool = False,
    nested: bool = False,
    text: bool = False,
) -> Path:
    """A legacy file of a network. Nested: all but the heads is one layer, as if it were a network of its own."""

    def names(values: list[str]) -> np.ndarray:
        if not values:
            return np.array([])  # what Keras 2 wrote
        return np.array(values, dtype=h5py.string_dtype() if text else "S")

    groups: dict[str, dict[str, tuple[int, ...]]] = {"input_1": {}}
    for layer in network.layers:
        group = group_name(layer.name)
        outer = "vggface_resnet50" if nested and layer.name not in HEADS else group
        for weight in layer.weights:
            groups.setdefault(outer, {})[f"{group}{suffix}/{weight.name}:0"] = tuple(weight.shape)
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        root.attrs["layer_names"] = names(list(groups))
        for group, weights in groups.items():
            root.create_group(group).attrs["weight_names"] = names(list(weights))
            for name, shape in weights.items():
                value = number(name.replace(suffix + "/", "/"))
                root[group].create_dataset(name, shape, np.float32, fillvalue=np.float32(value), chunks=True)
        root.create_group("top_level_model_weights")
    return path


def check(network: keras.Model) -> None:
    for layer in network.layers:
        for weight, got in zip(layer.weights, layer.get_weights(), strict=True):
            want = np.float32(number(f"{group_name(layer.name)}/{weight.name}:0"))
            assert (got == want).all(), f"{layer.name}/{weight.name}"


def clear(network: keras.Model) -> None:
    for weight in network.weights:
        weight.assign(keras.ops.zeros(weight.shape))


@pytest.mark.parametrize("suffix", ["", "_1"])
@pytest.mark.parametrize("text", [False, True])
def test_released_files_are_read(vgg16: keras.Model, tmp_path: Path, suffix: str, text: bool) -> None:
    clear(vgg16)
    load_vggface(vgg16, write(tmp_path / "weights.h5", vgg16, suffix=suffix, text=text))
    check(vgg16)


def test_heads_on_a_released_network_keep_their_weights(vgg16: keras.Model, tmp_path: Path) -> None:
    clear(vgg16)
    head = keras.layers.Dense(2, name="gender")
    network = keras.Model(vgg16.input, head(keras.layers.Dropout(0.1)(vgg16.output)))
    before = head.get_weights()
    load_vggface(network, write(tmp_path / "weights.h5", vgg16))
    check(vgg16)
    np.testing.assert_array_equal(head.get_weights()[0], before[0])


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_original_checkpoints_are_read(original: keras.Model, tmp_path: Path, whole: bool, nested: bool) -> None:
    clear(original)
    path = write(tmp_path / "face_weights.26.utk.h5", original, whole=whole, nested=nested, text=True)
    assert is_original_checkpoint(path)
    load_original_checkpoint(original, path)
    check(original)


def test_nested_networks_are_filled(original: keras.Model, tmp_path: Path) -> None:
    path = write(tmp_path / "face_weights.26.utk.h5", original, whole=True)
    clear(original)
    outer = keras.Input((200, 200, 3))
    load_original_checkpoint(keras.Model(outer, original(outer)), path)
    check(original)


def test_released_file_gives_the_original_numbers(shared: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("make_weights", shared / "oracle" / "make_weights.py")
    assert spec and spec.loader
    rules = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rules)
    path = tmp_path / "weights.h5"
    rules.write_legacy(rules.load_inventory(shared / "oracle" / "inventory_resnet50_notop.json"), path, suffix="_1")
    network = vggface_backbone(200, "resnet50")
    load_vggface(network, path)
    path.unlink()  # 95 MB
    expected = np.load(shared / "oracle" / "expected_resnet50.npz")["notop_200x200_avg.full"]
    got = keras.ops.convert_to_numpy(network(rules.images(200, 200)))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_file_of_another_network_is_refused(vgg16: keras.Model, original: keras.Model, tmp_path: Path) -> None:
    path = write(tmp_path / "weights.h5", original)
    message = (
        r"weights\.h5 does not fit vggface_vgg16: 26 missing \(conv1_1/bias, conv1_1/kernel, conv1_2/bias, \.\.\.\); "
        r"271 left over \(conv1_7x7_s2/kernel, conv1_7x7_s2_bn/beta, conv1_7x7_s2_bn/gamma, \.\.\.\)\.$"
    )
    assert not is_original_checkpoint(write(tmp_path / "vgg16.h5", vgg16))
    with pytest.raises(WeightsError, match=message):
        load_vggface(vgg16, path)


def test_tensor_of_another_shape_is_refused(vgg16: keras.Model, tmp_path: Path) -> None:
    path = write(tmp_path / "weights.h5", vgg16)
    grey = VGGFace(False, "vgg16", None, input_shape=(48, 48, 1))
    with pytest.raises(WeightsError, match=r"vggface_vgg16: 1 of another shape \(conv1_1/kernel\)\.$"):
        load_vggface(grey, path)


def test_damaged_files_are_refused(vgg16: keras.Model, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.h5", vgg16).read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "page.h5").write_text("<html>Log in to the hotel's network</html>")
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    for name in ("cut.h5", "page.h5"):
        assert not is_original_checkpoint(tmp_path / name)
        with pytest.raises(WeightsError, match=rf"{name} is damaged or not a weights file\. Fetch or train it"):
            load_vggface(vgg16, tmp_path / name)
    with pytest.raises(WeightsError, match=r"does not fit vggface_vgg16: 26 missing"):
        load_vggface(vgg16, tmp_path / "empty.h5")
    with pytest.raises(WeightsError, match=r"^No weights file .*none\.h5\. Train one, or name another\.$"):
        load_vggface(vgg16, tmp_path / "none.h5")
    assert not is_original_checkpoint(tmp_path / "none.h5")


def test_released_weights_are_found_by_name(
    vgg16: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(legacy, "PROJECT", tmp_path)
    folder = tmp_path / "vggface_weights"
    folder.mkdir()
    path = write(folder / "rcmalli_vggface_tf_notop_vgg16.h5", vgg16)
    assert vggface_weights_path("vgg16", include_top=False) == path
    check(VGGFace(include_top=False, model="vgg16"))


def test_released_weights_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    monkeypatch.setattr(legacy, "PROJECT", tmp_path)
    monkeypatch.setattr("facekit.core.download.fetch", lambda *arguments: fetched.append(arguments))
    path = vggface_weights_path("senet50", include_top=True)
    assert path == tmp_path / "vggface_weights" / "rcmalli_vggface_tf_senet50.h5"
    url = f"https://github.com/rcmalli/keras-vggface/releases/download/v2.0/{path.name}"
    assert fetched == [(url, path, None)]
    monkeypatch.setitem(legacy.RELEASE_SHA256, path.name, "abc")
    vggface_weights_path("senet50", include_top=True)
    assert fetched[1] == (url, path, "abc")


def test_without_network_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legacy, "PROJECT", tmp_path)
    monkeypatch.setattr(legacy, "RELEASE", "http://127.0.0.1:9/")  # the discard port: nothing listens
    message = r"Put rcmalli_vggface_tf_notop_resnet50\.h5 into .*vggface_weights, or start .*: pretrained none\.$"
    with pytest.raises(WeightsError, match=message) as caught:
        vggface_weights_path("resnet50", include_top=False)
    assert caught.value.argument == "pretrained"


@pytest.mark.slow
def test_original_checkpoint_answers_alike_in_both_runtimes(chips: NDArray[np.uint8], tmp_path: Path) -> None:
    path = write(tmp_path / "face_weights.26.utk.h5", build_network(ORIGINAL_CARD.network))
    answers, expected = (load_runtime(path, name).predict(chips[:2]) for name in ("openvino", "keras"))
    assert answers.keys() == expected.keys()
    for name, rows in expected.items():
        np.testing.assert_allclose(answers[name], rows, rtol=0, atol=1e-4)
    np.testing.assert_allclose(AGE.values(answers["age"]), AGE.values(expected["age"]), rtol=0, atol=0.01)
