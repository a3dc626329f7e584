"""What all runtimes have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facekit.faces.chips import resize_chips
from facekit.networks.cards import Card

_BAR = 10  # batches; fewer are done before a progress bar would show


class Runtime(ABC):
    """A network that answers, with its card. Any thread may ask it.

    Args:
        card: of its weights.
        batch_size: how many chips go through the network together.
    """

    card: Card
    batch_size: int

    def predict(self, chips: NDArray[np.uint8]) -> dict[str, NDArray[np.floating]]:
        """Chips (n, S, S, 3) of any size -> head's name -> probabilities (n, classes), calibrated by the card."""
        return self.card.calibration.apply(self.card.network.heads, self.predict_raw(chips))

    def predict_raw(self, chips: NDArray[np.uint8]) -> dict[str, NDArray[np.floating]]:
        """The same as the network gives it, before any calibration."""
        chips = resize_chips(chips, self.card.network.input_size)
        batches = [chips[at : at + self.batch_size] for at in range(0, len(chips), self.batch_size)]
        if len(batches) > _BAR:
            from tqdm import tqdm

            batches = tqdm(batches, desc="Estimating", leave=False, disable=None, delay=2)
        answers = [self._answer(batch) for batch in batches]
        return {
            head.name: np.concatenate(
                [np.empty((0, len(head.classes)), np.float32)] + [answer[head.name] for answer in answers]
            )
            for head in self.card.network.heads
        }

    @abstractmethod
    def _answer(self, chips: NDArray[np.uint8]) -> Mapping[str, NDArray[np.floating]]:
        """One batch of chips of the network's size, RGB -> head's name -> probabilities (n, classes)."""
