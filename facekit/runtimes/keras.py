"""Answers by Keras."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facekit.chips import resize_chips
from facekit.weights import load_network

BATCH_SIZE = 32


class KerasRuntime:
    """A network with its card.

    Args:
        weights: file that `face_train.py` wrote, or a checkpoint of the original scripts. Raises WeightsError.
    """

    def __init__(self, weights: Path) -> None:
        self.network, self.card = load_network(weights)
        self._call = _compiled(self.network)

    def predict(self, chips: NDArray[np.uint8]) -> dict[str, NDArray[np.floating]]:
        """Chips (n, S, S, 3) of any size -> head's name -> probabilities (n, classes), calibrated by the card."""
        return self.card.calibration.apply(self.card.network.heads, self.predict_raw(chips))

    def predict_raw(self, chips: NDArray[np.uint8]) -> dict[str, NDArray[np.floating]]:
        """The same as the network gives it, before any calibration."""
        chips = resize_chips(chips, self.card.network.input_size)
        batches = [chips[at : at + BATCH_SIZE] for at in range(0, len(chips), BATCH_SIZE)]
        bar = tqdm(batches, desc="Estimating", leave=False, disable=None, delay=2)
        answers = [self._call(batch.astype(np.float32)) for batch in bar]
        return {
            head.name: np.concatenate(
                [np.empty((0, len(head.classes)), np.float32)]
                + [keras.ops.convert_to_numpy(answer[head.name]) for answer in answers]
            )
            for head in self.card.network.heads
        }


def _compiled(network: keras.Model) -> Callable[[NDArray[np.float32]], dict[str, Any]]:
    """The network as one graph for batches of any size: layer by layer, a face takes six times as long.

    Not `network.predict`, which traces two graphs and each at greater cost.
    """
    call = partial(network, training=False)
    if keras.backend.backend() != "tensorflow":
        return call
    import tensorflow as tf  # type: ignore[import-untyped]

    return tf.function(call, input_signature=[tf.TensorSpec(network.input_shape, tf.float32)], autograph=False)
