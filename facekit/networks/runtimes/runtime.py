"""Base class of the runtimes."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from facekit.faces.batch import FaceBatch
from facekit.faces.chips import resize_chips
from facekit.faces.features import compute_features
from facekit.networks.cards import Card

_BAR = 10  # batches; fewer are done before a progress bar would show

Inputs = Mapping[str, NDArray[np.generic]]  # input's name -> (n, ...)
Outputs = dict[str, NDArray[np.floating]]  # head's name -> (n, width), and POOLED -> (n, F)
POOLED = "pooled"  # what the heads read: the features of the last layer that they share


class Runtime(ABC):
    """Base class of the programs that run a network. Any thread may call them.

    Attributes:
        card: of its weights.
        batch_size: number of faces that go through the network together.
    """

    card: Card
    batch_size: int

    def predict(self, faces: FaceBatch | NDArray[np.uint8]) -> Outputs:
        """Runs the network and applies the card's calibration.

        Args:
            faces: a batch of any size, or its chips (n, H, W, 3) alone. If the network takes features and the batch has
                none, they are computed from the chips at the network's size.

        Returns:
            Head's name -> (n, width), and POOLED -> (n, F).
        """
        return self.card.calibration.apply(self.card.network.heads, self.predict_raw(faces))

    def predict_raw(self, faces: FaceBatch | NDArray[np.uint8]) -> Outputs:
        """Runs the network without calibration; arguments and result as of `predict`."""
        faces = faces if isinstance(faces, FaceBatch) else FaceBatch(faces)
        starts: Iterable[int] = range(0, len(faces), self.batch_size)
        if len(faces) > _BAR * self.batch_size:
            from tqdm import tqdm

            starts = tqdm(starts, desc="Estimating", leave=False, disable=None, delay=2)
        outputs = [self._run(self._inputs(faces[at : at + self.batch_size])) for at in starts]
        if not outputs:
            return {head.name: np.empty((0, head.width), np.float32) for head in self.card.network.heads}
        return {name: np.concatenate([output[name] for output in outputs]) for name in outputs[0]}

    def _inputs(self, faces: FaceBatch) -> Inputs:
        """Returns the inputs that the network's configuration names."""
        network = self.card.network
        picture, features = resize_chips(faces.chips, network.input_size), faces.features
        if network.features is None:
            return {"picture": picture}
        if features is None:
            features = compute_features(network.features, picture)
        return {"picture": picture, "features": features}

    @abstractmethod
    def _run(self, inputs: Inputs) -> Outputs:
        """Runs one batch: `picture` uint8 (n, H, W, 3) of the network's size, and `features` if it takes them.

        Returns:
            Head's name -> (n, width), and POOLED -> (n, F).
        """
