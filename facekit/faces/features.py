"""Features: numbers that a network takes beside the picture, computed from the chips."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import lookup
from facekit.core.lazy_imports import from_extra
from facekit.faces.batch import Picture
from facekit.faces.landmarks import locate_once, make_landmarker

FACE_MARGIN = 1 / 7  # of a chip of padding 0.2, on each side of the face
HOG_SIDE = 48  # of the grey picture of which histograms are made, pixels
LANDMARKS_SIDE = 144  # of the picture in which 68 landmarks are found: in smaller ones they are found worse


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


def hog_and_landmarks68(chips: Picture) -> NDArray[np.float32]:
    """Computes histograms of oriented gradients (Dalal and Triggs 2005), and finds 68 landmarks, in each chip.

    The predictor of the landmarks was trained on iBUG 300-W, whose licence excludes commercial use.

    Args:
        chips: RGB uint8 (n, H, W, 3).

    Returns:
        (n, 936): 800 values of the histograms, of 8 directions in 6x6 cells, normalised by blocks of 2x2; then x and y
        of each landmark, as fractions of width and height, 0 in the middle.

    Raises:
        MissingExtraError: scikit-image or dlib's predictor is not installed.
    """
    from PIL import Image

    with from_extra("features"):
        from skimage.feature import hog
    box = (0, 0, LANDMARKS_SIDE, LANDMARKS_SIDE)
    features = np.empty((len(chips), 936), np.float32)
    for row, chip in zip(features, chips, strict=True):
        picture = Image.fromarray(chip)
        grey = np.asarray(picture.convert("L").resize((HOG_SIDE, HOG_SIDE), Image.Resampling.BILINEAR))
        row[:800] = hog(grey, orientations=8, pixels_per_cell=(8, 8), cells_per_block=(2, 2))
        large = np.asarray(picture.resize((LANDMARKS_SIDE, LANDMARKS_SIDE), Image.Resampling.BILINEAR))
        row[800:] = locate_once(68, large, box).ravel() / LANDMARKS_SIDE - 0.5
    return features


@dataclass(frozen=True)
class Features:
    """A kind of features.

    Args:
        compute: chips, RGB uint8 (n, H, W, 3) -> (n, width) float32.
        width: number of values of each chip.
        version: raised when the same chips give other values, so that caches of the former ones are not used.
    """

    compute: Callable[[Picture], NDArray[np.float32]]
    width: int
    version: int = 1


FEATURES = {
    "hog_and_landmarks68": Features(hog_and_landmarks68, 936),
    "landmarks": Features(landmark_features, 10),
}


def compute_features(name: str, chips: Picture) -> NDArray[np.float32]:
    """Computes the named features (n, F) of chips (n, H, W, 3). Raises UnknownNameError."""
    features = lookup("features", name, FEATURES)
    return features.compute(chips) if len(chips) else np.empty((0, features.width), np.float32)


def feature_width(name: str) -> int:
    """Returns the F of the named features. Raises UnknownNameError."""
    return lookup("features", name, FEATURES).width
