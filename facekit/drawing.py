"""Draws estimates into a picture: a box and a caption for each face, readable on any ground."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facekit.errors import PictureError, lookup
from facekit.files import PROJECT
from facekit.heads import AgeAnswer, Answer

if TYPE_CHECKING:
    from facekit.estimator import FaceEstimate

Line = tuple[str, str]  # the answer, and how sure it is
Size = tuple[int, int]  # width, height
Place = tuple[int, int, int, int]  # left, top, right, bottom
Colour = tuple[int, int, int]

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
    },
}
SELF_EXPLAINING = {"age", "gender", "race"}  # heads whose classes are understood without the head's name
TEXT_SIZES = sorted({round(8 * 1.15**step) for step in range(20)})  # pixels; few, so that like faces get like text
DARK, LIGHT, DIMMED = (18, 20, 24), (255, 255, 255), (205, 208, 214)
LONGEST_LINE = 32  # characters
PLATE_OPACITY = 0.78  # white text on the plate keeps a contrast above 7:1 where the picture is white
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
            "Read it with facekit.images.read_picture."
        )
    image = Image.fromarray(picture)
    boxes = np.array([estimate.box for estimate in estimates], dtype=np.int64).reshape(-1, 4)
    for number, box in enumerate(boxes.tolist()):
        _draw_box(image, box, _colour(number))
    heads = list(dict.fromkeys(name for estimate in estimates for name in estimate.answers))
    note = _note(image.size, boxes, heads, words)
    if note:
        _draw_plate(image, note, None)
    captions = _place_captions(image.size, boxes, [_lines(estimate.answers, words) for estimate in estimates], note)
    for number, caption in enumerate(captions):
        if caption:
            _draw_plate(image, caption, _colour(number))
    return np.array(image)


def _lines(answers: dict[str, Answer], words: dict[str, str]) -> tuple[Line, ...]:
    """What the caption says, an answer a line."""
    lines = []
    for name, answer in answers.items():
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
        lines.append((text[:1].upper() + text[1:], detail))
    return tuple(lines)


# Placing


def _place_captions(
    size: Size, boxes: np.ndarray, texts: Sequence[tuple[Line, ...]], note: Plate | None
) -> list[Plate | None]:
    """A caption for each face, or None where there are no answers or no room."""
    captions: list[Plate | None] = [None] * len(boxes)
    for _ in range(2):  # the second time, the first captions know where the last ones lie
        for index, lines in enumerate(texts):
            taken = [plate.place for plate in [*captions[:index], *captions[index + 1 :], note] if plate]
            captions[index] = _best_caption(size, boxes, index, lines, np.array(taken, dtype=np.int64).reshape(-1, 4))
    return captions


def _best_caption(
    size: Size, boxes: np.ndarray, index: int, lines: tuple[Line, ...], taken: np.ndarray
) -> Plate | None:
    """The caption that hides least of its own face; of those, the largest text, the most words, the usual place."""
    own, others = boxes[index], np.delete(boxes, index, axis=0)
    own_others = _intersection(own, others)  # here nothing is lost but the own face
    best, best_cost = None, np.inf
    for penalty, text, text_size in _attempts(size, own, lines):
        if penalty >= best_cost:
            break
        width, height = _plate_size(text, text_size, has_stripe=True)
        if width <= own[2] - own[0] <= 1.6 * width:
            width = int(own[2] - own[0])  # as wide as the box looks tidier
        if width > size[0] or height > size[1]:
            continue
        places, costs = _candidates(size, own, width, height, gap=max(2, text_size // 3))
        hidden = _area(_intersection(places, own)) / max(1, _area(own))
        on_others = _covered(places, others)
        in_own = _covered(places, own_others)
        costs += penalty + 30 * hidden + 30 * in_own / (width * height)
        costs[(on_others > in_own) | (_covered(places, taken) > 0) | (hidden > 0.5)] = np.inf
        choice = int(np.argmin(costs))
        if costs[choice] < best_cost:
            left, top, right, bottom = places[choice].tolist()
            best, best_cost = Plate(text, text_size, (left, top, right, bottom)), float(costs[choice])
    return best


def _attempts(size: Size, box: np.ndarray, lines: tuple[Line, ...]) -> list[tuple[float, tuple[Line, ...], int]]:
    """Penalty, text and text size of the captions to try, the most wanted first."""
    short = tuple((text, "") for text, _ in lines)
    texts = [lines, *(short[:count] for count in range(len(lines), 0, -1))] if lines else []
    smallest, wanted = _text_limits(size, box)
    sizes = [text_size for text_size in reversed(TEXT_SIZES) if smallest <= text_size <= wanted]
    attempts = [
        (0.5 * shrunk + 4.0 * shortened, text, text_size)
        for shortened, text in enumerate(texts)
        for shrunk, text_size in enumerate(sizes)
    ]
    return sorted(attempts, key=lambda attempt: attempt[0])


def _text_limits(size: Size, box: np.ndarray) -> tuple[int, int]:
    """The smallest and the wanted text size: a ninth of the face, as far as it suits a picture of this size."""
    face, side = float(np.min(box[2:] - box[:2])), float(np.sqrt(size[0] * size[1]))
    smallest = max(_legible(size), side / 140)  # a large picture is seen scaled to a screen
    return _text_size(smallest), _text_size(max(smallest, min(face / 9, side / 36)))


def _text_size(pixels: float) -> int:
    """The nearest of the sizes in use."""
    return min(TEXT_SIZES, key=lambda known: abs(known - pixels))


def _legible(size: Size) -> int:
    """12 px, less only in tiny pictures."""
    return min(12, max(8, min(size) // 12))


def _candidates(size: Size, box: np.ndarray, width: int, height: int, gap: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (n, 4) around and in the box, moved into the picture, and how unusual each is (n,)."""
    left, top, right, bottom = box.tolist()
    across = [(left + right - width) // 2, left, right - width, left - width // 2, right - width // 2]
    down = [(top + bottom - height) // 2, top, bottom - height, top - height // 2, bottom - height // 2]
    corners = [(x, y) for y in (bottom + gap, top - gap - height) for x in across]
    corners += [(x, y) for x in (right + gap, left - gap - width) for y in down]
    corners += [(x, y) for y in (bottom + 2 * gap + height, top - 2 * gap - 2 * height) for x in across]
    corners += [(x, y) for y in (bottom - gap - height, top + gap) for x in across[:3]]
    extent = np.array([width, height])
    starts = np.clip(corners, 0, size - extent)
    return np.hstack([starts, starts + extent]), 0.03 * np.arange(len(starts))


def _intersection(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Where boxes (..., 4) and others (..., 4) meet; right < left or bottom < top where they do not."""
    starts, ends = np.maximum(boxes[..., :2], others[..., :2]), np.minimum(boxes[..., 2:], others[..., 2:])
    return np.concatenate([starts, ends], axis=-1)


def _covered(places: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """How much of the boxes (n, 4), in sum, each of the places (m, 4) covers: (m,)."""
    covered: np.ndarray = _area(_intersection(places[:, None], boxes)).sum(axis=1)
    return covered


def _area(boxes: np.ndarray) -> np.ndarray:
    """Areas (...) of boxes (..., 4)."""
    area: np.ndarray = np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0), axis=-1)
    return area


def _note(size: Size, boxes: np.ndarray, heads: Sequence[str], words: dict[str, str]) -> Plate | None:
    """The line at the picture's edge that says what was estimated; None where it does not fit."""
    if not heads:
        return None
    text_size = _text_size(max(_legible(size), min(size) / 50))
    estimated = words.get("estimated ", "estimated ")
    options: list[Plate] = []
    for text in (estimated + words.get(", ", ", ").join(words.get(name, name) for name in heads), estimated.strip()):
        lines = ((text[:1].upper() + text[1:], ""),)
        width, height = _plate_size(lines, text_size, has_stripe=False)
        free_x, free_y = size[0] - width, size[1] - height
        if free_x >= 0 and free_y >= 0:
            corners = [(x, y) for y in (free_y, 0) for x in (0, free_x, free_x // 2)]
            options += [Plate(lines, text_size, (x, y, x + width, y + height)) for x, y in corners]
    return min(options, key=lambda option: int(_covered(np.array([option.place]), boxes)[0]), default=None)


# Drawing


def _colour(number: int) -> Colour:
    """A face's colour: its caption carries it too, so that the two are seen to belong together."""
    return FACE_COLOURS[number % len(FACE_COLOURS)]


def _draw_box(image: Image.Image, box: Sequence[int], colour: Colour) -> None:
    """A light line between two dark ones, all within the box."""
    left, top, right, bottom = box[0], box[1], box[2] - 1, box[3] - 1  # Pillow's boxes include their ends
    side = min(right - left, bottom - top)
    if side < 0:
        return
    width = max(1, math.ceil(min(max(side / 90, min(image.size) / 700), side / 12)))
    dark = max(1, round(width / 2))
    draw = ImageDraw.Draw(image)
    draw.rectangle((left, top, right, bottom), outline=DARK, width=width + 2 * dark)
    if side > 4 * dark:
        draw.rectangle((left + dark, top + dark, right - dark, bottom - dark), outline=colour, width=width)


def _draw_plate(image: Image.Image, plate: Plate, stripe: Colour | None) -> None:
    """The text on its plate; only the plate's part of the picture is touched."""
    ground = image.crop(plate.place)
    ground = Image.blend(ground, Image.new("RGB", ground.size, DARK), PLATE_OPACITY)
    draw = ImageDraw.Draw(ground)
    margin, stripe_width, pitch = _spacing(plate.text_size)
    left = margin
    if stripe:
        draw.rectangle((0, 0, stripe_width - 1, ground.height), fill=stripe)
        left += stripe_width
    font = _font(plate.text_size)
    for number, (text, detail) in enumerate(plate.lines):
        # Half the height of Latin capitals and of Chinese characters alike lies 0.37 above the base line.
        base = margin // 2 + round((number + 0.5) * pitch + 0.37 * plate.text_size)
        draw.text((left, base), text, LIGHT, font, anchor="ls")
        draw.text((ground.width - margin, base), detail, DIMMED, font, anchor="rs")
    image.paste(ground, plate.place[:2])


def _plate_size(lines: Sequence[Line], text_size: int, has_stripe: bool) -> tuple[int, int]:
    """Width and height in pixels."""
    font = _font(text_size)
    margin, stripe_width, pitch = _spacing(text_size)
    widths = [
        font.getlength(text) + (font.getlength(detail) + 0.7 * text_size if detail else 0) for text, detail in lines
    ]
    return round(max(widths) + 1) + 2 * margin + stripe_width * has_stripe, pitch * len(lines) + 2 * (margin // 2)


def _spacing(text_size: int) -> tuple[int, int, int]:
    """Margin, width of the stripe, and distance of lines, in pixels."""
    return round(0.45 * text_size), max(2, round(0.2 * text_size)), round(1.3 * text_size)


@lru_cache(maxsize=len(TEXT_SIZES))
def _font(text_size: int) -> ImageFont.FreeTypeFont:
    """The one font, in a size. The basic layout is the same wherever Pillow runs."""
    file = PROJECT / "fonts" / "FacekitSans-Medium.otf"
    return ImageFont.truetype(str(file), text_size, layout_engine=ImageFont.Layout.BASIC)
