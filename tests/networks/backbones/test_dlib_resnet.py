"""dlib's ResNet against dlib's own, and at other sizes against plain NumPy."""

from pathlib import Path

import dlib
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from facekit.core.errors import FaceKitError, WeightsError
from facekit.faces.chips import resize_chips
from facekit.faces.dlib_files import dlib_file
from facekit.networks.backbones import BACKBONES, find_backbone
from facekit.networks.backbones.dlib_resnet import dlib_resnet, load_dlib_weights

FILE = "dlib_face_recognition_resnet_model_v1.dat"
Array = NDArray[np.float32]


def outputs(model: keras.Model, chips: NDArray[np.uint8]) -> Array:
    return keras.ops.convert_to_numpy(model(chips.astype(np.float32), training=False))


@pytest.fixture(scope="module")
def descriptor() -> keras.Model:
    model = dlib_resnet(descriptor=True)
    load_dlib_weights(model)
    return model


def test_descriptor_agrees_with_dlib(descriptor: keras.Model, chips: NDArray[np.uint8]) -> None:
    chips = resize_chips(chips, 150)
    theirs = dlib.face_recognition_model_v1(str(dlib_file(FILE)))
    expected = np.array([theirs.compute_face_descriptor(chip) for chip in chips])
    np.testing.assert_allclose(outputs(descriptor, chips), expected, rtol=0, atol=1e-5)


def test_features_are_what_the_descriptor_is_made_of(descriptor: keras.Model, chips: NDArray[np.uint8]) -> None:
    features = dlib_resnet()
    load_dlib_weights(features)
    chips = resize_chips(chips[:2], 150)
    (matrix,) = descriptor.get_layer("descriptor").get_weights()
    assert features.output_shape == (None, 256)
    np.testing.assert_allclose(outputs(features, chips) @ matrix, outputs(descriptor, chips), atol=1e-5)


def conv(x: Array, weights: list[Array], stride: int, padding: int) -> Array:
    """(H, W, C) -> (H', W', filters), one output pixel after the other."""
    kernel, bias = weights
    x = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
    side = len(kernel)
    rows = range(0, x.shape[0] - side + 1, stride)
    columns = range(0, x.shape[1] - side + 1, stride)
    flat = kernel.reshape(-1, kernel.shape[-1])
    return np.array([[x[r : r + side, c : c + side].ravel() @ flat for c in columns] for r in rows]) + bias


def pool(x: Array, side: int, how: str) -> Array:
    rows, columns = range(0, x.shape[0] - side + 1, 2), range(0, x.shape[1] - side + 1, 2)
    return np.array([[getattr(x[r : r + side, c : c + side], how)(axis=(0, 1)) for c in columns] for r in rows])


def add(x: Array, y: Array) -> Array:
    total = np.zeros(np.maximum(x.shape, y.shape), np.float32)
    for part in (x, y):
        total[: part.shape[0], : part.shape[1], : part.shape[2]] += part
    return total


def oracle(model: keras.Model, chip: NDArray[np.uint8]) -> Array:
    """The network as dlib describes it, for one chip."""
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    x = (chip.astype(np.float32) - np.array([122.782, 117.001, 104.298], np.float32)) / 256
    x = pool(np.maximum(conv(x, weights["stem"], 2, 0), 0), 3, "max")
    for block, down in enumerate("---d---d--d--d", start=1):
        first, second = weights[f"block{block}_conv1"], weights[f"block{block}_conv2"]
        y = np.maximum(conv(x, first, 2, 0) if down == "d" else conv(x, first, 1, 1), 0)
        shortcut = pool(x, 2, "mean") if down == "d" else x
        x = np.maximum(add(conv(y, second, 1, 1), shortcut), 0)
    return x.mean(axis=(0, 1))


@pytest.mark.parametrize("size", [103, *np.random.default_rng(0).integers(104, 170, 2).tolist()])
def test_other_sizes_agree_with_plain_numpy(size: int, chips: NDArray[np.uint8]) -> None:
    model = dlib_resnet(size)
    load_dlib_weights(model)
    chip = resize_chips(chips[:1], size)
    expected = oracle(model, chip[0])
    np.testing.assert_allclose(outputs(model, chip)[0], expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_smallest_size_is_the_smallest_that_can_be_built() -> None:
    assert BACKBONES["dlib_resnet"].smallest_size == 103
    with pytest.raises(
        FaceKitError, match=r"at least 103 for dlib_resnet\. Received: 102\. Set input_size=103 or more"
    ):
        find_backbone("dlib_resnet", 102)
    with pytest.raises(ValueError):
        dlib_resnet(102)


def test_further_layers_are_left_alone() -> None:
    backbone = dlib_resnet(103)
    head = keras.layers.Dense(2, name="gender")
    network = keras.Model(backbone.input, head(backbone.output))
    before = [value.copy() for value in head.get_weights()]
    load_dlib_weights(network)
    for value, after in zip(before, head.get_weights(), strict=True):
        np.testing.assert_array_equal(value, after)


@pytest.mark.parametrize("damage", ["truncated", "another file", "another network"])
def test_file_that_is_not_the_network(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "network.dat"
    if damage == "truncated":
        path.write_bytes(dlib_file(FILE).read_bytes()[:20_000_000])
    elif damage == "another file":
        path.write_bytes(b"no network")
    else:
        path.write_bytes(dlib_file("mmod_human_face_detector.dat").read_bytes())
    with pytest.raises(WeightsError, match=r"network\.dat is not dlib's face recognition network: .+ Install"):
        load_dlib_weights(dlib_resnet(103), path)
