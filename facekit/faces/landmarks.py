"""Landmarks: a picture and the boxes of its faces -> the points of each face."""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from facekit.core.errors import UnknownNameError
from facekit.faces.detectors import Box
from facekit.faces.dlib_files import dlib_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from facekit.faces.images import Picture

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
        import dlib
        import numpy as np

        picture = np.ascontiguousarray(picture)
        found = np.empty((len(boxes), points, 2), np.float32)
        for face, box in zip(found, boxes, strict=True):
            left, top, right, bottom = whole_box(box, *picture.shape[:2])
            shape = predictor(picture, dlib.rectangle(left, top, right - 1, bottom - 1))
            face[:] = [(part.x, part.y) for part in shape.parts()]
        return found

    return locate


def whole_box(box: Box, height: int, width: int) -> Box:
    """Restores the detector's square where the picture's edge clipped it: landmarks are found relative to it."""
    left, top, right, bottom = box
    missing = (bottom - top) - (right - left)
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
