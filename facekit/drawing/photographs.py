"""Draws estimates into a picture: a box and a caption for each face, readable on any ground."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facekit.core.errors import PictureError, lookup
from facekit.drawing.labels import DARK, TEXT_SIZES, Colour, Line, gap_of, plate_image, plate_size
from facekit.drawing.placement import Option, Place, Placed, Size, as_boxes, best_place, edges, least_covering
from facekit.heads import AgeAnswer, Answer

if TYPE_CHECKING:
    from facekit.estimator import FaceEstimate

# What is written in place of the English words. A word that is not here, as a class of one's own, is written as it is.
LANGUAGES: dict[str, dict[str, str]] = {
    "en": {},
    "zh": {
        "age": "年龄",
        "gender": "性别",
        "race": "种族",
        "Male": "男",
        "Female": "女",
        "White": "白人",
        "Black": "黑人",
        "Asian": "亚洲人",
        "Indian": "印度人",
        "Others": "其他",
        "estimated ": "估计",
        ", ": "、",
        " FPS": " 帧/秒",
        " ms": " 毫秒",
        " dropped": " 帧丢弃",
        " captured": " 截图",
        "REC": "录制中",
        "paused": "已暂停",
        "Space": "空格",
        "leave": "退出",
        "capture": "截图",
        "pause": "暂停",
        "record": "录制",
        "language": "语言",
        "help": "帮助",
        "No faces were found.": "没有发现人脸。",
        "{} more were on screen for shorter": "另有 {} 张脸出现时间更短",
    },
}
SELF_EXPLAINING = {"age", "gender", "race"}  # heads whose classes are understood without the head's name
LONGEST_LINE = 32  # characters
FACE_COLOURS = [(255, 200, 60), (96, 205, 255), (120, 230, 150), (255, 150, 120), (200, 170, 255), (240, 240, 130)]


@dataclass(frozen=True)
class Plate:
    """Lines of text on a dark plate."""

    lines: tuple[Line, ...]
    text_size: int
    place: Place


def draw_estimates(picture: np.ndarray, estimates: "Sequence[FaceEstimate]", language: str = "en") -> np.ndarray:
    """Draws boxes and captions; says at an edge that the captions are estimates.

    Captions lie inside the picture, never on another face's box nor on each other; where room is short, a caption
    is made smaller, loses its details, then lines, and at last is left out.

    Args:
        picture: RGB, uint8 (H, W, 3); not changed.
        estimates: the faces, with boxes in the picture's pixels.
        language: a key of `LANGUAGES`.

    Returns:
        A new picture of the same size.

    Raises:
        UnknownNameError: if there is no such language.
        PictureError: if the picture is not RGB uint8.
    """
    words = lookup("language", language, LANGUAGES)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise PictureError(
            f"A picture to draw on must be RGB uint8 (H, W, 3). Received: {picture.dtype} {picture.shape}. "
            "Read it with facekit.faces.images.read_picture."
        )
    boxed = picture.copy()
    boxes = as_boxes(estimate.box for estimate in estimates)
    for number, box in enumerate(boxes.tolist()):
        draw_box(boxed, box, face_colour(number))
    image = Image.fromarray(boxed)
    heads = list(dict.fromkeys(name for estimate in estimates for name in estimate.answers))
    notes = note_plates(image.size, heads, words)
    note = notes[least_covering([option.place for option in notes], boxes)] if notes else None
    if note:
        _draw_plate(image, note, None)
    captions = _place_captions(image.size, boxes, [caption_lines(face.answers, words) for face in estimates], note)
    for number, caption in enumerate(captions):
        if caption:
            _draw_plate(image, caption, face_colour(number))
    return np.array(image)


def caption_lines(answers: dict[str, Answer], words: dict[str, str]) -> tuple[Line, ...]:
    """What a caption says, an answer a line."""
    return tuple(_line(name, answer, words) for name, answer in answers.items())


def _line(name: str, answer: Answer, words: dict[str, str]) -> Line:
    if isinstance(answer, AgeAnswer):
        text = f"{words.get(name, name)} ~{answer.years:.0f}"
        detail = f"{answer.low:.0f}\N{EN DASH}{answer.high:.0f}"
    else:
        text = words.get(answer.label, answer.label)
        if name not in SELF_EXPLAINING:
            text = f"{words.get(name, name)}: {text}"
        detail = f"{min(answer.probability, 0.99):.0%}"  # an estimate is never certain
    text = " ".join(text.split())
    text = text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"
    return text[:1].upper() + text[1:], detail


def shorter(lines: tuple[Line, ...]) -> Iterator[tuple[Line, ...]]:
    """The lines, then without details, then ever fewer of them."""
    if lines:
        yield lines
    for count in range(len(lines), 0, -1):
        yield tuple((text, "") for text, _ in lines[:count])


def _place_captions(
    size: Size, boxes: np.ndarray, texts: Sequence[tuple[Line, ...]], note: Plate | None
) -> list[Plate | None]:
    """A caption for each face, or None where there are no answers or no room."""
    captions: list[Plate | None] = [None] * len(boxes)
    for _ in range(2):  # the second time, the first captions know where the last ones lie
        for index, lines in enumerate(texts):
            taken = as_boxes(plate.place for plate in [*captions[:index], *captions[index + 1 :], note] if plate)
            others = np.delete(boxes, index, axis=0)
            options = _options(size, boxes[index], list(shorter(lines)))
            captions[index] = _plate(best_place(size, boxes[index], others, taken, options))
    return captions


def _plate(placed: Placed[Plate] | None) -> Plate | None:
    return replace(placed.option.content, place=placed.place) if placed else None


def _options(size: Size, box: np.ndarray, texts: Sequence[tuple[Line, ...]]) -> Iterator[Option[Plate]]:
    """The captions to try, the most wanted first."""
    smallest, wanted = text_limits(size, box)
    for penalty, level, text_size in attempts(len(texts), smallest, wanted):
        width, height = plate_size(texts[level], text_size, has_stripe=True)
        if width <= box[2] - box[0] <= 1.6 * width:
            width = int(box[2] - box[0])  # as wide as the box looks tidier
        plate = Plate(texts[level], text_size, (0, 0, width, height))
        yield Option(penalty, plate, (width, height), gap_of(text_size))


def attempts(levels: int, smallest: int, wanted: int) -> list[tuple[float, int, int]]:
    """Penalty, level of shortening and text size of what to try, the most wanted first."""
    sizes = [text_size for text_size in reversed(TEXT_SIZES) if smallest <= text_size <= wanted]
    found = [
        (0.5 * shrunk + 4.0 * level, level, text_size)
        for level in range(levels)
        for shrunk, text_size in enumerate(sizes)
    ]
    return sorted(found, key=lambda attempt: attempt[0])


def text_limits(size: Size, box: np.ndarray) -> tuple[int, int]:
    """The smallest and the wanted text size: a ninth of the face, as far as it suits a picture of this size."""
    face, side = float(np.min(box[2:] - box[:2])), float(np.sqrt(size[0] * size[1]))
    smallest = max(_legible(size), side / 140)  # a large picture is seen scaled to a screen
    return _text_size(smallest), _text_size(max(smallest, min(face / 9, side / 36)))


def note_size(size: Size) -> int:
    """Text size of what is said about the whole picture."""
    return _text_size(max(_legible(size), min(size) / 50))


def _text_size(pixels: float) -> int:
    """The nearest of the sizes in use."""
    return min(TEXT_SIZES, key=lambda known: abs(known - pixels))


def _legible(size: Size) -> int:
    """12 px, less only in tiny pictures."""
    return min(12, max(8, min(size) // 12))


def note_plates(size: Size, heads: Sequence[str], words: dict[str, str]) -> list[Plate]:
    """The line at the picture's edge that says what was estimated, where it could be; none where it does not fit."""
    if not heads:
        return []
    text_size = note_size(size)
    options: list[Plate] = []
    for text in (note_text(heads, words), note_text([], words)):
        lines = ((text, ""),)
        width, height = plate_size(lines, text_size, has_stripe=False)
        options += [Plate(lines, text_size, place) for place in edges(size, width, height, from_top=False)]
    return options


def note_text(heads: Sequence[str], words: dict[str, str]) -> str:
    """What was estimated."""
    estimated = words.get("estimated ", "estimated ")
    text = (estimated + words.get(", ", ", ").join(words.get(name, name) for name in heads)).strip()
    return text[:1].upper() + text[1:]


# Drawing


def face_colour(number: int) -> Colour:
    """A face's colour: its caption carries it too, so that the two are seen to belong together."""
    return FACE_COLOURS[number % len(FACE_COLOURS)]


def draw_box(picture: np.ndarray, box: Sequence[int], colour: Colour) -> None:
    """A light line between two dark ones, all within the box, drawn into the picture (H, W, 3) itself."""
    left, top, right, bottom = box
    side = min(right - left, bottom - top)
    if side < 1:
        return
    width = max(1, math.ceil(min(max((side - 1) / 90, min(picture.shape[:2]) / 700), (side - 1) / 12)))
    dark = max(1, round(width / 2))
    _draw_ring(picture, (left, top, right, bottom), width + 2 * dark, DARK)
    if side - 1 > 4 * dark:
        _draw_ring(picture, (left + dark, top + dark, right - dark, bottom - dark), width, colour)


def _draw_ring(picture: np.ndarray, box: Place, width: int, colour: Colour) -> None:
    """Not by Pillow: that would have to copy the picture, twice."""
    left, top, right, bottom = (max(0, end) for end in box)
    across, down = min(width, right - left), min(width, bottom - top)
    for rows in (slice(top, top + down), slice(bottom - down, bottom)):
        picture[rows, left:right] = colour
    for columns in (slice(left, left + across), slice(right - across, right)):
        picture[top:bottom, columns] = colour


def _draw_plate(image: Image.Image, plate: Plate, stripe: Colour | None) -> None:
    """Only the plate's part of the picture is touched."""
    left, top, right, bottom = plate.place
    drawn = plate_image(plate.lines, plate.text_size, (right - left, bottom - top), stripe)
    image.paste(drawn, (left, top), drawn)
