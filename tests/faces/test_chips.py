"""facekit.faces.landmarks and facekit.faces.chips: faces are cut as UTKFace's chips were."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from facekit.core.errors import UnknownNameError
from facekit.core.files import PROJECT
from facekit.faces.chips import CHIP_SIZE, BoxChip, WholeChip, chip_details, cut_chips, resize_chips
from facekit.faces.detectors import make_detector
from facekit.faces.images import Picture, read_picture
from facekit.faces.landmarks import LANDMARKS, make_landmarker

CORNER = 80  # where chips are pasted


@pytest.fixture(scope="module")
def portrait() -> Picture:
    return read_picture(PROJECT / "demo_images" / "portrait_office.jpg")


@pytest.fixture(scope="module")
def found_again(utkface_archive: Path) -> list[tuple[Picture, Picture, tuple[int, int, int, int]]]:
    """Chips, pasted into larger pictures: (chip, picture, box of the face found there)."""
    found = []
    detect = make_detector("blazeface")
    for chip in sample_of_chips(utkface_archive, every=120):
        picture = Image.fromarray(chip).resize((360, 360)).filter(ImageFilter.GaussianBlur(40))
        picture.paste(Image.fromarray(chip), (CORNER, CORNER))
        faces = detect(np.asarray(picture))
        if faces:
            widest = max(faces, key=lambda face: face.box[2] - face.box[0])
            found.append((chip, np.asarray(picture), widest.box))
    assert len(found) >= 150
    return found


def sample_of_chips(archive: Path, every: int) -> Iterator[Picture]:
    """Every so many chips; the archive is sorted by name, which begins with the age: all ages are among them."""
    with tarfile.open(archive, "r|gz") as files:
        for number, member in enumerate(files):
            if number % every == 1:
                data = files.extractfile(member)
                assert data is not None
                yield read_picture(Image.open(io.BytesIO(data.read())))


@pytest.mark.parametrize(("points", "most_scale", "most_shift"), [(68, 0.03, 4), (5, 0.08, 6)])
def test_chips_are_cut_as_the_training_chips_were(
    points: int, most_scale: float, most_shift: float, found_again: list[tuple[Picture, Picture, tuple]]
) -> None:
    locate = make_landmarker(points)
    centre = CORNER + (CHIP_SIZE - 1) / 2
    agree = []
    for _, picture, box in found_again:
        (details,) = chip_details(locate(picture, [box]))
        middle = details.rect.dcenter()
        scale = abs(details.rect.width() / CHIP_SIZE - 1)
        shift = np.hypot(middle.x - centre, middle.y - centre)
        agree.append(scale <= most_scale and shift <= most_shift)
    assert np.mean(agree) >= 0.92, f"only {np.mean(agree):.3f} of {len(agree)}"


def test_cut_chips_look_like_the_training_chips(found_again: list[tuple[Picture, Picture, tuple]]) -> None:
    locate = make_landmarker(68)
    differences = [
        np.abs(cut_chips(picture, locate(picture, [box]))[0].astype(int) - chip).mean()
        for chip, picture, box in found_again
    ]
    assert np.median(differences) < 8  # of 255; another face differs by about 60


@pytest.mark.parametrize("points", LANDMARKS)
def test_shapes(points: int, portrait: Picture) -> None:
    locate = make_landmarker(points)
    box = make_detector("hog")(portrait)[0].box
    landmarks = locate(portrait, [box, box])
    assert landmarks.shape == (2, points, 2)
    assert landmarks.dtype == np.float32
    assert (landmarks[0] > box[:2]).all()
    chips = cut_chips(portrait, landmarks)
    assert chips.shape == (2, CHIP_SIZE, CHIP_SIZE, 3)
    assert chips.dtype == np.uint8
    np.testing.assert_array_equal(chips[0], chips[1])
    none = locate(portrait, [])
    assert none.shape == (0, points, 2)
    assert cut_chips(portrait, none).shape == (0, CHIP_SIZE, CHIP_SIZE, 3)


def test_views_and_the_edge(portrait: Picture) -> None:
    """A face at the edge, in a view, is cut as in the whole picture, as far as it is there."""
    left, top, right, bottom = make_detector("hog")(portrait)[0].box
    locate = make_landmarker(5)
    whole = chip_details(locate(portrait, [(left, top, right, bottom)]))[0].rect
    cut = left + 30
    (clipped,) = chip_details(locate(portrait[:, cut:], [(0, top, right - cut, bottom)]))
    assert abs(clipped.rect.width() / whole.width() - 1) < 0.04
    assert abs(clipped.rect.dcenter().x + cut - whole.dcenter().x) < 0.03 * whole.width()
    assert cut_chips(portrait[:, cut:], locate(portrait[:, cut:], [(0, top, right - cut, bottom)])).any()


@pytest.mark.parametrize("points", LANDMARKS)
@pytest.mark.parametrize("degrees", [30, 45, -60])
def test_leaning_faces_are_cut_as_upright_ones(points: int, degrees: int, portrait: Picture) -> None:
    detect, locate = make_detector("blazeface"), make_landmarker(points)
    turned = np.asarray(Image.fromarray(portrait).rotate(degrees, Image.Resampling.BICUBIC, expand=True))
    (upright,), (leaning,) = (chip_details(locate(view, [detect(view)[0].box])) for view in (portrait, turned))
    assert abs(np.degrees(leaning.angle - upright.angle) + degrees) < 6
    assert abs(leaning.rect.width() / upright.rect.width() - 1) < 0.08
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y = (
        np.array([upright.rect.dcenter().x, upright.rect.dcenter().y]) - np.array(portrait.shape[1::-1]) / 2
    ).tolist()
    wanted = np.array([cosine * x + sine * y, cosine * y - sine * x]) + np.array(turned.shape[1::-1]) / 2
    shift = np.array([leaning.rect.dcenter().x, leaning.rect.dcenter().y]) - wanted
    assert np.hypot(*shift) < 0.03 * upright.rect.width()


def test_unknown_number_of_landmarks() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown number of landmarks: '6'\..*Known: 5, 68\."):
        make_landmarker(6)


def test_whole_chip() -> None:
    picture = np.zeros((300, 500, 3), np.uint8)
    picture[:, 100:400] = 200

    def whole_chip(picture: Picture) -> Picture:
        return WholeChip().cut(picture, [(0, 0, 1, 1)]).chips

    assert (whole_chip(picture) == 200).all()
    assert whole_chip(picture).shape == (1, CHIP_SIZE, CHIP_SIZE, 3)
    assert whole_chip(np.full((1, 1, 3), 7, np.uint8)).shape == (1, CHIP_SIZE, CHIP_SIZE, 3)
    square = np.random.default_rng(0).integers(0, 256, (CHIP_SIZE, CHIP_SIZE, 3), np.uint8)
    np.testing.assert_array_equal(whole_chip(square)[0], square)


def test_box_chips_are_squares_that_are_black_beyond_the_picture() -> None:
    picture = np.random.default_rng(0).integers(1, 256, (300, 400, 3), np.uint8)
    (inside,) = BoxChip(size=50, margin=0.1).cut(picture, [(100, 100, 200, 180)]).chips
    np.testing.assert_array_equal(inside, resize_chips(picture[None, 80:200, 90:210], 50)[0])
    (corner,) = BoxChip(size=100).cut(picture, [(-50, -50, 50, 50)]).chips
    assert not corner[:50].any() and not corner[:, :50].any()
    np.testing.assert_array_equal(corner[50:, 50:], picture[:50, :50])
    (outside,) = BoxChip(size=20).cut(picture, [(500, 500, 600, 600)]).chips
    assert not outside.any()
    large = np.full((6000, 9000, 3), 200, np.uint8)  # a square of 900 million pixels with its margin
    (chip,) = BoxChip(size=30, margin=1.5).cut(large, [(0, 0, 9000, 6000)]).chips
    assert chip[15, 15].tolist() == [200] * 3 and not chip[0].any()


def test_resize_chips() -> None:
    chips = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    assert resize_chips(chips, 64) is chips
    halves = chips.reshape(3, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(resize_chips(chips, 32) - halves).mean() < 25  # antialiased: near the mean of the pixels
    assert resize_chips(chips, 100).shape == (3, 100, 100, 3)
    assert resize_chips(chips[:0], 32).shape == (0, 32, 32, 3)
