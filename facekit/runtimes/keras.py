"""Answers by Keras."""

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

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

    def predict(self, chips: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Chips (n, S, S, 3) of any size -> head's name -> probabilities (n, classes)."""
        chips = resize_chips(chips, self.card.network.input_size)
        batches = [chips[at : at + BATCH_SIZE] for at in range(0, len(chips), BATCH_SIZE)]
        # Called, not `predict`: compiling takes longer than the few photographs that most people have.
        answers = [self.network(batch.astype(np.float32), training=False) for batch in batches]
        return {
            head.name: np.concatenate(
                [np.empty((0, len(head.classes)), np.float32)]
                + [keras.ops.convert_to_numpy(answer[head.name]) for answer in answers]
            )
            for head in self.card.network.heads
        }
