"""A picture of when the faces of a video were seen: a row a track."""

import math
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from facekit.core.errors import lookup
from facekit.drawing.labels import DARK, DIMMED, LIGHT, TROUGH, Colour, Line, font
from facekit.drawing.photographs import LANGUAGES, caption_lines, face_colour, note_text
from facekit.drawing.placement import Place
from facekit.faces.images import Picture, save_picture
from facekit.video.display.hysteresis import NOTHING_YET
from facekit.video.sinks.summary import Summary, TrackSummary, clock, longest

MOST_ROWS = 40
TEXT, ROW, MARGIN, CHART = 19, 34, 24, 1100  # sizes and widths, pixels
STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400]  # seconds
MOST_TICKS = 11


def draw_timeline(summary: Summary, path: str | Path, language: str = "en") -> None:
    """A picture of when each face was seen, with its last estimates: .png, written whole or not at all.

    Raises:
        UnknownNameError: no such language.
        PictureError: it cannot be written.
    """
    save_picture(timeline_picture(summary.tracks(), summary.seconds, language), path)


def timeline_picture(tracks: Sequence[TrackSummary], seconds: float, language: str = "en") -> Picture:
    """Draws the tracks that were on screen longest, in the order in which they came.

    Args:
        tracks: everybody who was seen.
        seconds: how long the video is.
        language: a key of `LANGUAGES`.

    Raises:
        UnknownNameError: no such language.
    """
    words = lookup("language", language, LANGUAGES)
    rows = longest(tracks, MOST_ROWS)
    texts = [caption_lines(track.answers, words) or NOTHING_YET for track in rows]
    numbers = max((_width(str(track.track)) for track in rows), default=0)
    columns = _columns(texts)
    left = 2 * MARGIN + numbers + sum(text + detail for text, detail in columns)
    # Above the rows is the heading, below them are the times.
    image = Image.new("RGB", (left + CHART + 2 * MARGIN, ROW * (len(rows) + 2) + 2 * MARGIN), DARK)
    draw = ImageDraw.Draw(image)
    _write(draw, MARGIN, MARGIN, _heading(rows, words), LIGHT)
    if len(tracks) > len(rows):
        rest = "{} more were on screen for shorter"
        _write(draw, left, MARGIN, words.get(rest, rest).format(len(tracks) - len(rows)), DIMMED)
    top = MARGIN + ROW
    _draw_times(draw, (left, top, left + CHART, top + ROW * len(rows)), seconds)
    for number, (track, lines) in enumerate(zip(rows, texts, strict=True)):
        row, colour = top + ROW * number, face_colour(track.track - 1)
        _write(draw, MARGIN + numbers, row, str(track.track), colour, from_right=True)
        _write_answers(draw, 2 * MARGIN + numbers, row, lines, columns)
        for span in track.spans:
            start, end = (left + round(CHART * time / max(seconds, 1e-3)) for time in span)
            draw.rectangle((start, row + ROW // 4, max(start + 1, end - 1), row + ROW - ROW // 4), fill=colour)
    return np.array(image)


def _heading(rows: Sequence[TrackSummary], words: dict[str, str]) -> str:
    nobody = "No faces were found."
    if not rows:
        return words.get(nobody, nobody)
    heads = list(dict.fromkeys(name for track in rows for name in track.answers))
    return note_text(heads, words) if heads else ""


def _draw_times(draw: ImageDraw.ImageDraw, place: Place, seconds: float) -> None:
    """Round times, each with its line."""
    left, top, right, bottom = place
    step = next((step for step in STEPS if seconds / step < MOST_TICKS), STEPS[-1])
    for time in range(0, int(seconds) + 1, step):
        x = left + round((right - left) * time / max(seconds, 1e-3))
        draw.line((x, top, x, bottom + ROW // 4), fill=TROUGH)
        draw.text((x, bottom + ROW // 4 + TEXT), clock(time), DIMMED, font(TEXT), anchor="ms")


def _columns(texts: Sequence[Sequence[Line]]) -> list[tuple[int, int]]:
    """Width of text and of detail in each column, with the space after them."""
    columns = []
    for lines in zip_longest(*texts, fillvalue=("", "")):
        texts_width, details_width = (max(map(_width, column)) for column in zip(*lines, strict=True))
        columns.append((texts_width + TEXT // 2, details_width + MARGIN))
    return columns


def _write_answers(
    draw: ImageDraw.ImageDraw, left: int, top: int, lines: Sequence[Line], columns: Sequence[tuple[int, int]]
) -> None:
    for (text, detail), (text_width, detail_width) in zip(lines, columns, strict=False):
        _write(draw, left, top, text, LIGHT)
        left += text_width + detail_width
        _write(draw, left - MARGIN, top, detail, DIMMED, from_right=True)


def _write(draw: ImageDraw.ImageDraw, x: int, top: int, text: str, colour: Colour, from_right: bool = False) -> None:
    """In the middle of a row."""
    base = top + round(0.5 * ROW + 0.37 * TEXT)
    draw.text((x, base), text, colour, font(TEXT), anchor="rs" if from_right else "ls")


def _width(text: str) -> int:
    return math.ceil(font(TEXT).getlength(text))
