"""Wide residual networks with pre-activation (Zagoruyko and Komodakis 2016; He et al. 2016, Identity Mappings)."""

from typing import Any

import keras
from keras import layers

from facekit.faces.batch import InputSize, height_and_width

_GROUPS = ((16, 1), (32, 2), (64, 2))  # width at factor 1, and strides of the first block


def wide_resnet(input_size: InputSize, raw: bool = False, *, depth: int = 16, width: int = 8) -> keras.Model:
    """Builds the network with random weights.

    Args:
        input_size: side of the square input, or (height, width), pixels.
        raw: whether to leave the pixels 0..255 as they are; else they are scaled to -1..1.
        depth: number of layers, 6n + 4: three groups of n blocks.
        width: factor of the blocks' widths.

    Returns:
        A model from pictures (n, H, W, 3) RGB 0..255 to pooled features (n, 64 * width).
    """
    inputs = keras.Input((*height_and_width(input_size), 3), name="picture")
    scale, offset = (1.0, 0.0) if raw else (1 / 127.5, -1.0)
    # float32 under any policy: the 8 bits of bfloat16 are too few for the difference of a pixel and the mean.
    x = layers.Rescaling(scale, offset, dtype="float32", name="scaling")(inputs)
    x = _convolution(x, 16, 3, 1, "stem")
    for group, (factor, strides) in enumerate(_GROUPS, start=1):
        for block in range(1, 1 + (depth - 4) // 6):
            x = _block(x, factor * width, strides if block == 1 else 1, f"group{group}_block{block}")
    x = _activation(x, "last")
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="pooled")(x), name="wide_resnet")


def _block(x: Any, width: int, strides: int, name: str) -> Any:
    """Adds a basic block; where the width changes, the 1x1 shortcut starts behind the first batch norm and ReLU."""
    y = _activation(x, f"{name}_1")
    shortcut = x if x.shape[-1] == width else _convolution(y, width, 1, strides, f"{name}_shortcut")
    y = _convolution(y, width, 3, strides, f"{name}_conv1")
    y = _convolution(_activation(y, f"{name}_2"), width, 3, 1, f"{name}_conv2")
    return layers.Add(name=f"{name}_add")([y, shortcut])


def _activation(x: Any, name: str) -> Any:
    return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn")(x))


def _convolution(x: Any, width: int, size: int, strides: int, name: str) -> Any:
    return layers.Conv2D(
        width, size, strides, "same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)  # fmt: skip
