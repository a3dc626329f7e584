"""Keras runtime."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from facekit.networks.network import network_input
from facekit.networks.runtimes.runtime import POOLED, Inputs, Runtime
from facekit.networks.weights import load_network


class KerasRuntime(Runtime):
    """Runs a network as it was trained, on the device that Keras chooses.

    Args:
        weights: file that a training wrote, or a checkpoint of the original scripts.

    Raises:
        WeightsError: the weights cannot be used.
    """

    batch_size = 32

    def __init__(self, weights: Path) -> None:
        network, self.card = load_network(weights)
        pooled = network.get_layer(self.card.network.heads[0].name).input
        self.network = keras.Model(network.input, {**network.output, POOLED: pooled})
        self._call = _compiled(self.network)

    def _run(self, inputs: Inputs) -> dict[str, NDArray[np.floating]]:
        outputs = self._call(network_input({name: rows.astype(np.float32) for name, rows in inputs.items()}))
        return {name: keras.ops.convert_to_numpy(rows) for name, rows in outputs.items()}


def _compiled(network: keras.Model) -> Callable[[Any], dict[str, Any]]:
    """Compiles a network to one graph for batches of any size: layer by layer, a face takes six times as long.

    `network.predict` would trace two graphs, each at greater cost.
    """
    call = partial(network, training=False)
    if keras.backend.backend() != "tensorflow":
        return call
    import tensorflow as tf  # type: ignore[import-untyped]

    signature = keras.tree.map_structure(lambda tensor: tf.TensorSpec(tensor.shape, tf.float32), network.input)
    return tf.function(call, input_signature=[signature], autograph=False)
