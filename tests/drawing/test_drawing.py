"""Captions can be read, lie in the picture, and hide nobody else."""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facekit.core.errors import PictureError, UnknownNameError
from facekit.core.files import PROJECT
from facekit.drawing import photographs
from facekit.drawing.labels import font
from facekit.drawing.languages import LANGUAGES
from facekit.drawing.photographs import Label, draw_estimates
from facekit.heads import EXPRESSION, GENDER, RACE, AgeAnswer, ClassAnswer

Box = tuple[int, int, int, int]


def face(box: Box, **answers: Any) -> Any:
    answers = answers or {
        "age": AgeAnswer(34.2, 27.4, 41.8),
        "gender": ClassAnswer("Female", 0.981, {}),
        "race": ClassAnswer("Asian", 0.85, {}),
    }
    return SimpleNamespace(box=box, score=1.0, answers=answers)


def blank(width: int, height: int, grey: int = 128) -> np.ndarray:
    return np.full((height, width, 3), grey, np.uint8)


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def scattered(width: int, height: int, count: int, sides: tuple[int, int], seed: int) -> list[Box]:
    """Up to `count` square boxes that do not touch."""
    rng = np.random.default_rng(seed)
    boxes: list[Box] = []
    for _ in range(50 * count):
        side = int(rng.integers(*sides))
        x, y = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
        box = (x, y, x + side, y + side)
        if len(boxes) < count and not any(overlap(box, other) for other in boxes):
            boxes.append(box)
    return boxes


def overlap(one: Box, other: Box) -> int:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, width) * max(0, height)


def contrast(light: np.ndarray, dark: np.ndarray) -> float:
    """Contrast ratio of two sRGB colours (WCAG 2.1)."""

    def luminance(colour: np.ndarray) -> float:
        share = np.asarray(colour) / 255
        return float(
            np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
        )

    high, low = sorted([luminance(light), luminance(dark)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> list[Label]:
    """Fills with what is drawn: the note first, then the captions."""
    drawn: list[Label] = []
    draw_label = photographs._draw_label

    def record(image: Image.Image, label: Label, stripe: Any) -> None:
        drawn.append(label)
        draw_label(image, label, stripe)

    monkeypatch.setattr(photographs, "_draw_label", record)
    return drawn


def texts(label: Label) -> list[str]:
    return [f"{text} {detail}".strip() for text, detail in label.lines]


def check_rects(labels: list[Label], boxes: list[Box], width: int, height: int) -> None:
    """Inside the picture, apart from each other, and on at most one box."""
    for index, label in enumerate(labels):
        left, top, right, bottom = label.rect
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
        assert not any(overlap(label.rect, other.rect) for other in labels[:index])
    for caption in labels[1:]:
        assert sum(overlap(caption.rect, box) > 0 for box in boxes) <= 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", range(10))
def test_captions_hide_nobody_where_there_is_room(seed: int, language: str, labels: list[Label]) -> None:
    width, height = 1200, 900
    boxes = scattered(width, height, 1 + seed, (40, 180), seed)
    draw_estimates(blank(width, height), [face(box) for box in boxes], language)
    check_rects(labels, boxes, width, height)
    assert len(labels) == 1 + len(boxes)
    for caption in labels[1:]:
        assert len(caption.lines) == 3 and caption.text_size >= 12
        assert not any(overlap(caption.rect, box) for box in boxes)


@pytest.mark.parametrize("seed", range(10))
def test_captions_hide_nobody_else_in_a_crowd(seed: int, labels: list[Label]) -> None:
    rng = np.random.default_rng(100 + seed)
    width, height = int(rng.integers(150, 900)), int(rng.integers(150, 900))
    boxes = scattered(width, height, 40, (30, 120), seed)
    draw_estimates(blank(width, height), [face(box) for box in boxes])
    check_rects(labels, boxes, width, height)
    for caption in labels[1:]:
        assert all(overlap(caption.rect, box) <= 0.5 * overlap(box, box) for box in boxes)


def test_close_rows_of_faces_all_get_a_caption(labels: list[Label]) -> None:
    boxes = [(x, y, x + 60, y + 60) for y in range(10, 560, 80) for x in range(10, 860, 80)]
    draw_estimates(blank(900, 600), [face(box) for box in boxes])
    check_rects(labels, boxes, 900, 600)
    assert len(labels) == 1 + len(boxes)


def test_overlapping_and_nested_boxes_get_captions(labels: list[Label]) -> None:
    draw_estimates(blank(300, 300), [face((0, 0, 300, 300)), face((100, 100, 250, 250)), face((200, 180, 290, 270))])
    assert len(labels) == 4


@pytest.mark.parametrize("boxes", [[], [(10, 20, 110, 120)], [(0, 0, 300, 200)]])
def test_draws_on_a_copy(boxes: list[Box]) -> None:
    picture = noise(300, 200)
    before = picture.copy()
    drawn = draw_estimates(picture, [face(box) for box in boxes])
    np.testing.assert_array_equal(picture, before)
    assert drawn.shape == picture.shape and drawn.dtype == np.uint8
    assert not np.shares_memory(drawn, picture) and drawn.flags.writeable
    assert np.array_equal(drawn, picture) == (not boxes)


@pytest.mark.parametrize(
    "ground", [blank(400, 300, 0), blank(400, 300, 255), noise(400, 300)], ids=["0", "255", "noise"]
)
def test_captions_can_be_read_on_any_ground(ground: np.ndarray, labels: list[Label]) -> None:
    drawn = draw_estimates(ground, [face((100, 60, 200, 160))])
    assert len(labels) == 2
    for label in labels:
        left, top, right, bottom = label.rect
        # The right half holds the dimmer text; no letter reaches the lowest line of pixels.
        half = drawn[top:bottom, (left + right) // 2 : right].reshape(-1, 3)
        margin = drawn[bottom - 1, (left + right) // 2 : right]
        assert contrast(half[half.sum(axis=1).argmax()], margin[margin.sum(axis=1).argmax()]) >= 4.5


@pytest.mark.parametrize("grey", range(0, 256, 51))
@pytest.mark.parametrize("side", [20, 60, 250])
def test_boxes_can_be_seen_on_any_ground(grey: int, side: int) -> None:
    count = len(photographs.FACE_COLOURS)
    boxes = [(x, 10, x + side, 10 + side) for x in range(10, 300 * count, 300)]
    drawn = draw_estimates(blank(300 * count, 300, grey), [SimpleNamespace(box=box, answers={}) for box in boxes])
    for left, top, _, _ in boxes:
        edge = drawn[top + side // 2, left : left + side // 2]
        assert max(contrast(pixel, np.full(3, grey)) for pixel in edge) >= 3
        assert max(contrast(pixel, photographs.DARK) for pixel in edge) >= 7  # its two tones


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (12, 12), (20, 200), (50, 50), (400, 12), (100, 100)])
@pytest.mark.parametrize("language", LANGUAGES)
def test_tiny_pictures(size: tuple[int, int], language: str, labels: list[Label]) -> None:
    width, height = size
    for box in [(0, 0, width, height), (width // 4, height // 4, width // 2 + 1, height // 2 + 1)]:
        labels.clear()
        assert draw_estimates(blank(width, height), [face(box)], language).shape == (height, width, 3)
        check_rects(labels, [box], width, height)
        if size == (100, 100):
            assert len(labels) == 2 and len(labels[1].lines) == 3


def test_a_large_picture_is_quick_and_its_text_large(labels: list[Label]) -> None:
    picture = noise(4000, 3000)
    boxes = scattered(4000, 3000, 12, (80, 900), seed=1)
    start = time.process_time()
    draw_estimates(picture, [face(box) for box in boxes])
    assert time.process_time() - start < 5  # 0.2 s, but 1.1 s on a machine that was busy
    assert min(label.text_size for label in labels) >= 24


def test_words_of_both_languages(labels: list[Label]) -> None:
    for language in ("en", "zh"):
        draw_estimates(blank(600, 400), [face((200, 100, 300, 200))], language)
    assert [texts(label) for label in labels] == [
        ["Estimated age, gender, race"],
        ["Age ~34 27\N{EN DASH}42", "Female 98%", "Asian 85%"],
        ["估计年龄、性别、种族"],
        ["年龄 ~34 27\N{EN DASH}42", "女 98%", "亚洲人 85%"],
    ]


def test_expressions_in_both_languages(labels: list[Label]) -> None:
    answer = ClassAnswer("happy", 0.84, {})
    for language in ("en", "zh"):
        draw_estimates(blank(600, 400), [face((200, 100, 300, 200), expression=answer)], language)
    assert [texts(label) for label in labels] == [["Estimated expression"], ["Happy 84%"], ["估计表情"], ["高兴 84%"]]


def test_every_class_has_a_translation() -> None:
    words = {word for head in (GENDER, RACE, EXPRESSION) for word in (head.name, *head.classes)}
    assert all(words <= known.keys() for known in list(LANGUAGES.values())[1:])


def test_heads_left_out_and_heads_of_ones_own(labels: list[Label]) -> None:
    glasses, hat = ClassAnswer("thin\nrims", 0.7, {}), ClassAnswer("x" * 500, 1.0, {})
    estimates = [face((200, 100, 300, 200), age=AgeAnswer(5, 4, 6), glasses=glasses, hat=hat)]
    draw_estimates(blank(600, 400), estimates)
    note, caption = labels
    assert texts(note) == ["Estimated age, glasses, hat"]
    assert texts(caption)[:2] == ["Age ~5 4\N{EN DASH}6", "Glasses: thin rims 70%"]
    assert texts(caption)[2].startswith("Hat: xxx") and texts(caption)[2].endswith("… 99%")  # never certain


def test_a_face_without_answers_gets_a_box_only(labels: list[Label]) -> None:
    drawn = draw_estimates(blank(300, 200), [SimpleNamespace(box=(50, 50, 150, 150), answers={})])
    assert not labels and (drawn != 128).any()


def test_the_font_has_every_character() -> None:
    letters = font(40)
    missing = bytes(letters.getmask("\U0010fffd"))
    words = "".join(word for words in LANGUAGES.values() for word in [*words, *words.values()])
    for character in set(words + "~%…:\N{EN DASH}0123456789éß") - {" "}:
        assert bytes(letters.getmask(character)) != missing, character


def test_the_font_is_small_and_has_its_licence() -> None:
    files = list((PROJECT / "fonts").iterdir())
    assert sum(file.stat().st_size for file in files) < 5_000_000
    assert "SIL OPEN FONT LICENSE" in (PROJECT / "fonts" / "OFL.txt").read_text(encoding="utf-8")


def test_unknown_language() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown language: 'fr'\. Known: en, zh\."):
        draw_estimates(blank(30, 30), [], "fr")


@pytest.mark.parametrize("picture", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3))])
def test_pictures_must_be_rgb(picture: np.ndarray) -> None:
    with pytest.raises(PictureError, match="must be RGB uint8"):
        draw_estimates(picture, [])


def test_the_group_picture_shows_four_faces() -> None:
    dlib = pytest.importorskip("dlib")
    file = PROJECT / "demo_images" / "group.jpg"
    picture = np.asarray(Image.open(file).convert("RGB"))
    found = sorted(box.left() for box in dlib.get_frontal_face_detector()(picture))
    assert [left // 304 for left in found] == [0, 1, 2, 3]
    assert file.stat().st_size < 300_000
