"""Predictor: the card and the runtime of a weights file."""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import lookup
from facekit.faces.batch import FaceBatch
from facekit.networks.cards import read_card
from facekit.networks.descriptors import DESCRIPTOR, load_describer
from facekit.networks.runtimes import RUNTIMES, check_installed, load_runtime
from facekit.networks.runtimes.runtime import POOLED

if TYPE_CHECKING:
    from facekit.networks.runtimes.runtime import Outputs, Runtime


class Predictor:
    """Answers with the network of a weights file, which is loaded for the first face. Any thread may call it.

    Args:
        weights: file that a training wrote, or a checkpoint of the original scripts.
        runtime: a key of `facekit.networks.runtimes.RUNTIMES`.

    Raises:
        WeightsError: the card cannot be read.
        UnknownNameError: no such runtime.
        MissingExtraError: it needs Keras, which is not installed.
    """

    def __init__(self, weights: Path, runtime: str = "auto") -> None:
        lookup("runtime", runtime, RUNTIMES)  # now, as the runtime is loaded later
        self.weights, self.runtime = weights, runtime
        self.card = read_card(weights)
        check_installed(weights, self.card, runtime)
        self.describer = load_describer(weights, self.card)
        self._loaded: Runtime | None = None
        self._lock = Lock()

    def predict(self, faces: FaceBatch | NDArray[np.uint8]) -> "Outputs":
        """Runs the network.

        Args:
            faces: a batch, or its chips (n, H, W, 3) alone.

        Returns:
            Head's name -> calibrated values (n, width), and DESCRIPTOR -> (n, D) if the weights have a describer.
        """
        with self._lock:
            self._loaded = self._loaded or load_runtime(self.weights, self.runtime)
        outputs = self._loaded.predict(faces)
        pooled = outputs.pop(POOLED, None)
        if self.describer and pooled is not None:
            outputs[DESCRIPTOR] = self.describer.describe(pooled)
        return outputs
