"""Backbone + heads -> Keras model. Networks take RGB 0..255 (n, H, W, 3) and give each head's values (n, width)."""

import difflib
from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from facekit.core.errors import TrainingError
from facekit.faces.features import feature_width
from facekit.networks.backbones import find_backbone
from facekit.networks.config import NetworkConfig


def build_network(config: NetworkConfig, dropout: float = 0.0) -> keras.Model:
    """Builds the network with random weights.

    Args:
        config: the network. Each of its branches becomes one layer.
        dropout: fraction of the features that training drops before the heads.

    Returns:
        A model from pictures (n, H, W, 3) RGB 0..255, or from a dict of `config.inputs`, to a dict: head's name -> (n,
        width), float32.

    Raises:
        UnknownNameError: no such backbone or features.
        InputSizeError: the input is too small for the backbone.
    """
    backbone = find_backbone(config.backbone, config.input_size).build(config.input_size, **config.options)
    inputs, x = backbone.input, backbone.output
    map_ = backbone.layers[-1].input
    if config.pooling == "max":
        x = layers.GlobalMaxPooling2D(name="max_pooled")(map_)
    elif config.pooling == "windows":
        x = layers.AveragePooling2D(8, strides=1, padding="same", name="windows")(map_)
        x = layers.Flatten(name="flat")(x)
    if config.features:
        features = keras.Input((feature_width(config.features),), name="features")
        inputs = {"picture": backbone.input, "features": features}
        x = layers.Concatenate(name="with_features")([x, features])
    for number, width in enumerate(config.hidden, start=1):
        x = layers.Dense(width, activation="relu", name=f"hidden{number}")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    outputs = {head.name: head.output(x) for head in config.trunk.heads}
    for branch in config.branches:
        reduce = layers.AveragePooling2D(config.reduction(branch), dtype="float32", name=f"{branch.backbone}_picture")
        outputs |= build_network(branch)(reduce(backbone.input))
    return keras.Model(inputs, {head.name: outputs[head.name] for head in config.heads}, name=config.backbone)


def keep_heads(network: keras.Model, config: NetworkConfig) -> keras.Model:
    """Returns the network without the heads that are not in a configuration; its other layers are shared."""
    outputs = {head.name: network.output[head.name] for head in config.heads}
    if outputs.keys() == network.output.keys():
        return network
    return keras.Model(network.input, outputs, name=network.name)


def network_input(inputs: Mapping[str, Any]) -> Any:
    """Returns what `build_network`'s model takes: the picture alone, or the dict where there are several inputs."""
    return dict(inputs) if len(inputs) > 1 else inputs["picture"]


def freeze(network: keras.Model, trainable_from: str | None) -> None:
    """Excludes all layers before the named one from training; frozen batch norm keeps its statistics.

    Raises:
        TrainingError: the network has no such layer.
    """
    if trainable_from is None:
        return
    names = [layer.name for layer in network.layers]
    if trainable_from not in names:
        near = difflib.get_close_matches(trainable_from, names, n=5, cutoff=0)
        raise TrainingError(
            f"trainable_from must name one of the {len(names)} layers of {network.name}. Received: {trainable_from!r}. "
            f"Nearest: {', '.join(near)}. Set one of them, or None to train all."
        )
    for layer in network.layers[: names.index(trainable_from)]:
        layer.trainable = False
