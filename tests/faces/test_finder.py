"""facekit.faces.finder: every detector finds and cuts faces by the rule that is asked for."""

import numpy as np
import pytest

from facekit.core.errors import UnknownNameError, UsageError
from facekit.core.files import PROJECT
from facekit.faces.chips import AlignedChip, BoxChip, ChipConfig, WholeChip
from facekit.faces.detectors import DETECTORS
from facekit.faces.finder import FaceFinder
from facekit.faces.images import Picture, read_picture

RULES = (AlignedChip(size=64), BoxChip(size=64), WholeChip(size=64))


@pytest.fixture(scope="module")
def picture() -> Picture:
    return read_picture(PROJECT / "demo_images" / "astronaut.jpg")[:300, 80:380]


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_faces_are_found_and_cut_by_the_rule(name: str, rule: ChipConfig, picture: Picture) -> None:
    finder = FaceFinder(name)
    boxes = [found.box for found in finder.detect(picture)]
    assert len(boxes) == 1
    faces = finder.cut(picture, boxes, rule)
    # A picture that is a face is only resized; of a larger picture never the whole is cut, but the face's box.
    found = BoxChip(size=64) if isinstance(rule, WholeChip) else rule
    expected = found if DETECTORS[name].finds_faces else WholeChip(size=64)
    np.testing.assert_array_equal(faces.chips, expected.cut(picture, boxes).chips)
    np.testing.assert_array_equal(finder.cut_largest(picture, rule).chips, faces.chips)


def test_landmarks_may_replace_the_rules(picture: Picture) -> None:
    box = FaceFinder("hog").detect(picture)[0].box
    faces = FaceFinder("hog", landmarks=68).cut(picture, [box], AlignedChip())
    assert faces.landmarks is not None and faces.landmarks.shape == (1, 68, 2)
    np.testing.assert_array_equal(faces.chips, AlignedChip(landmarks=68).cut(picture, [box]).chips)
    followed = FaceFinder("hog").cut(picture, [box], AlignedChip(landmarks=68))
    np.testing.assert_array_equal(followed.chips, faces.chips)
    assert FaceFinder("hog", landmarks=68).cut(picture, [box], BoxChip()).landmarks is None


def test_the_largest_of_several_faces_is_cut() -> None:
    picture = read_picture(PROJECT / "demo_images" / "group.jpg")
    finder = FaceFinder("hog")
    boxes = [found.box for found in finder.detect(picture)]
    largest = max(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
    faces = finder.cut_largest(picture, BoxChip())
    assert len(boxes) >= 4 and faces.boxes is not None and faces.boxes.tolist() == [list(largest)]


def test_a_picture_without_a_face_gives_none() -> None:
    assert len(FaceFinder("hog").cut_largest(np.zeros((80, 80, 3), np.uint8), AlignedChip())) == 0


def test_impossible_arguments_are_refused_before_a_picture_is_read() -> None:
    with pytest.raises(UnknownNameError, match="Unknown detector: 'hug'"):
        FaceFinder("hug")
    with pytest.raises(UnknownNameError, match=r"Unknown number of landmarks: '7'\. Known: 5, 68\."):
        FaceFinder("hog", landmarks=7)
    with pytest.raises(UsageError, match=r"min_face must be at least 1 pixel\. Received: 0\.") as caught:
        FaceFinder("hog", 0)
    assert caught.value.argument == "min_face"
