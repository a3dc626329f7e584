"""Features: numbers that a network takes beside the picture, computed from the chips."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import lookup
from facekit.faces.batch import Picture
from facekit.faces.landmarks import make_landmarker

FACE_MARGIN = 1 / 7  # of a chip of padding 0.2, on each side of the face


def landmark_features(chips: Picture) -> NDArray[np.float32]:
    """Finds five landmarks in each chip.

    Args:
        chips: RGB uint8 (n, H, W, 3).

    Returns:
        (n, 10) x and y of each, as fractions of width and height, 0 in the middle.
    """
    height, width = chips.shape[1:3]
    x, y = round(FACE_MARGIN * width), round(FACE_MARGIN * height)
    box = (x, y, width - x, height - y)
    locate = make_landmarker(5)
    points = [locate(chip, [box])[0] for chip in chips]
    fractions = np.array(points, np.float32).reshape(len(chips), 5, 2) / np.array([width, height], np.float32) - 0.5
    return fractions.reshape(len(chips), 10).astype(np.float32)


# Name -> function from chips (n, H, W, 3) to (n, F) float32, and F.
FEATURES: dict[str, tuple[Callable[[Picture], NDArray[np.float32]], int]] = {"landmarks": (landmark_features, 10)}


def compute_features(name: str, chips: Picture) -> NDArray[np.float32]:
    """Computes the named features (n, F) of chips (n, H, W, 3). Raises UnknownNameError."""
    compute, width = lookup("features", name, FEATURES)
    return compute(chips) if len(chips) else np.empty((0, width), np.float32)


def feature_width(name: str) -> int:
    """Returns the F of the named features. Raises UnknownNameError."""
    return lookup("features", name, FEATURES)[1]
