"""Answers by Keras."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from facekit.networks.runtimes.runtime import Runtime
from facekit.networks.weights import load_network


class KerasRuntime(Runtime):
    """A network as it was trained, on the device that Keras chooses.

    Args:
        weights: file that `face_train.py` wrote, or a checkpoint of the original scripts. Raises WeightsError.
    """

    batch_size = 32

    def __init__(self, weights: Path) -> None:
        self.network, self.card = load_network(weights)
        self._call = _compiled(self.network)

    def _answer(self, chips: NDArray[np.uint8]) -> dict[str, NDArray[np.floating]]:
        answers = self._call(chips.astype(np.float32))
        return {name: keras.ops.convert_to_numpy(rows) for name, rows in answers.items()}


def _compiled(network: keras.Model) -> Callable[[NDArray[np.float32]], dict[str, Any]]:
    """The network as one graph for batches of any size: layer by layer, a face takes six times as long.

    Not `network.predict`, which traces two graphs and each at greater cost.
    """
    call = partial(network, training=False)
    if keras.backend.backend() != "tensorflow":
        return call
    import tensorflow as tf  # type: ignore[import-untyped]

    return tf.function(call, input_signature=[tf.TensorSpec(network.input_shape, tf.float32)], autograph=False)
