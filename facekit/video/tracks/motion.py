"""Motion of faces between frames by median flow, and appearance vectors to recognise them by."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facekit.faces.images import Picture
from facekit.video.tracks.config import FlowConfig
from facekit.video.tracks.geometry import BoxState
from facekit.video.tracks.search import resized

Patch = NDArray[np.float32]  # appearance vector (patch_pixels**2 * 3,) of mean 0 and norm 1


@dataclass(frozen=True)
class FlowEstimate:
    """A face's box in the next frame, and the share of its points that were tracked well."""

    state: BoxState
    inlier_share: float


class ReducedFrame:
    """A frame at the size used for flow and appearance.

    Args:
        picture: RGB uint8 (H, W, 3).
        config: parameters.
    """

    def __init__(self, picture: Picture, config: FlowConfig) -> None:
        height, width = picture.shape[:2]
        self.config = config
        self.scale = 1 / max(1, -(-max(height, width) // config.maximum_side_pixels))
        self.small = picture if self.scale == 1 else resized(picture, self.scale)
        self.grey = cv2.cvtColor(self.small, cv2.COLOR_RGB2GRAY)

    def patch(self, state: BoxState) -> Patch:
        """Makes the appearance vector of a box. The product of two is their correlation. Zeros outside the frame."""
        side = self.config.patch_pixels
        x, y, width, height = state * self.scale
        matrix = np.array([[width / side, 0, x - width / 2 - 0.5], [0, height / side, y - height / 2 - 0.5]])
        matrix[:, 2] += matrix[:, 0] * 0.5 + matrix[:, 1] * 0.5
        # Sampled four times as finely, then averaged: single pixels would be noise.
        matrix[:, :2] /= 4
        fine = cv2.warpAffine(
            self.small,
            matrix,
            (4 * side, 4 * side),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        coarse = cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
        # Each quarter counts equally, whatever its brightness: a covered quarter costs a quarter of the correlation.
        quarters = coarse.reshape(2, side // 2, 2, side // 2, 3).swapaxes(1, 2).reshape(4, -1, 3)
        means = quarters.mean(axis=1, keepdims=True)
        # Colour has a low weight, or anything brown would resemble skin.
        colors = self.config.patch_color_weight * (means - means.mean(axis=2, keepdims=True))
        values = (quarters - means + colors).reshape(4, -1)
        return (values / np.maximum(2 * np.linalg.norm(values, axis=1, keepdims=True), 1e-6)).ravel()


def median_flow(previous: ReducedFrame, current: ReducedFrame, states: NDArray[np.float64]) -> list[FlowEstimate]:
    """Tracks boxes by median flow (Kalal, Mikolajczyk, Matas 2010, "Forward-Backward Error").

    A grid of points in each box is tracked by pyramidal Lucas-Kanade (Bouguet 2001), forward and backward; points that
    do not return to their start are outliers. The median shift of the inliers moves the box, the median change of their
    distances scales it.

    Args:
        previous, current: frames of the same size.
        states: (n, 4) BoxState of each face in the previous frame.
    """
    if not len(states):
        return []
    config = current.config
    offsets = (np.arange(config.grid_points) / (config.grid_points - 1) - 0.5) * config.grid_extent_widths
    grid = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(1, -1, 2)
    start = ((states[:, None, :2] + grid * states[:, None, 2:]) * current.scale).astype(np.float32)
    window = config.window_pixels, config.window_pixels
    points, levels = start.reshape(-1, 1, 2), config.pyramid_levels
    end, found, _ = cv2.calcOpticalFlowPyrLK(previous.grey, current.grey, points, None, winSize=window, maxLevel=levels)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(
        current.grey, previous.grey, end, None, winSize=window, maxLevel=levels
    )
    error = np.linalg.norm(back - points, axis=2).ravel()
    height, width = current.grey.shape
    inside = (points >= 0).all(axis=2).ravel() & (points < (width, height)).all(axis=2).ravel()
    inliers = ((found & returned).ravel() > 0) & (error < config.maximum_return_error_pixels) & inside
    shape = (len(states), -1)
    return [
        _estimate(state, first, last, good, current)
        for state, first, last, good in zip(
            states, start, end.reshape(start.shape), inliers.reshape(shape), strict=True
        )
    ]  # fmt: skip


def _estimate(
    state: BoxState,
    start: NDArray[np.float32],
    end: NDArray[np.float32],
    inliers: NDArray[np.bool_],
    frame: ReducedFrame,
) -> FlowEstimate:
    share = float(inliers.mean())
    if inliers.sum() < frame.config.minimum_points:
        return FlowEstimate(state, share)
    start, end = start[inliers], end[inliers]
    first, second = _pairs(len(start))
    distances = np.linalg.norm(start[first] - start[second], axis=1)
    growth = float(np.median(np.linalg.norm(end[first] - end[second], axis=1) / np.maximum(distances, 1e-3)))
    growth = min(max(growth, 1 - frame.config.maximum_growth), 1 + frame.config.maximum_growth)
    shift = np.median(end - start, axis=0) / frame.scale
    # The shift is that of the points' mean, about which the box grows.
    mean = start.mean(axis=0) / frame.scale
    center = mean + shift + (state[:2] - mean) * growth
    return FlowEstimate(np.concatenate([center, state[2:] * growth]), share)


@cache
def _pairs(n: int) -> tuple[NDArray[np.intp], ...]:
    return np.triu_indices(n, 1)
