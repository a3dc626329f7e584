"""Inception-ResNet-v1 as FaceNet uses it, without its embedding.

Szegedy, Ioffe, Vanhoucke, Alemi 2016: Inception-v4, Inception-ResNet and the Impact of Residual Connections on
Learning. Schroff, Kalenichenko, Philbin 2015: FaceNet. Widths and names are those of D. Sandberg's facenet and of its
Keras copies, whose weights files fit.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from facekit.faces.batch import InputSize, height_and_width

# Branches of blocks: (width, kernel) of each convolution. Two residual branches of block 17 and 8 are separable.
_BLOCK35 = (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (32, 3), (32, 3)))
_BLOCK17 = (((128, 1),), ((128, 1), (128, (1, 7)), (128, (7, 1))))
_BLOCK8 = (((192, 1),), ((192, 1), (192, (1, 3)), (192, (3, 1))))
_MIXED_6A = (((384, 3),), ((192, 1), (192, 3), (256, 3)))
_MIXED_7A = (((256, 1), (384, 3)), ((256, 1), (256, 3)), ((256, 1), (256, 3), (256, 3)))
_STEM = (  # name, width, kernel, stride, padding; max pooling follows the third
    ("Conv2d_1a_3x3", 32, 3, 2, "valid"),
    ("Conv2d_2a_3x3", 32, 3, 1, "valid"),
    ("Conv2d_2b_3x3", 64, 3, 1, "same"),
    ("Conv2d_3b_1x1", 80, 1, 1, "valid"),
    ("Conv2d_4a_3x3", 192, 3, 1, "valid"),
    ("Conv2d_4b_3x3", 256, 3, 2, "valid"),
)

Branches = Sequence[Sequence[tuple[int, Any]]]


def inception_resnet_v1(input_size: InputSize = 160) -> keras.Model:
    """Builds the network with random weights.

    Args:
        input_size: side of the square input, or (height, width), 75 pixels or more.

    Returns:
        A model from pictures (n, H, W, 3) RGB 0..255 to pooled features (n, 1792).
    """
    inputs = keras.Input((*height_and_width(input_size), 3), name="picture")
    x = _prewhitened(inputs)
    for name, width, kernel, strides, padding in _STEM:
        x = _conv_bn(x, width, kernel, name, strides, padding)
        if name == "Conv2d_2b_3x3":
            x = layers.MaxPooling2D(3, strides=2, name="MaxPool_3a_3x3")(x)
    for number in range(1, 6):
        x = _residual_block(x, _BLOCK35, 0.17, f"Block35_{number}")
    x = _reduction(x, _MIXED_6A, "Mixed_6a")
    for number in range(1, 11):
        x = _residual_block(x, _BLOCK17, 0.10, f"Block17_{number}")
    x = _reduction(x, _MIXED_7A, "Mixed_7a")
    for number in range(1, 6):
        x = _residual_block(x, _BLOCK8, 0.20, f"Block8_{number}")
    x = _residual_block(x, _BLOCK8, 1.0, "Block8_6", relu=False)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="pooled")(x), name="facenet")


def _prewhitened(picture: Any) -> Any:
    """Scales each picture to mean 0 and deviation 1; a deviation below that of one grey level in one pixel counts so.

    In Keras's own operations, as exported networks must load without this package.
    """
    height, width, channels = picture.shape[1:]
    mean = ops.mean(picture, axis=(1, 2, 3), keepdims=True)
    deviation = ops.maximum(ops.std(picture, axis=(1, 2, 3), keepdims=True), (height * width * channels) ** -0.5)
    # float32 under any policy: the 8 bits of bfloat16 are too few for the difference of a pixel and the mean.
    return layers.Activation("linear", dtype="float32", name="scaling")((picture - mean) / deviation)


def _conv_bn(x: Any, width: int, kernel: Any, name: str, strides: int = 1, padding: str = "same") -> Any:
    x = layers.Conv2D(width, kernel, strides=strides, padding=padding, use_bias=False, name=name)(x)
    x = layers.BatchNormalization(momentum=0.995, epsilon=1e-3, scale=False, name=f"{name}_BatchNorm")(x)
    return layers.Activation("relu", name=f"{name}_Activation")(x)


def _residual_block(x: Any, branches: Branches, scale: float, name: str, relu: bool = True) -> Any:
    ends = []
    for number, branch in enumerate(branches):
        y = x
        for step, (width, kernel) in enumerate(branch):
            letter = f"0{'abc'[step]}_" if len(branch) > 1 else ""
            y = _conv_bn(y, width, kernel, f"{name}_Branch_{number}_Conv2d_{letter}{_size(kernel)}")
        ends.append(y)
    y = layers.Concatenate(name=f"{name}_Concatenate")(ends)
    y = layers.Conv2D(x.shape[-1], 1, name=f"{name}_Conv2d_1x1")(y)
    y = layers.Rescaling(scale, name=f"{name}_scale")(y)
    x = layers.Add(name=f"{name}_add")([x, y])
    return layers.Activation("relu", name=f"{name}_Activation")(x) if relu else x


def _reduction(x: Any, branches: Branches, name: str) -> Any:
    """Halves the map: the last convolution of each branch does, as does a pooling."""
    ends = []
    for number, branch in enumerate(branches):
        y = x
        for step, (width, kernel) in enumerate(branch):
            prefix = f"{name}_Branch_{number}_Conv2d_"
            if step == len(branch) - 1:
                y = _conv_bn(y, width, kernel, f"{prefix}1a_{_size(kernel)}", 2, "valid")
            else:
                y = _conv_bn(y, width, kernel, f"{prefix}0{'ab'[step]}_{_size(kernel)}")
        ends.append(y)
    ends.append(layers.MaxPooling2D(3, strides=2, name=f"{name}_Branch_{len(branches)}_MaxPool_1a_3x3")(x))
    return layers.Concatenate(name=name)(ends)


def _size(kernel: Any) -> str:
    rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
    return f"{rows}x{columns}"
