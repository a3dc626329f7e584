"""Makes faces unrecognisable."""

from collections.abc import Iterable, Sequence
from math import ceil

import numpy as np
from PIL import Image

MARGIN = 0.35  # around a box, as a share of its size: a detector's box leaves out hair, ears and chin
BLOCKS_PER_FACE = 4  # across a box; with 16, a network recognises 67 % (benchmarks/blurring.py)


def blur_faces(picture: np.ndarray, boxes: Iterable[Sequence[int]]) -> np.ndarray:
    """Replaces faces by a few squares of their mean colour.

    Unlike a blur, that cannot be sharpened again: of each face, about 4 x 4 colours remain.

    Args:
        picture: RGB uint8 (H, W, 3); not changed.
        boxes: left, top, right, bottom of the faces, pixels; they may exceed the picture.

    Returns:
        A new picture of the same size.
    """
    blurred = picture.copy()
    for left, top, right, bottom in boxes:
        across, down = round(MARGIN * (right - left)), round(MARGIN * (bottom - top))
        part = blurred[max(0, top - down) : max(0, bottom + down), max(0, left - across) : max(0, right + across)]
        if part.size:
            height, width = part.shape[:2]
            block = max(right - left, bottom - top) / BLOCKS_PER_FACE
            blocks = Image.fromarray(part).resize((ceil(width / block), ceil(height / block)), Image.Resampling.BOX)
            part[:] = blocks.resize((width, height), Image.Resampling.NEAREST)
    return blurred
