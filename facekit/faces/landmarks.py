"""Landmarks: a picture and the boxes of its faces -> the points of each face."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from facekit.core.errors import UnknownNameError
from facekit.faces.detectors import Box
from facekit.faces.dlib_files import dlib_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from facekit.faces.images import Picture

_MOST_LEAN = math.radians(12)  # at which a predictor finds the points of a face as well as upright
_VIEW = 320  # side of an upright view, pixels; the face's box fills half of it

Landmarker = Callable[["Picture", Sequence[Box]], "npt.NDArray[np.float32]"]

# 5: the corners of the eyes and the base of the nose; 0.07 s to load. 68: eyes, brows, nose, mouth and jaw; 0.7 s.
# The licence of the data that the 68 were trained on, iBUG 300-W, excludes commercial use.
LANDMARKS = {
    5: "shape_predictor_5_face_landmarks.dat",
    68: "shape_predictor_68_face_landmarks.dat",
}


def make_landmarker(points: int) -> Landmarker:
    """Makes a function from a picture, RGB uint8 (H, W, 3), and n boxes to landmarks (n, points, 2): x, y in pixels.

    The predictor of 68 points was trained on iBUG 300-W, whose licence excludes commercial use; that of 5 is free.

    Args:
        points: a key of LANDMARKS.

    Raises:
        UnknownNameError: there is no predictor of so many points.
        FaceKitError: the predictor's file is missing.
    """
    if points not in LANDMARKS:
        raise UnknownNameError("number of landmarks", str(points), map(str, LANDMARKS))
    predictor = _predictor(points)

    def locate(picture: "Picture", boxes: Sequence[Box]) -> "npt.NDArray[np.float32]":
        import numpy as np

        picture = np.ascontiguousarray(picture)
        found = [_locate(predictor, picture, whole_box(box, *picture.shape[:2])) for box in boxes]
        return np.array(found, np.float32).reshape(-1, points, 2)

    return locate


def locate_once(points: int, picture: "Picture", box: Box) -> "npt.NDArray[np.float64]":
    """Locates the points (points, 2) of one face in one pass, in a third of the time; worse where the face leans.

    Arguments and errors as of `make_landmarker` and its result.
    """
    import dlib

    left, top, right, bottom = box
    return _points(_predictor(points)(picture, dlib.rectangle(left, top, right - 1, bottom - 1)))


def _locate(predictor: Any, picture: "Picture", box: Box) -> "npt.NDArray[np.float64]":
    """Locates one face; if it leans, in an upright view of it, as dlib's predictors know upright faces alone."""
    import dlib
    import numpy as np

    left, top, right, bottom = box
    upright = dlib.rectangle(left, top, right - 1, bottom - 1)
    points = _points(_predictor(5)(picture, upright))  # those of 68 do not tell the angle of a face that leans much
    if abs(_lean(points)) <= _MOST_LEAN:
        return points if predictor is _predictor(5) else _points(predictor(picture, upright))
    x, y, width = (left + right - 1) / 2, (top + bottom - 1) / 2, max(right - left, bottom - top)
    square = dlib.drectangle(x - width, y - width, x + width, y + width)
    inner = dlib.rectangle(_VIEW // 4, _VIEW // 4, 3 * _VIEW // 4 - 1, 3 * _VIEW // 4 - 1)
    angle = 0.0
    for model in (_predictor(5), predictor):
        angle += _lean(points)
        view = dlib.extract_image_chip(picture, dlib.chip_details(square, dlib.chip_dims(_VIEW, _VIEW), angle))
        points = _points(model(view, inner))  # in the view
    across, down = (points - (_VIEW - 1) / 2).T * 2 * width / _VIEW
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.stack([x + cosine * across - sine * down, y + sine * across + cosine * down], 1)


def _points(shape: Any) -> "npt.NDArray[np.float64]":
    import numpy as np

    return np.array([(part.x, part.y) for part in shape.parts()], np.float64)


def _lean(points: "npt.NDArray[np.float64]") -> float:
    """Returns the angle of the eyes of five points, radians; above zero they fall to the right of the picture."""
    x, y = points[:2].mean(0) - points[2:4].mean(0)
    return math.atan2(y, x)


def whole_box(box: Box, height: int, width: int) -> Box:
    """Restores the detector's square where the picture's edge clipped it: landmarks are found relative to it."""
    left, top, right, bottom = box
    missing = (bottom - top) - (right - left)
    if (left == 0 and right == width) or (top == 0 and bottom == height):  # a whole picture as one face
        return box
    if missing > 0 and left == 0:
        left -= missing
    elif missing > 0 and right == width:
        right += missing
    elif missing < 0 and top == 0:
        top += missing
    elif missing < 0 and bottom == height:
        bottom -= missing
    return left, top, right, bottom


@functools.cache
def _predictor(points: int) -> Any:
    import dlib

    return dlib.shape_predictor(str(dlib_file(LANDMARKS[points])))
