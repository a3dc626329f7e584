"""Face search: in the whole frame a few times a second, and near one face in between."""

import math
from typing import Any

import cv2
import numpy as np

from facekit.faces.detectors import (
    HOG_FACE,
    HOG_PIXELS,
    Box,
    Detection,
    find_detector,
    load_hog,
    make_detector,
    scaled_detections,
)
from facekit.faces.images import Picture
from facekit.video.frames import Frame
from facekit.video.tracks.config import SearchConfig


def can_search_locally(detector: str) -> bool:
    """Tells whether a detector also finds faces in a small part of the frame, in a few milliseconds."""
    return find_detector(detector).searches_locally


class PeriodicSearch:
    """Finds the faces of those frames in which a search is due. Frames must come in order, from one thread.

    Args:
        detector: one of facekit.faces.detectors.DETECTORS.
        min_face: width of the smallest face to find, pixels; None for a twelfth of the frame's longer side, at least
            80. A search of 640x480 then takes 22 ms; at 60 it would take 37. Tracked faces may become smaller.
        every: frames from one search to the next; None for 0.2 s.
        config: parameters; None for the defaults.

    Raises:
        UnknownNameError: if the detector is unknown.
        UsageError: if min_face is less than 1.
    """

    def __init__(
        self,
        detector: str = "hog",
        min_face: int | None = None,
        every: int | None = None,
        config: SearchConfig | None = None,
    ) -> None:
        self._detect = make_detector(detector, min_face)
        self._hog = load_hog() if can_search_locally(detector) else None
        self._min_face, self._every, self._config = min_face, every, config or SearchConfig()
        self._last: tuple[int, float] | None = None

    def find(self, frame: Frame) -> list[Detection] | None:
        """Finds the faces of a frame.

        Returns:
            Detections from left to right, including those of low score; None if no search is due.
        """
        if not self._is_due(frame):
            return None
        self._last = frame.index, frame.time
        if self._hog is None:
            return self._detect(frame.picture)
        height, width = frame.picture.shape[:2]
        default = max(self._config.minimum_face_pixels, max(height, width) // self._config.faces_per_frame_side)
        scale = min(HOG_FACE / (self._min_face or default), math.sqrt(HOG_PIXELS / (height * width)))
        return _run_hog(self._hog, frame.picture, scale, self._config)

    def _is_due(self, frame: Frame) -> bool:
        if self._last is None:
            return True
        index, time = self._last
        if frame.index <= index:  # the source restarted
            return True
        if self._every is not None:
            return frame.index - index >= self._every
        return frame.time - time >= self._config.period_seconds - 0.005  # rounded times must not cost a frame


class LocalSearch:
    """Searches near one face by HOG, in about 2 ms whatever the size of the frame."""

    def __init__(self, config: SearchConfig | None = None) -> None:
        self._hog = load_hog()
        self._config = config or SearchConfig()

    def find(self, picture: Picture, box: Box) -> list[Detection]:
        """Finds faces near a box and about as large, including those of low score."""
        left, top, right, bottom = box
        height, width = picture.shape[:2]
        side = self._config.local_window_widths * max(right - left, bottom - top)
        x, y = round((left + right - side) / 2), round((top + bottom - side) / 2)
        first, above, last, below = max(0, x), max(0, y), min(width, x + round(side)), min(height, y + round(side))
        scale = self._config.local_face_pixels * self._config.local_window_widths / side
        if min(last - first, below - above) * scale < self._config.local_face_pixels:
            return []
        detections = []
        for found in _run_hog(self._hog, picture[above:below, first:last], scale, self._config):
            left, top, right, bottom = (end + (above if axis % 2 else first) for axis, end in enumerate(found.box))
            # A box that touches the edge of the window is cut off, unless that is the edge of the frame.
            if left > first - (not first) and top > above - (not above):
                if right < last + (last == width) and bottom < below + (below == height):
                    detections.append(Detection((left, top, right, bottom), found.score))
        return detections


def _run_hog(hog: Any, picture: Picture, scale: float, config: SearchConfig) -> list[Detection]:
    small = resized(picture, scale)
    rectangles, scores, _ = hog.run(small, 0, config.minimum_score)
    return scaled_detections(zip(rectangles, scores, strict=True), small, picture)


def resized(picture: Picture, scale: float) -> Picture:
    """Resizes a picture to a scale, at least 1 px; fast for huge pictures too.

    Uses OpenCV, which releases the interpreter lock; dlib.resize_image does not.
    """
    height, width = picture.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    skip = max(1, int(0.25 / scale))  # of 8K's pixels, the mean of four in each direction is enough
    small, remaining = np.ascontiguousarray(picture[::skip, ::skip]), scale * skip
    while remaining <= 0.5 and min(small.shape[:2]) > 1:  # means of 2 x 2: other factors take ten times as long
        rows, columns = small.shape[0] // 2, small.shape[1] // 2
        small = cv2.resize(small[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
        remaining *= 2
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
