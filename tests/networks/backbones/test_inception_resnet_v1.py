"""FaceNet's network: its layout is that of the weights files that are in use, and they load, oddities included."""

import zlib
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from facekit.core.errors import WeightsError
from facekit.heads import GENDER
from facekit.networks import legacy
from facekit.networks.backbones import BACKBONES
from facekit.networks.config import NetworkConfig
from facekit.networks.legacy import load_facenet
from facekit.networks.network import build_network

TOP = {
    "Bottleneck": {"kernel": (1792, 128)},
    "Bottleneck_BatchNorm": dict.fromkeys(("beta", "moving_mean", "moving_variance"), (128,)),
}


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """The backbone with a head. The pictures' size changes no weight."""
    return build_network(NetworkConfig(backbone="facenet", input_size=75, heads=(GENDER,)))


def value(name: str) -> np.float32:
    return np.float32(zlib.crc32(name.encode()) / 2**32)


def write(path: Path, network: keras.Model, *, whole: bool = False, top: bool = True, suffix: str = "") -> Path:
    """Writes a file as Keras 2 did, with one constant a tensor; layers without weights are listed too."""
    groups: dict[str, dict[str, tuple[int, ...]]] = {"input_1": {}, "lambda_1": {}, "add_1": {}, "Dropout": {}}
    groups |= {
        layer.name: {weight.name: tuple(weight.shape) for weight in layer.weights}
        for layer in network.layers
        if layer.name not in ("gender", "picture", "scaling", "pooled") and not layer.name.endswith(("_scale", "_add"))
    }
    groups |= TOP if top else {}
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        root.attrs["layer_names"] = np.array(list(groups), "S")
        for layer, weights in groups.items():
            names = [f"{layer}{suffix}/{name}:0" for name in weights]
            root.create_group(layer).attrs["weight_names"] = np.array(names, "S") if names else np.array([])
            for name, shape in zip(names, weights.values(), strict=True):
                filled = value(f"{layer}/{name.split('/')[1]}")
                root[layer].create_dataset(name, shape, np.float32, fillvalue=filled, chunks=True)
    return path


def check(network: keras.Model) -> None:
    for layer in network.layers:
        for weight in layer.weights if layer.name != "gender" else []:
            assert (weight.numpy() == value(f"{layer.name}/{weight.name}:0")).all(), f"{layer.name}/{weight.name}"


def test_network_is_that_of_the_published_files(network: keras.Model) -> None:
    """22,808,144 parameters with its embedding of 128 numbers, as its users report."""
    body = sum(layer.count_params() for layer in network.layers if layer.name != "gender")
    assert body + 1792 * 128 + 3 * 128 == 22_808_144
    names = {layer.name for layer in network.layers}
    assert names >= {
        *("Conv2d_1a_3x3", "Conv2d_4b_3x3_BatchNorm", "Block35_1_Branch_0_Conv2d_1x1", "Block35_5_Conv2d_1x1"),
        *("Block35_2_Branch_2_Conv2d_0c_3x3", "Mixed_6a_Branch_1_Conv2d_1a_3x3", "Block17_10_Branch_1_Conv2d_0c_7x1"),
        *("Mixed_7a_Branch_0_Conv2d_0a_1x1", "Mixed_7a_Branch_2_Conv2d_1a_3x3", "Block8_6_Branch_1_Conv2d_0b_1x3"),
    }
    convolution, norm = network.get_layer("Block8_6_Conv2d_1x1"), network.get_layer("Conv2d_1a_3x3_BatchNorm")
    assert convolution.use_bias and (norm.scale, norm.epsilon) == (False, 1e-3)
    scales = {
        name: network.get_layer(f"{name}_scale").scale for name in ("Block35_1", "Block17_1", "Block8_5", "Block8_6")
    }
    assert scales == {"Block35_1": 0.17, "Block17_1": 0.1, "Block8_5": 0.2, "Block8_6": 1.0}
    assert "Block8_5_Activation" in names and "Block8_6_Activation" not in names


def test_pictures_are_prewhitened(network: keras.Model) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 75, 75, 3)).astype(np.float32)
    pictures[1] = 7
    pictures[1, 0, 0, 0] = 8  # nearly without contrast: noise is not blown up
    scaled = keras.ops.convert_to_numpy(keras.Model(network.input, network.get_layer("scaling").output)(pictures))
    for got, picture in zip(scaled, pictures.astype(np.float64), strict=True):
        expected = (picture - picture.mean()) / max(picture.std(), 1 / picture.size**0.5)
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("layout", [{}, {"top": False, "suffix": "_1"}], ids=["with top", "suffix without top"])
def test_published_layouts_are_read(network: keras.Model, tmp_path: Path, layout: dict[str, object]) -> None:
    before = network.get_layer("gender").kernel.numpy()
    load_facenet(network, write(tmp_path / "facenet_keras.h5", network, **layout))  # type: ignore[arg-type]
    check(network)
    np.testing.assert_array_equal(network.get_layer("gender").kernel.numpy(), before)
    for weight in network.weights:
        weight.assign(keras.ops.zeros(weight.shape))


def test_other_files_are_refused(network: keras.Model, tmp_path: Path) -> None:
    path = write(tmp_path / "facenet.h5", network)
    with h5py.File(path, "a") as file:
        del file["Conv2d_2a_3x3"]
        file.attrs["layer_names"] = [name for name in file.attrs["layer_names"] if name != b"Conv2d_2a_3x3"]
    with pytest.raises(WeightsError, match=r"facenet\.h5 does not fit facenet: 1 missing \(Conv2d_2a_3x3/kernel\)\.$"):
        load_facenet(network, path)


def test_weights_are_found_or_the_error_says_where_they_are(
    network: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(legacy, "PROJECT", tmp_path)
    (tmp_path / "vggface_weights").mkdir()
    message = (
        r"^No facenet_keras_weights\.h5 or facenet_keras\.h5 in .*vggface_weights\. Fetch either where the README of "
        r"nyoki-mtl/keras-facenet on GitHub says, and put it there, or start from random weights: pretrained none\.$"
    )
    with pytest.raises(WeightsError, match=message) as caught:
        BACKBONES["facenet"].load_pretrained(network)
    assert caught.value.argument == "pretrained"
    write(tmp_path / "vggface_weights" / "facenet_keras.h5", network, whole=True)
    BACKBONES["facenet"].load_pretrained(network)
    check(network)
