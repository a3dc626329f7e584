"""Networks of keras.applications, with the scaling of their published ImageNet weights inside.

InceptionV3: Szegedy et al. 2016, Rethinking the Inception Architecture for Computer Vision.
VGG16: Simonyan and Zisserman 2015, Very Deep Convolutional Networks for Large-Scale Image Recognition.
"""

import re
from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from facekit.core.errors import WeightsError
from facekit.faces.batch import InputSize, height_and_width

_MEAN = (103.939, 116.779, 123.68)  # B, G, R
# Layers that keras.applications does not name: Keras numbers them on from all that a process has built.
_NUMBERED = re.compile(r"(conv2d|batch_normalization|activation|(?:max|average)_pooling2d|concatenate)(?:_(\d+))?")
APPLICATIONS: dict[str, Callable[..., keras.Model]] = {
    "inception_v3": keras.applications.InceptionV3,
    "vgg16_imagenet": keras.applications.VGG16,
}


def inception_v3(input_size: InputSize) -> keras.Model:
    """Builds InceptionV3 with random weights.

    Args:
        input_size: side of the square input, or (height, width), 75 pixels or more.

    Returns:
        A model from pictures (n, H, W, 3) RGB 0..255 to pooled features (n, 2048).
    """
    inputs = keras.Input((*height_and_width(input_size), 3), name="picture")
    # float32 under any policy: the 8 bits of bfloat16 are too few for 256 values.
    x = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="scaling")(inputs)
    return _pooled(_renamed(APPLICATIONS["inception_v3"](include_top=False, weights=None, input_tensor=x)))


def vgg16_imagenet(input_size: InputSize) -> keras.Model:
    """Builds VGG16 without its dense layers, with random weights. Arguments as of `inception_v3`, from 32 pixels on.

    Returns:
        A model from pictures (n, H, W, 3) RGB 0..255 to pooled features (n, 512).
    """
    inputs = keras.Input((*height_and_width(input_size), 3), name="picture")
    offset = [-mean for mean in _MEAN]
    x = layers.Rescaling(1.0, offset=offset, dtype="float32", name="scaling")(ops.flip(inputs, axis=-1))
    return _pooled(APPLICATIONS["vgg16_imagenet"](include_top=False, weights=None, input_tensor=x))


def load_imagenet_weights(model: keras.Model, name: str) -> None:
    """Fills the layers of a network from keras.applications' ImageNet weights; others keep their weights.

    Args:
        model: the network, or one that was built on it.
        name: a key of APPLICATIONS. The weights are downloaded once, into Keras's own cache.

    Raises:
        WeightsError: they cannot be downloaded.
    """
    try:
        published = APPLICATIONS[name](include_top=False, weights="imagenet")
    except Exception as error:  # what `keras.utils.get_file` raises
        reason = str(error).splitlines()[0]
        raise WeightsError(
            f"The ImageNet weights of {name} cannot be downloaded: {reason}. Start from random ones: pretrained none.",
            argument="pretrained",
        ) from error
    names = _names(published)
    for layer in published.layers:
        if layer.weights:
            model.get_layer(names[layer.name]).set_weights(layer.get_weights())


def _names(model: keras.Model) -> dict[str, str]:
    """Returns the name of each layer -> one that depends on the network alone: weights files key tensors by it."""
    numbers: dict[str, list[int]] = {}
    matches = {layer.name: _NUMBERED.fullmatch(layer.name) for layer in model.layers}
    for match in filter(None, matches.values()):
        numbers.setdefault(match[1], []).append(int(match[2] or 0))
    ranks = {kind: {number: rank for rank, number in enumerate(sorted(found), 1)} for kind, found in numbers.items()}
    return {
        name: f"{match[1]}{ranks[match[1]][int(match[2] or 0)]}" if match else name for name, match in matches.items()
    }


def _renamed(model: keras.Model) -> keras.Model:
    names = _names(model)

    def clone(layer: Any) -> Any:
        return type(layer).from_config({**layer.get_config(), "name": names[layer.name]})

    return keras.models.clone_model(model, clone_function=clone)


def _pooled(model: keras.Model) -> keras.Model:
    return keras.Model(model.inputs[0], layers.GlobalAveragePooling2D(name="pooled")(model.outputs[0]))
