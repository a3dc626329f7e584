"""Descriptors: unit vectors that tell the views of one person from those of others, made of a network's features.

The features are whitened: the directions in which all faces differ most, which the heads read (sex, race, age), count
no more than the others (Jegou and Chum 2012, "Negative Evidences and Co-occurences in Image Retrieval").
"""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import WeightsError
from facekit.core.files import atomic_path
from facekit.networks.cards import Card

DESCRIPTOR = "descriptor"  # its name among the outputs of a `Predictor`
WIDTH = 128  # of a descriptor; 64 tell less well, and more need more faces to be fitted
_SOFTENING = 0.5  # of the mean deviation, added to each: weak directions are noise

Rows = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Describer:
    """Whitens the features of one network.

    Args:
        mean: (F,) of the features of many faces.
        projection: (F, D) principal directions, scaled.
    """

    mean: NDArray[np.float32]
    projection: NDArray[np.float32]

    def describe(self, pooled: Rows) -> NDArray[np.float32]:
        """Returns descriptors (n, D) of features (n, F); the product of two is their similarity, -1 to 1."""
        whitened = (pooled - self.mean) @ self.projection
        unit: NDArray[np.float32] = whitened / np.maximum(np.linalg.norm(whitened, axis=1, keepdims=True), 1e-6)
        return unit

    @classmethod
    def fit(cls, pooled: Rows) -> "Describer":
        """Fits the whitening to features (n, F) of faces of many people, some times WIDTH of them."""
        mean = pooled.mean(axis=0)
        _, deviations, directions = np.linalg.svd(pooled - mean, full_matrices=False)
        kept = deviations[:WIDTH]
        projection = directions[:WIDTH].T / (kept + _SOFTENING * kept.mean())
        return cls(mean.astype(np.float32), (projection / np.abs(projection).max()).astype(np.float32))

    def save(self, weights: Path, card: Card) -> Path:
        """Writes it beside the weights of its network, atomically, and returns the path."""
        path = _path(weights)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            projection = self.projection.astype(np.float16)
            np.savez_compressed(file, mean=self.mean, projection=projection, tensors_sha256=card.tensors_sha256)
        return path


def load_describer(weights: Path, card: Card) -> Describer | None:
    """Loads the whitening from beside a weights file; None if there is none, or it is another network's.

    Raises:
        WeightsError: the file is damaged.
    """
    path = _path(weights)
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:  # which leaves a damaged one open
            if not card.tensors_sha256 or str(file["tensors_sha256"]) != card.tensors_sha256:
                return None
            return Describer(file["mean"], file["projection"].astype(np.float32))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise WeightsError(f"{path} is damaged. Fetch it again, or delete it: tracks then rely on motion.") from error


def _path(weights: Path) -> Path:
    return weights.with_name(f"{weights.stem}-descriptor.npz")
