"""Motion of faces between frames by median flow, patches that show a sudden change, and cuts between shots."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facekit.faces.images import Picture
from facekit.video.tracks.config import TrackingConfig
from facekit.video.tracks.geometry import BoxState

Patch = NDArray[
    np.float32
]  # a face's picture as a vector of mean 0 and norm 1; the product of two is their correlation

PATCH_SIDE = 16  # pixels of a patch
FLAT = 2.0  # standard deviation of grey levels up to which a frame shows nothing
OVERVIEW = (32, 24)  # pixels of the frame by which cuts are found


class ReducedFrame:
    """A frame at the size used for flow and patches.

    Args:
        picture: RGB uint8 (H, W, 3).
        config: parameters.
    """

    def __init__(self, picture: Picture, config: TrackingConfig) -> None:
        height, width = picture.shape[:2]
        self.config = config
        self.scale = 1 / max(1, -(-max(height, width) // config.flow_side_pixels))
        self.small = picture if self.scale == 1 else _reduced(picture, self.scale)
        self.grey = cv2.cvtColor(self.small, cv2.COLOR_RGB2GRAY)
        self._overview = _unit(cv2.resize(self.grey, OVERVIEW, interpolation=cv2.INTER_AREA).astype(np.float32))

    def continues(self, previous: "ReducedFrame") -> bool:
        """Tells whether no cut lies between two frames; brightness and contrast have no influence."""
        if self.grey.shape != previous.grey.shape:
            return False
        if not (self._overview.any() or previous._overview.any()):  # both are black, or another single colour
            return True
        return float(np.sum(self._overview * previous._overview)) >= self.config.cut_correlation

    def patch(self, state: BoxState) -> Patch:
        """Makes the patch of a box. Zeros outside the frame."""
        x, y, width, height = state * self.scale
        matrix = np.array(
            [[width / PATCH_SIDE, 0, x - width / 2 - 0.5], [0, height / PATCH_SIDE, y - height / 2 - 0.5]]
        )
        matrix[:, 2] += matrix[:, 0] * 0.5 + matrix[:, 1] * 0.5
        # Sampled four times as finely, then averaged: single pixels would be noise.
        matrix[:, :2] /= 4
        fine = cv2.warpAffine(
            self.small,
            matrix,
            (4 * PATCH_SIDE, 4 * PATCH_SIDE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        coarse = cv2.resize(fine, (PATCH_SIDE, PATCH_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        # Each quarter counts equally, whatever its brightness: a covered quarter costs a quarter of the correlation.
        half = PATCH_SIDE // 2
        quarters = coarse.reshape(2, half, 2, half, 3).swapaxes(1, 2).reshape(4, -1, 3)
        means = quarters.mean(axis=1, keepdims=True)
        # Colour has a low weight, or anything brown would resemble skin.
        colors = self.config.patch_color_weight * (means - means.mean(axis=2, keepdims=True))
        values = (quarters - means + colors).reshape(4, -1)
        return (values / np.maximum(2 * np.linalg.norm(values, axis=1, keepdims=True), 1e-6)).ravel()


def _reduced(picture: Picture, scale: float) -> Picture:
    """Resizes a picture; fast for huge ones too."""
    height, width = picture.shape[:2]
    skip = max(1, int(0.25 / scale))  # of 8K's pixels, the mean of four in each direction is enough
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(np.ascontiguousarray(picture[::skip, ::skip]), size, interpolation=cv2.INTER_AREA)


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = values - values.mean()
    deviation = float(centred.std())
    unit: NDArray[np.float32] = centred / (deviation * np.sqrt(centred.size)) if deviation > FLAT else 0 * centred
    return unit


def median_flow(previous: ReducedFrame, current: ReducedFrame, states: NDArray[np.float64]) -> list[BoxState | None]:
    """Tracks boxes by median flow (Kalal, Mikolajczyk, Matas 2010, "Forward-Backward Error").

    A grid of points in each box is tracked by pyramidal Lucas-Kanade (Bouguet 2001), forward and backward; points that
    do not return to their start are outliers. The median shift of the inliers moves the box, the median change of their
    distances scales it.

    Args:
        previous, current: frames of the same size.
        states: (n, 4) BoxState of each face in the previous frame.

    Returns:
        n boxes in the current frame; None where too few points are inliers.
    """
    if not len(states):
        return []
    config = current.config
    offsets = (np.arange(config.flow_points) / (config.flow_points - 1) - 0.5) * config.flow_extent
    grid = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(1, -1, 2)
    start = ((states[:, None, :2] + grid * states[:, None, 2:]) * current.scale).astype(np.float32)
    points = start.reshape(-1, 1, 2)
    options = {"winSize": (config.flow_window_pixels,) * 2, "maxLevel": config.flow_pyramid_levels}
    end, found, _ = cv2.calcOpticalFlowPyrLK(previous.grey, current.grey, points, None, **options)  # type: ignore[call-overload]
    back, returned, _ = cv2.calcOpticalFlowPyrLK(current.grey, previous.grey, end, None, **options)  # type: ignore[call-overload]
    error = np.linalg.norm(back - points, axis=2).ravel()
    height, width = current.grey.shape
    inside = (points >= 0).all(axis=2).ravel() & (points < (width, height)).all(axis=2).ravel()
    inliers = ((found & returned).ravel() > 0) & (error < config.flow_return_error_pixels) & inside
    shape = (len(states), -1)
    moves = zip(states, start, end.reshape(start.shape), inliers.reshape(shape), strict=True)
    return [_moved(state, first[good], last[good], good, current) for state, first, last, good in moves]


def _moved(
    state: BoxState,
    start: NDArray[np.float32],
    end: NDArray[np.float32],
    inliers: NDArray[np.bool_],
    frame: ReducedFrame,
) -> BoxState | None:
    if inliers.mean() < frame.config.flow_inlier_share:
        return None
    first, second = _pairs(len(start))
    distances = np.linalg.norm(start[first] - start[second], axis=1)
    growth = float(np.median(np.linalg.norm(end[first] - end[second], axis=1) / np.maximum(distances, 1e-3)))
    growth = min(max(growth, 1 - frame.config.flow_growth), 1 + frame.config.flow_growth)
    shift = np.median(end - start, axis=0) / frame.scale
    # The shift is that of the points' mean, about which the box grows.
    mean = start.mean(axis=0) / frame.scale
    return np.concatenate([mean + shift + (state[:2] - mean) * growth, state[2:] * growth])


@cache
def _pairs(n: int) -> tuple[NDArray[np.intp], ...]:
    return np.triu_indices(n, 1)
