"""Draws estimates into a photograph: a box and a caption for each face, readable on any background."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facekit.core.errors import PictureError, lookup
from facekit.drawing.labels import DARK, TEXT_SIZES, Colour, label_gap, label_image, label_size
from facekit.drawing.languages import LANGUAGES
from facekit.drawing.placement import Option, Rect, Size, as_boxes, best_placement, edge_rects, least_covering
from facekit.heads import Answer
from facekit.heads.answer import Line

if TYPE_CHECKING:
    from facekit.estimates import FaceEstimate

LONGEST_LINE = 32  # characters
FACE_COLOURS = [(255, 200, 60), (96, 205, 255), (120, 230, 150), (255, 150, 120), (200, 170, 255), (240, 240, 130)]


@dataclass(frozen=True)
class Label:
    """Lines of text on a dark rectangle, the first after a small tag."""

    lines: tuple[Line, ...]
    text_size: int
    rect: Rect
    tag: str = ""


def draw_estimates(picture: np.ndarray, estimates: "Sequence[FaceEstimate]", language: str = "en") -> np.ndarray:
    """Draws boxes and captions, and a note at an edge that the captions are estimates.

    Captions lie inside the picture, never on another face's box nor on each other. Where room is short, a caption
    becomes smaller, loses its details, then lines, and is finally left out.

    Args:
        picture: RGB, uint8 (H, W, 3); not changed.
        estimates: the faces, with boxes in the picture's pixels.
        language: a key of `LANGUAGES`.

    Returns:
        A new picture of the same size.

    Raises:
        UnknownNameError: no such language.
        PictureError: the picture is not RGB uint8.
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
    notes = note_labels(image.size, heads, words)
    note = notes[least_covering([option.rect for option in notes], boxes)] if notes else None
    if note:
        _draw_label(image, note, None)
    captions = _layout_captions(image.size, boxes, [caption_lines(face.answers, words) for face in estimates], note)
    for number, caption in enumerate(captions):
        if caption:
            _draw_label(image, caption, face_colour(number))
    return np.array(image)


def caption_lines(answers: dict[str, Answer], words: dict[str, str]) -> tuple[Line, ...]:
    """Returns a caption's lines, one for each answer."""
    return tuple(_line(name, answer, words) for name, answer in answers.items())


def _line(name: str, answer: Answer, words: dict[str, str]) -> Line:
    text, detail = answer.caption(name, words)
    text = " ".join(text.split())
    text = text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"
    return text[:1].upper() + text[1:], detail


def shorter(lines: tuple[Line, ...]) -> Iterator[tuple[Line, ...]]:
    """Yields the lines, then the lines without details, then ever fewer of them."""
    if lines:
        yield lines
    for count in range(len(lines), 0, -1):
        yield tuple((text, "") for text, _ in lines[:count])


def _layout_captions(
    size: Size, boxes: np.ndarray, texts: Sequence[tuple[Line, ...]], note: Label | None
) -> list[Label | None]:
    """Places a caption for each face; None where there are no answers or no room."""
    captions: list[Label | None] = [None] * len(boxes)
    for _ in range(2):  # the second time, the first captions know where the last ones lie
        for index, lines in enumerate(texts):
            occupied = as_boxes(label.rect for label in [*captions[:index], *captions[index + 1 :], note] if label)
            others = np.delete(boxes, index, axis=0)
            options = _options(size, boxes[index], list(shorter(lines)))
            placement = best_placement(size, boxes[index], others, occupied, options)
            captions[index] = replace(placement.option.content, rect=placement.rect) if placement else None
    return captions


def _options(size: Size, box: np.ndarray, texts: Sequence[tuple[Line, ...]]) -> Iterator[Option[Label]]:
    """Yields the captions to try, in order of preference."""
    smallest, wanted = text_limits(size, box)
    for penalty, level, text_size in attempts(len(texts), smallest, wanted):
        width, height = label_size(texts[level], text_size, has_stripe=True)
        if width <= box[2] - box[0] <= 1.6 * width:
            width = int(box[2] - box[0])  # as wide as the box looks tidier
        label = Label(texts[level], text_size, (0, 0, width, height))
        yield Option(penalty, label, (width, height), label_gap(text_size))


def attempts(levels: int, smallest: int, wanted: int) -> list[tuple[float, int, int]]:
    """Lists penalty, level of shortening and text size of the captions to try, in order of preference."""
    sizes = [text_size for text_size in reversed(TEXT_SIZES) if smallest <= text_size <= wanted]
    found = [
        (0.5 * shrunk + 4.0 * level, level, text_size)
        for level in range(levels)
        for shrunk, text_size in enumerate(sizes)
    ]
    return sorted(found, key=lambda attempt: attempt[0])


def text_limits(size: Size, box: np.ndarray) -> tuple[int, int]:
    """Returns the smallest and the preferred text size: a ninth of the face, within limits set by the picture."""
    face, side = float(np.min(box[2:] - box[:2])), float(np.sqrt(size[0] * size[1]))
    smallest = max(_legible(size), side / 140)  # a large picture is seen scaled to a screen
    return _text_size(smallest), _text_size(max(smallest, min(face / 9, side / 36)))


def note_size(size: Size) -> int:
    """Returns the text size of notes about the whole picture."""
    return _text_size(max(_legible(size), min(size) / 50))


def _text_size(pixels: float) -> int:
    """Returns the nearest of TEXT_SIZES."""
    return min(TEXT_SIZES, key=lambda known: abs(known - pixels))


def _legible(size: Size) -> int:
    """Returns the smallest legible text size: 12 px, less only in tiny pictures."""
    return min(12, max(8, min(size) // 12))


def note_labels(size: Size, heads: Sequence[str], words: dict[str, str]) -> list[Label]:
    """Lists the possible notes at the picture's edge that say what was estimated; none where none fits."""
    if not heads:
        return []
    text_size = note_size(size)
    options: list[Label] = []
    for text in (note_text(heads, words), note_text([], words)):
        lines = ((text, ""),)
        width, height = label_size(lines, text_size, has_stripe=False)
        options += [Label(lines, text_size, rect) for rect in edge_rects(size, width, height, from_top=False)]
    return options


def note_text(heads: Sequence[str], words: dict[str, str]) -> str:
    """Returns the note that names what was estimated."""
    estimated = words.get("estimated ", "estimated ")
    text = (estimated + words.get(", ", ", ").join(words.get(name, name) for name in heads)).strip()
    return text[:1].upper() + text[1:]


# Drawing


def face_colour(number: int) -> Colour:
    """Returns a face's colour, which its caption has too, so that they are seen to belong together."""
    return FACE_COLOURS[number % len(FACE_COLOURS)]


def draw_box(picture: np.ndarray, box: Sequence[int], colour: Colour) -> None:
    """Draws a light line between two dark ones, all within the box, into the picture (H, W, 3) itself."""
    left, top, right, bottom = box
    side = min(right - left, bottom - top)
    if side < 1:
        return
    width = max(1, math.ceil(min(max((side - 1) / 90, min(picture.shape[:2]) / 700), (side - 1) / 12)))
    dark = max(1, round(width / 2))
    _draw_ring(picture, (left, top, right, bottom), width + 2 * dark, DARK)
    if side - 1 > 4 * dark:
        _draw_ring(picture, (left + dark, top + dark, right - dark, bottom - dark), width, colour)


def _draw_ring(picture: np.ndarray, box: Rect, width: int, colour: Colour) -> None:
    """Draws a rectangle's outline; Pillow would have to copy the picture, twice."""
    left, top, right, bottom = (max(0, end) for end in box)
    across, down = min(width, right - left), min(width, bottom - top)
    for rows in (slice(top, top + down), slice(bottom - down, bottom)):
        picture[rows, left:right] = colour
    for columns in (slice(left, left + across), slice(right - across, right)):
        picture[top:bottom, columns] = colour


def _draw_label(image: Image.Image, label: Label, stripe: Colour | None) -> None:
    """Draws a label; only its part of the picture is touched."""
    left, top, right, bottom = label.rect
    drawn = label_image(label.lines, label.text_size, (right - left, bottom - top), stripe)
    image.paste(drawn, (left, top), drawn)
