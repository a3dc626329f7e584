"""Checkpoints of age-gender-estimation: what is read from their layout, and that they answer as their network did."""

import re
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from facekit.core.errors import WeightsError
from facekit.estimator import FaceEstimator
from facekit.faces.chips import BoxChip
from facekit.heads import GENDER, AgeHead, ClassHead
from facekit.networks.cards import read_card
from facekit.networks.runtimes import load_runtime
from facekit.networks.weights import load_network

SIZE = 32
NEW, OLD = {"gender": "pred_gender", "age": "pred_age"}, {"gender": "dense_1", "age": "dense_2"}


def old_network(depth: int, width: int) -> keras.Model:
    """The network as it was made: layers in this order, on blue, green, red."""
    inputs = keras.Input((SIZE, SIZE, 3))

    def conv(x: Any, filters: int, side: int, strides: int = 1) -> Any:
        return layers.Conv2D(filters, side, strides, "same", use_bias=False)(x)

    def relu(x: Any) -> Any:
        return layers.Activation("relu")(layers.BatchNormalization()(x))

    x = conv(inputs, 16, 3)
    for filters, strides in ((16 * width, 1), (32 * width, 2), (64 * width, 2)):
        for number in range((depth - 4) // 6):
            step, changes = strides if number == 0 else 1, x.shape[-1] != filters
            shared = relu(x)
            y = conv(relu(conv(shared, filters, 3, step)), filters, 3)
            x = layers.Add()([y, conv(shared, filters, 1, step) if changes else x])
    x = layers.Flatten()(layers.AveragePooling2D(8, 1, "same")(relu(x)))
    heads = {
        name: layers.Dense(n, "softmax", use_bias=False, name=name)(x) for name, n in (("gender", 2), ("age", 101))
    }
    network = keras.Model(inputs, heads)
    random = np.random.default_rng(depth + width)
    for weight in network.weights:
        kernel, positive = len(weight.shape) > 1, weight.path.endswith(("gamma", "variance"))
        spread = np.sqrt(2 / np.prod(weight.shape[:-1])) if kernel else 0.02
        spread *= 0.01 if len(weight.shape) == 2 else 1  # of the heads: their inputs are as large as pixels
        weight.assign(random.normal(0, spread, weight.shape) + positive)
    return network


def write(path: Path, network: keras.Model, heads: dict[str, str] = NEW, first: int = 1, whole: bool = True) -> Path:
    """Writes the layout of Keras 2; `first` is the number of the first layer of each kind."""
    names, counts = {}, {"Conv2D": first, "BatchNormalization": first}
    kinds = {"Conv2D": "conv2d", "BatchNormalization": "batch_normalization"}
    for layer in sorted(network.layers, key=lambda layer: int(re.findall(r"\d*$", layer.name)[0] or 0)):
        if (kind := type(layer).__name__) in kinds:
            names[layer.name] = kinds[kind] + (f"_{counts[kind]}" if counts[kind] else "")
            counts[kind] += 1
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        if whole:
            file.create_group("optimizer_weights").attrs["weight_names"] = [b"iteration"]
        groups = [names.get(layer.name, heads.get(layer.name, layer.name)) for layer in network.layers]
        root.attrs["layer_names"] = np.array(groups, "S")
        for layer, group in zip(network.layers, groups, strict=True):
            made = root.create_group(group)
            made.attrs["weight_names"] = np.array([f"{group}/{weight.name}:0" for weight in layer.weights], "S")
            for weight, values in zip(layer.weights, layer.get_weights(), strict=True):
                made[f"{group}/{weight.name}:0"] = values
    return path


@pytest.fixture(scope="module")
def small() -> keras.Model:
    return old_network(10, 1)


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)


def check(network: keras.Model, path: Path, pictures: NDArray[np.uint8]) -> None:
    expected = {name: np.asarray(rows) for name, rows in network(pictures[..., ::-1].astype(np.float32)).items()}
    assert np.ptp(expected["age"], axis=0).max() > 1e-3  # so that equal answers tell something
    got = load_network(path)[0](pictures.astype(np.float32), training=False)
    for name, rows in expected.items():
        np.testing.assert_allclose(got[name], rows, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("heads", "first", "whole"), [(NEW, 1, True), (OLD, 0, False), (NEW, 20, True)])
def test_small_ones_answer_as_they_did(
    heads: dict[str, str], first: int, whole: bool, small: keras.Model, pictures: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = write(tmp_path / "weights.28-3.73.hdf5", small, heads, first, whole)
    card = read_card(path)
    assert card.network.heads == (AgeHead(youngest=0, oldest=100), ClassHead("gender", ("Female", "Male")))
    assert (card.network.backbone, card.network.input_size, card.network.options) == (
        *("wide_resnet_raw", SIZE, {"depth": 10, "width": 1}),
    )
    assert card.chip == BoxChip(size=SIZE, margin=0.4) and card.seen_test_sides == {"imdb", "wiki"}
    check(small, path, pictures)


def test_wider_and_deeper_ones_of_utkface(pictures: NDArray[np.uint8], tmp_path: Path) -> None:
    network = old_network(16, 2)
    path = write(tmp_path / "weights.29-3.76_utk.hdf5", network)
    card = read_card(path)
    assert card.network.options == {"width": 2} and card.network.heads[1] == GENDER
    assert card.chip == BoxChip(size=SIZE, margin=0.0) and card.seen_test_sides == {"utkface"}
    check(network, path, pictures)
    answers, expected = (load_runtime(path, name).predict(pictures) for name in ("openvino", "keras"))
    for name in ("age", "gender"):
        np.testing.assert_allclose(answers[name], expected[name], rtol=0, atol=1e-4)


def test_people_get_genders_by_name(small: keras.Model, pictures: NDArray[np.uint8], tmp_path: Path) -> None:
    """The same tensors, of which class 0 means the opposite."""
    found = []
    for name in ("weights.28-3.73.hdf5", "weights.29-3.76_utk.hdf5"):
        estimator = FaceEstimator(write(tmp_path / name, small), detector="whole_image", runtime="keras")
        found.append([estimator.estimate(picture)[0].gender.label for picture in pictures])
    assert [{"Male": "Female", "Female": "Male"}[label] for label in found[0]] == found[1]


def test_other_files_are_refused(small: keras.Model, tmp_path: Path) -> None:
    path = write(tmp_path / "weights.hdf5", small)
    with h5py.File(path, "a") as file:
        root = file["model_weights"]
        names = [name for name in root.attrs["layer_names"] if name != b"conv2d_3"]
        root.attrs["layer_names"] = np.array(names)
    with pytest.raises(WeightsError, match=r"has layers of age-gender-estimation, but of no WideResNet: The depth of"):
        read_card(path)
    with h5py.File(path, "a") as file:
        file["model_weights"].attrs["layer_names"] = np.array([*names, b"conv2d_3", b"stem_conv"])
        file["model_weights"].move("conv2d_3", "spare")
        file["model_weights/stem_conv"] = file["model_weights/conv2d_3"] = file["model_weights/spare"]
    with pytest.raises(
        WeightsError, match=r"is of age-gender-estimation's TensorFlow 2 edition, an EfficientNet, whic"
    ):
        read_card(path)
    other = write(tmp_path / "other.hdf5", keras.Sequential([keras.Input((4,)), layers.Dense(3, name="age")]))
    with pytest.raises(WeightsError, match=r"other\.hdf5 has no card, so its network is unknown"):
        read_card(other)


def test_tensors_of_another_shape_are_refused(small: keras.Model, tmp_path: Path) -> None:
    path = write(tmp_path / "weights.hdf5", small)
    with h5py.File(path, "a") as file:
        group = file["model_weights/conv2d_5"]
        name = group.attrs["weight_names"][0].decode()
        shape = group[name].shape
        del group[name]
        group[name] = np.zeros((*shape[:3], shape[3] + 1), np.float32)
    with pytest.raises(WeightsError, match=r"weights\.hdf5 does not fit a WideResNet: "):
        load_network(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(WeightsError, match=r"is damaged or not a weights file"):
        read_card(path)
