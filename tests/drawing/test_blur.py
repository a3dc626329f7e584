"""Blurred faces: unrecognisable, with all around them as it was."""

import numpy as np
import pytest
from PIL import Image

from facekit.core.files import PROJECT
from facekit.drawing.blur import MARGIN, blur_faces
from facekit.faces.detectors import make_detector
from facekit.faces.images import read_picture


def test_no_detector_finds_a_blurred_face_and_the_rest_stays() -> None:
    picture = read_picture(PROJECT / "demo_images" / "astronaut.jpg")
    picture.flags.writeable = False
    detect = make_detector("hog")
    boxes = [face.box for face in detect(picture)]
    blurred = blur_faces(picture, boxes)
    assert len(boxes) == 1 and detect(blurred) == []
    ((left, top, right, bottom),) = boxes
    across, down = round(MARGIN * (right - left)), round(MARGIN * (bottom - top))
    hidden = np.s_[top - down : bottom + down, left - across : right + across]
    assert len(np.unique(blurred[hidden].reshape(-1, 3), axis=0)) <= 49
    outside = np.ones(picture.shape[:2], bool)
    outside[hidden] = False
    np.testing.assert_array_equal(blurred[outside], picture[outside])


@pytest.mark.parametrize("scale", [0.05, 1.0, 2.0])
def test_faces_of_any_size_keep_as_few_colours(scale: float) -> None:
    with Image.open(PROJECT / "demo_images" / "speech.jpg") as photograph:
        side = round(400 * scale)
        picture = np.asarray(photograph.convert("RGB").resize((side, side)))
    box = [round(end * scale) for end in (100, 100, 260, 260)]
    assert len(np.unique(blur_faces(picture, [box])[box[1] : box[3], box[0] : box[2]].reshape(-1, 3), axis=0)) <= 36


def test_boxes_at_and_beyond_the_edge() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    blurred = blur_faces(picture, [(-20, -20, 20, 20), (70, 50, 120, 100), (200, 200, 240, 240), (-90, 0, -50, 40)])
    assert len(np.unique(blurred[:20, :20].reshape(-1, 3), axis=0)) <= 9
    np.testing.assert_array_equal(blurred[40:, :40], picture[40:, :40])
