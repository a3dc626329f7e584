"""Where a face is: centre and size with fractions of pixels, as what moves needs it; and boxes."""

import numpy as np
from numpy.typing import NDArray

from facekit.faces.detectors import Box
from facekit.faces.landmarks import whole_box
from facekit.video.frames import Frame

Place = NDArray[np.float64]  # x and y of the centre, width, height; pixels of the frame


def place_of(box: Box, frame: Frame) -> Place:
    left, top, right, bottom = whole_box(box, *frame.picture.shape[:2])
    return np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], np.float64)


def box_of(place: Place) -> Box:
    x, y, width, height = place.tolist()
    return round(x - width / 2), round(y - height / 2), round(x + width / 2), round(y + height / 2)


def clipped_box(place: Place, frame: Frame) -> Box | None:
    """The part of a place that is in the frame; None where nothing is."""
    height, width = frame.picture.shape[:2]
    left, top, right, bottom = box_of(place)
    box = max(0, left), max(0, top), min(width, right), min(height, bottom)
    return box if box[0] < box[2] and box[1] < box[3] else None


def is_inside(place: Place, frame: Frame) -> bool:
    """Whether half of a place is in the frame."""
    box = clipped_box(place, frame)
    return box is not None and (box[2] - box[0]) * (box[3] - box[1]) >= 0.5 * place[2] * place[3]


def overlap(one: Place, other: Place) -> float:
    """Intersection over union of two places."""
    nearest = np.minimum(one[:2] + one[2:] / 2, other[:2] + other[2:] / 2)
    farthest = np.maximum(one[:2] - one[2:] / 2, other[:2] - other[2:] / 2)
    shared = float(np.prod(np.maximum(0, nearest - farthest)))
    return shared / (float(one[2] * one[3] + other[2] * other[3]) - shared)
