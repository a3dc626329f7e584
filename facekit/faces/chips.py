"""A picture and the points of its faces -> chips (n, S, S, 3): the one place where faces are cut.

The chips of UTKFace are dlib's, 200 px with a padding of 0.2; a network trained on them must be shown the same crop.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from facekit.faces.images import Picture

CHIP_SIZE = 200
CHIP_PADDING = 0.2


def cut_chips(picture: Picture, landmarks: npt.NDArray[np.float32]) -> Picture:
    """Cuts the faces out of a picture: upright, equally large, black where they reach beyond the picture.

    Args:
        picture: RGB uint8 (H, W, 3).
        landmarks: (n, 5, 2) or (n, 68, 2), x and y in pixels.

    Returns:
        RGB uint8 (n, CHIP_SIZE, CHIP_SIZE, 3).
    """
    import dlib

    chips = dlib.extract_image_chips(np.ascontiguousarray(picture), chip_details(landmarks))
    return np.array(chips, np.uint8).reshape(-1, CHIP_SIZE, CHIP_SIZE, 3)


def chip_details(landmarks: npt.NDArray[np.float32]) -> list[Any]:
    """Where each chip lies: dlib's chip_details, with the rectangle and the angle of the face."""
    import dlib

    nowhere = dlib.rectangle()  # the details depend on the points alone
    faces = (
        dlib.full_object_detection(nowhere, [dlib.point(round(float(x)), round(float(y))) for x, y in points])
        for points in landmarks
    )
    return [dlib.get_face_chip_details(face, size=CHIP_SIZE, padding=CHIP_PADDING) for face in faces]


def whole_chip(picture: Picture) -> Picture:
    """The centre square of a picture that already is one face, as a chip: RGB uint8 (1, CHIP_SIZE, CHIP_SIZE, 3)."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize_chips(picture[None, top : top + side, left : left + side], CHIP_SIZE)


def resize_chips(chips: Picture, size: int) -> Picture:
    """Resizes square chips, bilinear and antialiased; chips of that size are handed back as they are.

    Args:
        chips: RGB uint8 (n, S, S, 3).
        size: the new S.

    Returns:
        RGB uint8 (n, size, size, 3).
    """
    if chips.shape[1] == size:
        return chips
    resized = np.empty((len(chips), size, size, 3), np.uint8)
    for target, chip in zip(resized, chips, strict=True):
        target[:] = np.asarray(Image.fromarray(chip).resize((size, size), Image.Resampling.BILINEAR))
    return resized
