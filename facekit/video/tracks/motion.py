"""How faces moved from one frame to the next, and what they look like."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from facekit.core.opencv import import_cv2
from facekit.faces.images import Picture
from facekit.video.tracks.geometry import Place
from facekit.video.tracks.search import resized

LONGEST_SIDE = 480  # of the reduced picture that is followed, pixels
GRID = 5  # points a side in each face
REACH = 0.72  # the part of a box that they cover: the skin, not what is behind it
WINDOW = (9, 9)  # what is compared around a point, pixels of the reduced picture
FARTHEST_BACK = 1.0  # how far from its start a point may end that was followed forth and back, the same pixels
LEAST_POINTS = 6  # fewer say nothing
PATCH = 16  # side of the small picture by which a face is recognised in the next seconds, pixels
CAST = 0.3  # weight of its mean colour

Patch = NDArray[np.float32]  # (PATCH * PATCH * 3,) of mean 0 and norm 1


@dataclass(frozen=True)
class Step:
    """How a face moved: where it is now, and the share of its points that were followed well."""

    place: Place
    quality: float


class View:
    """One frame, reduced: everything the tracker sees of it but for searches.

    Args:
        picture: RGB uint8 (H, W, 3).
    """

    def __init__(self, picture: Picture) -> None:
        cv2 = import_cv2()
        height, width = picture.shape[:2]
        self.scale = 1 / max(1, -(-max(height, width) // LONGEST_SIDE))
        self.small = picture if self.scale == 1 else resized(picture, self.scale)
        self.grey = cv2.cvtColor(self.small, cv2.COLOR_RGB2GRAY)

    def patch(self, place: Place) -> Patch:
        """What is at a place, as a vector: the product of two is their correlation. Zeros outside the picture."""
        cv2 = import_cv2()
        x, y, width, height = place * self.scale
        matrix = np.array([[width / PATCH, 0, x - width / 2 - 0.5], [0, height / PATCH, y - height / 2 - 0.5]])
        matrix[:, 2] += matrix[:, 0] * 0.5 + matrix[:, 1] * 0.5
        # Four times as fine, then averaged: one read pixel in many would be noise.
        matrix[:, :2] /= 4
        fine = cv2.warpAffine(
            self.small,
            matrix,
            (4 * PATCH, 4 * PATCH),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        coarse = cv2.resize(fine, (PATCH, PATCH), interpolation=cv2.INTER_AREA).astype(np.float32)
        # Each quarter counts alike, however bright: where one is covered, that is a quarter of the likeness.
        quarters = coarse.reshape(2, PATCH // 2, 2, PATCH // 2, 3).swapaxes(1, 2).reshape(4, -1, 3)
        means = quarters.mean(axis=1, keepdims=True)
        # Little of the colour: anything brown would look like skin.
        values = (quarters - means + CAST * (means - means.mean(axis=2, keepdims=True))).reshape(4, -1)
        return (values / np.maximum(2 * np.linalg.norm(values, axis=1, keepdims=True), 1e-6)).ravel()


def follow(before: View, now: View, places: NDArray[np.float64]) -> list[Step]:
    """Where faces are now: median flow (Kalal, Mikolajczyk, Matas 2010, "Forward-Backward Error").

    A grid of points in each is followed by pyramidal Lucas-Kanade (Bouguet 2001), forth and back; those that do not
    come back are left out. The median of their shifts is the face's, the median change of their distances its growth.

    Args:
        before, now: frames of the same size.
        places: (n, 4) Place of each face in the first.
    """
    if not len(places):
        return []
    cv2 = import_cv2()
    offsets = (np.arange(GRID) / (GRID - 1) - 0.5) * REACH
    grid = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(1, -1, 2)
    start = ((places[:, None, :2] + grid * places[:, None, 2:]) * now.scale).astype(np.float32)
    options = {"winSize": WINDOW, "maxLevel": 3}
    points = start.reshape(-1, 1, 2)
    end, found, _ = cv2.calcOpticalFlowPyrLK(before.grey, now.grey, points, None, **options)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(now.grey, before.grey, end, None, **options)
    off = np.linalg.norm(back - points, axis=2).ravel()
    height, width = now.grey.shape
    inside = (points >= 0).all(axis=2).ravel() & (points < (width, height)).all(axis=2).ravel()
    good = ((found & returned).ravel() > 0) & (off < FARTHEST_BACK) & inside
    shape = (len(places), -1)
    return [
        _step(place, first, last, well, now.scale)
        for place, first, last, well in zip(
            places, start, end.reshape(start.shape), good.reshape(shape), strict=True
        )
    ]  # fmt: skip


def _step(
    place: Place,
    start: NDArray[np.float32],
    end: NDArray[np.float32],
    good: NDArray[np.bool_],
    scale: float,
) -> Step:
    quality = float(good.mean())
    if good.sum() < LEAST_POINTS:
        return Step(place, quality)
    start, end = start[good], end[good]
    first, second = _pairs(len(start))
    apart = np.linalg.norm(start[first] - start[second], axis=1)
    growth = float(np.median(np.linalg.norm(end[first] - end[second], axis=1) / np.maximum(apart, 1e-3)))
    growth = min(max(growth, 0.9), 1.1)  # nobody comes nearer faster than by a tenth in one frame
    shift = np.median(end - start, axis=0) / scale
    # The points' own middle moved so; the face's centre may lie elsewhere among them.
    middle = start.mean(axis=0) / scale
    centre = middle + shift + (place[:2] - middle) * growth
    return Step(np.concatenate([centre, place[2:] * growth]), quality)


@cache
def _pairs(n: int) -> tuple[NDArray[np.intp], ...]:
    return np.triu_indices(n, 1)
