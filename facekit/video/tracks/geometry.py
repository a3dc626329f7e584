"""Boxes as centre and size, with subpixel precision."""

import numpy as np
from numpy.typing import NDArray

from facekit.faces.detectors import Box
from facekit.faces.landmarks import whole_box
from facekit.video.frames import Frame

BoxState = NDArray[np.float64]  # (4,): x and y of the centre, width, height; pixels of the frame


def center_box(box: Box, frame: Frame) -> BoxState:
    """Converts a box to centre and size; a box that reaches beyond the frame is completed to a whole face's."""
    left, top, right, bottom = whole_box(box, *frame.picture.shape[:2])
    return np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], np.float64)


def corner_box(state: BoxState) -> Box:
    """Converts centre and size to a box of whole pixels."""
    x, y, width, height = state.tolist()
    return round(x - width / 2), round(y - height / 2), round(x + width / 2), round(y + height / 2)


def clipped_box(state: BoxState, frame: Frame) -> Box | None:
    """Clips a box to the frame; None if nothing is left."""
    height, width = frame.picture.shape[:2]
    left, top, right, bottom = corner_box(state)
    box = max(0, left), max(0, top), min(width, right), min(height, bottom)
    return box if box[0] < box[2] and box[1] < box[3] else None


def is_half_inside(state: BoxState, frame: Frame) -> bool:
    """Tells whether at least half of a box is inside the frame."""
    box = clipped_box(state, frame)
    return box is not None and (box[2] - box[0]) * (box[3] - box[1]) >= 0.5 * state[2] * state[3]


def iou(one: BoxState, other: BoxState) -> float:
    """Computes the intersection over union of two boxes."""
    nearest = np.minimum(one[:2] + one[2:] / 2, other[:2] + other[2:] / 2)
    farthest = np.maximum(one[:2] - one[2:] / 2, other[:2] - other[2:] / 2)
    intersection = float(np.prod(np.maximum(0, nearest - farthest)))
    return intersection / (float(one[2] * one[3] + other[2] * other[3]) - intersection)
