"""Where the faces of a frame are: searched a few times a second, and near one place in between."""

import math
from typing import Any

import numpy as np

from facekit.core.opencv import import_cv2
from facekit.faces.detectors import HOG_FACE, HOG_PIXELS, Box, Detection, load_hog, make_detector, scaled_detections
from facekit.faces.images import Picture
from facekit.video.frames import Frame

PERIOD = 0.2  # seconds from one search to the next
# A face that is already followed is believed at a score that would be too low for a new one (Zhang et al. 2022,
# ByteTrack, section 3).
LEAST_SCORE = -0.3
LOOK_FACE = 80  # width at which a face is looked for again near its place, pixels
LOOK_REACH = 2.1  # side of the square that is looked at then, in faces


class Search:
    """Finds the faces of those frames in which a search is due. Frames must come in order, from one thread.

    Args:
        detector: one of facekit.faces.detectors.DETECTORS.
        min_face: width of the smallest faces to find, pixels; None for a twelfth of the frame's longer side, at least
            80: a search of 640x480 then takes 22 ms, at 60 it would take 37. Faces that go away are followed on.
        every: how many frames from one search to the next; None for 0.2 s.

    Raises:
        UnknownNameError: no such detector.
        UsageError: min_face is less than 1.
    """

    def __init__(self, detector: str = "hog", min_face: int | None = None, every: int | None = None) -> None:
        self._detect = make_detector(detector, min_face)
        self._hog = load_hog() if detector == "hog" else None
        self._min_face, self._every = min_face, every
        self._last: tuple[int, float] | None = None

    def find(self, frame: Frame) -> list[Detection] | None:
        """The faces from left to right, those of low score included; None where no search is due."""
        if not self._is_due(frame):
            return None
        self._last = frame.number, frame.time
        if self._hog is None:
            return self._detect(frame.picture)
        height, width = frame.picture.shape[:2]
        least = self._min_face or max(80, max(height, width) // 12)
        scale = min(HOG_FACE / least, math.sqrt(HOG_PIXELS / (height * width)))
        return _run(self._hog, frame.picture, scale)

    def _is_due(self, frame: Frame) -> bool:
        if self._last is None:
            return True
        number, time = self._last
        if frame.number <= number:  # a source that started anew
            return True
        if self._every is not None:
            return frame.number - number >= self._every
        return frame.time - time >= PERIOD - 0.005  # rounded times must not cost a frame


class Look:
    """Searches near one place, in about 2 ms, whatever the size of the frame."""

    def __init__(self) -> None:
        self._hog = load_hog()

    def near(self, picture: Picture, box: Box) -> list[Detection]:
        """Faces about as large as the box and near it, those of low score included."""
        left, top, right, bottom = box
        height, width = picture.shape[:2]
        side = LOOK_REACH * max(right - left, bottom - top)
        x, y = round((left + right - side) / 2), round((top + bottom - side) / 2)
        first, above, last, below = max(0, x), max(0, y), min(width, x + round(side)), min(height, y + round(side))
        scale = LOOK_FACE * LOOK_REACH / side
        if min(last - first, below - above) * scale < LOOK_FACE:
            return []
        found = []
        for near in _run(self._hog, picture[above:below, first:last], scale):
            left, top, right, bottom = (place + (above if axis % 2 else first) for axis, place in enumerate(near.box))
            # What the edge of the square cuts off is no whole face; what the frame's does is.
            if left > first - (not first) and top > above - (not above):
                if right < last + (last == width) and bottom < below + (below == height):
                    found.append(Detection((left, top, right, bottom), near.score))
        return found


def _run(hog: Any, picture: Picture, scale: float) -> list[Detection]:
    small = resized(picture, scale)
    rectangles, scores, _ = hog.run(small, 0, LEAST_SCORE)
    return scaled_detections(zip(rectangles, scores, strict=True), small, picture)


def resized(picture: Picture, scale: float) -> Picture:
    """A picture at another scale, at least 1 px; quickly also where it is huge.

    By OpenCV, which lets other threads go on meanwhile; dlib.resize_image does not.
    """
    cv2 = import_cv2()
    height, width = picture.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    skip = max(1, int(0.25 / scale))  # of 8K's pixels, a mean of four in each direction is enough
    small, left = np.ascontiguousarray(picture[::skip, ::skip]), scale * skip
    while left <= 0.5 and min(small.shape[:2]) > 1:  # means of 2 x 2: by other factors they take ten times as long
        rows, columns = small.shape[0] // 2, small.shape[1] // 2
        small = cv2.resize(small[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
        left *= 2
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
