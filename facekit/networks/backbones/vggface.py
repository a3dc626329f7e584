"""VGGFace and VGGFace2 networks, as keras-vggface 0.6 computes them.

Parkhi, Vedaldi, Zisserman: Deep Face Recognition, 2015 (vgg16, from the VGGFace data set).
Cao, Shen, Xie, Parkhi, Zisserman: VGGFace2, 2018 (resnet50 and senet50).

Layers are named as in keras-vggface, with "_" for the "/" that Keras 3 refuses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from facekit.core.errors import InputSizeError, lookup
from facekit.faces.batch import InputSize, height_and_width
from facekit.networks.legacy import load_vggface, vggface_weights_path

# Mean colours that preprocess_input subtracts, by version: blue, green, red.
MEANS = {1: (93.5940, 104.7624, 129.1863), 2: (91.4953, 103.8827, 131.0912)}
POOLINGS = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
SCALINGS: dict[str, Callable[[tuple[float, ...]], np.ndarray]] = {"mean": np.array, "wrapped": np.floor}


@dataclass(frozen=True)
class _Family:
    features: Callable[[keras.KerasTensor], keras.KerasTensor]
    top: Callable[[keras.KerasTensor, int], keras.KerasTensor]
    classes: int  # of the released top
    smallest_size: int  # height and width, pixels
    version: int  # of preprocess_input


def _relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.Activation("relu", name=name)(x)


def _vgg16(x: keras.KerasTensor) -> keras.KerasTensor:
    for stage, (convolutions, filters) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], start=1):
        for i in range(1, convolutions + 1):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{stage}_{i}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{stage}")(x)
    return x


def _vgg16_top(x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc6", "fc7"):
        x = _relu(layers.Dense(4096, name=name)(x), f"{name}_relu")
    return layers.Activation("softmax", name="fc8_softmax")(layers.Dense(classes, name="fc8")(x))


def _conv_bn(
    x: keras.KerasTensor, filters: int, kernel: int, name: str, epsilon: float, strides: int = 1
) -> keras.KerasTensor:
    # With a stride of 2, "same" pads an even size by one more row and column at the end, on every backend.
    x = layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(epsilon=epsilon, name=f"{name}_bn")(x)


def _gate(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Adds squeeze and excitation: weights for the channels, computed from the channels' means."""
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    gate = layers.Conv2D(channels // 16, 1, activation="relu", name=f"{name}_1x1_down")(gate)
    gate = layers.Conv2D(channels, 1, activation="sigmoid", name=f"{name}_1x1_up")(gate)
    return layers.Multiply(name=f"{name}_excite")([x, gate])


def _block(x: keras.KerasTensor, width: int, stage: int, block: int, gated: bool) -> keras.KerasTensor:
    name, epsilon = f"conv{stage}_{block}", 1e-4 if gated else 1e-3
    strides = 2 if block == 1 and stage > 2 else 1
    # The stride sits on the first 1x1, not on the 3x3 as in most ResNets.
    y = _conv_bn(x, width, 1, f"{name}_1x1_reduce", epsilon, strides)
    y = _conv_bn(_relu(y, f"{name}_1x1_reduce_relu"), width, 3, f"{name}_3x3", epsilon)
    y = _conv_bn(_relu(y, f"{name}_3x3_relu"), 4 * width, 1, f"{name}_1x1_increase", epsilon)
    if gated:
        y = _gate(y, name)
    if block == 1:
        x = _conv_bn(x, 4 * width, 1, f"{name}_1x1_proj", epsilon, strides)
    return _relu(layers.Add(name=f"{name}_add")([y, x]), f"{name}_relu")


def _resnet50(x: keras.KerasTensor, gated: bool = False) -> keras.KerasTensor:
    x = _conv_bn(x, 64, 7, "conv1_7x7_s2", 1e-4 if gated else 1e-3, strides=2)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(_relu(x, "conv1_7x7_s2_relu"))
    for stage, (blocks, width) in enumerate([(3, 64), (4, 128), (6, 256), (3, 512)], start=2):
        for block in range(1, blocks + 1):
            x = _block(x, width, stage, block, gated)
    # The network has this pooling also without top. It drops the last rows and columns of a map larger than 7x7.
    return layers.AveragePooling2D(7, name="avg_pool")(x)


def _senet50(x: keras.KerasTensor) -> keras.KerasTensor:
    return _resnet50(x, gated=True)


def _classifier(x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    return layers.Dense(classes, activation="softmax", name="classifier")(layers.Flatten(name="flatten")(x))


FAMILIES = {
    "vgg16": _Family(_vgg16, _vgg16_top, classes=2622, smallest_size=48, version=1),
    "resnet50": _Family(_resnet50, _classifier, classes=8631, smallest_size=197, version=2),
    "senet50": _Family(_senet50, _classifier, classes=8631, smallest_size=197, version=2),
}


def VGGFace(
    include_top: bool = True,
    model: str = "vgg16",
    weights: str | None = "vggface",
    input_tensor: keras.KerasTensor | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    pooling: str | None = None,
    classes: int | None = None,
) -> keras.Model:
    """Builds a face recognition network, with the arguments of keras-vggface.

    Args:
        include_top: whether to add the layers that classify the people of the data set.
        model: "vgg16", "resnet50" or "senet50".
        weights: "vggface" for the released ones, downloaded if `vggface_weights/` lacks them; None for random ones.
        input_tensor: Keras tensor to build on; None for a new input.
        input_shape: (height, width, channels); None for 224x224 with top, and for any size without.
        pooling: without top: "avg" or "max" for (n, channels), None for (n, rows, columns, channels).
        classes: number of people that the top classifies; None for that of the released weights.

    Returns:
        The network. It takes the output of `preprocess_input`: version 1 for vgg16, 2 for the others.

    Raises:
        UnknownNameError: no such model or pooling.
        InputSizeError: a side below 48 (vgg16) or 197 (resnet50, senet50); also a ValueError.
        ValueError: other arguments that do not fit together.
        WeightsError: the released weights are missing and cannot be downloaded, or do not fit.
    """
    family = lookup("VGGFace model", model, FAMILIES)
    pool = lookup("pooling", pooling, POOLINGS) if pooling is not None else None
    if weights not in ("vggface", None):
        raise ValueError(f"Weights must be 'vggface' or None. Received: {weights!r}. Use load_vggface for a file.")
    if weights and include_top and classes not in (None, family.classes):
        raise ValueError(f"The released top has {family.classes} classes. Received: {classes}. Set weights=None.")
    if keras.config.image_data_format() != "channels_last":
        raise ValueError("VGGFace needs Keras's image_data_format to be 'channels_last'. Received: 'channels_first'.")

    if input_tensor is None:
        side = 224 if include_top else None
        input_tensor = keras.Input(input_shape or (side, side, 3), name="input")
    _check_shape(input_tensor.shape[1:], model, include_top)
    x = family.features(input_tensor)
    if include_top:
        x = family.top(x, classes or family.classes)
    elif pool:
        x = pool(name=f"global_{pooling}_pool")(x)
    sources = keras.utils.get_source_inputs(input_tensor)
    network = keras.Model(sources if len(sources) > 1 else sources[0], x, name=f"vggface_{model}")
    if weights:
        load_vggface(network, vggface_weights_path(model, include_top))
    return network


def _check_shape(shape: tuple[int | None, ...], model: str, include_top: bool) -> None:
    if len(shape) != 3:
        raise ValueError(f"Input shape must be (height, width, channels). Received: {shape}.")
    if include_top and None in shape:
        raise ValueError(f"With top the input shape must be known. Received: {shape}. Set input_shape=(224, 224, 3).")
    side = min((side for side in shape[:2] if side is not None), default=None)
    if side is not None and side < FAMILIES[model].smallest_size:
        raise InputSizeError(model, FAMILIES[model].smallest_size, side)


def preprocess_input(x: Any, data_format: str | None = None, version: int = 1) -> np.ndarray:
    """Converts RGB to the input of `VGGFace`: BGR with the mean colour of the data set subtracted.

    Floats keep their type. Integers, with which keras-vggface fails, become float32.

    Args:
        x: RGB, 0..255, (..., 3) with channels last or (n, 3, ...) with channels first. It is not changed.
        data_format: "channels_last" or "channels_first"; None for Keras's image_data_format.
        version: 1 for vgg16, 2 for resnet50 and senet50.

    Returns:
        A new array of the same shape.

    Raises:
        ValueError: no such data format.
        NotImplementedError: no such version, as in keras-vggface.
    """
    data_format = data_format or keras.config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"Data format must be 'channels_last' or 'channels_first'. Received: {data_format!r}.")
    if version not in MEANS:
        raise NotImplementedError(f"Version must be 1 (vgg16) or 2 (resnet50, senet50). Received: {version!r}.")
    x = np.asarray(x)
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(np.float32)
    axis = -1 if data_format == "channels_last" else 1
    means = np.asarray(MEANS[version], x.dtype)
    if axis == 1:
        means = means.reshape(3, *[1] * (x.ndim - 2))
    return np.ascontiguousarray(np.flip(x, axis) - means)


def vggface_backbone(input_size: InputSize, model: str, scaling: str = "mean") -> keras.Model:
    """Builds a network without top that takes plain pictures and scales them in its first layers.

    Args:
        input_size: side of the square pictures, or (height, width), pixels.
        model: "vgg16", "resnet50" or "senet50".
        scaling: "mean" subtracts the data set's mean colour. "wrapped" is for checkpoints of the original training
            script, which subtracted whole numbers (91, 103, 131 of B, G, R) from uint8 in place, so that differences
            below 0 wrapped modulo 256.

    Returns:
        A model from (n, H, W, 3) RGB 0..255 to pooled features: (n, 512) for vgg16, (n, 2048) for the others.

    Raises:
        UnknownNameError: no such model or scaling.
        InputSizeError: `input_size` is too small for the model.
    """
    family = lookup("VGGFace model", model, FAMILIES)
    means = lookup("scaling", scaling, SCALINGS)(MEANS[family.version])
    picture = keras.Input((*height_and_width(input_size), 3), name="picture")
    bgr = ops.flip(picture, axis=-1)
    # float32 under any policy: the 8 bits of bfloat16 are too few for the difference of a pixel and the mean.
    x = layers.Rescaling(1.0, offset=(-means).tolist(), dtype="float32", name="scaling")(bgr)
    if scaling == "wrapped":
        x = ops.mod(x, 256)
    return VGGFace(include_top=False, model=model, weights=None, input_tensor=x, pooling="avg")
