"""Backbone + heads -> Keras model. Networks take RGB 0..255 (n, S, S, 3) and give probabilities by head."""

import keras
from keras import layers

from facekit.core.errors import TrainingError
from facekit.networks.backbones import find_backbone
from facekit.recipes.recipe import NetworkConfig


def build_network(config: NetworkConfig) -> keras.Model:
    """The network with random weights.

    Returns:
        A model from (n, S, S, 3) RGB 0..255 to a dict: head's name -> probabilities (n, classes), float32.

    Raises:
        UnknownNameError: no such backbone.
        InputSizeError: the input is too small for it.
    """
    backbone = find_backbone(config.backbone, config.input_size).build(config.input_size)
    features = backbone.output
    if config.dropout:
        features = layers.Dropout(config.dropout, name="dropout")(features)
    outputs = {
        # float32 whatever the policy: small probabilities decide the loss.
        head.name: layers.Dense(len(head.classes), activation="softmax", dtype="float32", name=head.name)(features)
        for head in config.heads
    }
    return keras.Model(backbone.input, outputs, name=config.backbone)


def freeze(network: keras.Model, trainable_from: str | None) -> None:
    """Stops the training of all layers before the named one; frozen batch norm keeps its statistics.

    Raises:
        TrainingError: the network has no such layer.
    """
    if trainable_from is None:
        return
    names = [layer.name for layer in network.layers]
    if trainable_from not in names:
        raise TrainingError(
            f"trainable_from must name a layer. Received: {trainable_from!r}. `python face.py` lists the layers."
        )
    for layer in network.layers[: names.index(trainable_from)]:
        layer.trainable = False
