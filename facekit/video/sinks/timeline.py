"""Draws a timeline of a video's tracks, one row per track."""

import math
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from facekit.drawing.labels import DARK, DIMMED, LIGHT, TROUGH, Colour, font
from facekit.drawing.languages import LANGUAGES
from facekit.drawing.photographs import caption_lines, face_colour, note_text
from facekit.drawing.placement import Rect
from facekit.faces.images import save_picture
from facekit.heads.answer import Line
from facekit.video.display.cards import PENDING_CAPTION, track_tag
from facekit.video.sinks.summary import Summary, TrackSummary, clock, longest

MAX_ROWS = 40
TEXT_SIZE, ROW_HEIGHT, MARGIN, CHART_WIDTH = 19, 34, 24, 1100  # pixels
TICK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400]  # seconds
MAX_TICKS = 11


def draw_timeline(summary: Summary, path: str | Path, language: str = "en") -> None:
    """Draws the tracks that were on screen longest, with their last estimates, into a .png file.

    Raises:
        PictureError: if the file cannot be written.
    """
    words, tracks, seconds = LANGUAGES[language], summary.tracks(), summary.seconds
    rows = longest(tracks, MAX_ROWS)
    texts = [caption_lines(track.answers, words) or PENDING_CAPTION for track in rows]
    id_width = max((_width(track_tag(track.track)) for track in rows), default=0)
    columns = _columns(texts)
    left = 2 * MARGIN + id_width + sum(text + detail for text, detail in columns)
    # The heading is above the rows, the times are below.
    image = Image.new("RGB", (left + CHART_WIDTH + 2 * MARGIN, ROW_HEIGHT * (len(rows) + 2) + 2 * MARGIN), DARK)
    draw = ImageDraw.Draw(image)
    _write(draw, MARGIN, MARGIN, _heading(rows, words), LIGHT)
    if len(tracks) > len(rows):
        rest = "{} more were on screen for shorter"
        _write(draw, left, MARGIN, words.get(rest, rest).format(len(tracks) - len(rows)), DIMMED)
    top = MARGIN + ROW_HEIGHT
    _draw_times(draw, (left, top, left + CHART_WIDTH, top + ROW_HEIGHT * len(rows)), seconds)
    for index, (track, lines) in enumerate(zip(rows, texts, strict=True)):
        row, colour = top + ROW_HEIGHT * index, face_colour(track.track - 1)
        _write(draw, MARGIN + id_width, row, track_tag(track.track), colour, align_right=True)
        _write_answers(draw, 2 * MARGIN + id_width, row, lines, columns)
        for span in track.spans:
            start, end = (left + round(CHART_WIDTH * time / max(seconds, 1e-3)) for time in span)
            above, below = row + ROW_HEIGHT // 4, row + ROW_HEIGHT - ROW_HEIGHT // 4
            draw.rectangle((start, above, max(start + 1, end - 1), below), fill=colour)
    save_picture(np.array(image), path)


def _heading(rows: Sequence[TrackSummary], words: dict[str, str]) -> str:
    nobody = "No faces were found."
    if not rows:
        return words.get(nobody, nobody)
    heads = list(dict.fromkeys(name for track in rows for name in track.answers))
    return note_text(heads, words) if heads else ""


def _draw_times(draw: ImageDraw.ImageDraw, box: Rect, seconds: float) -> None:
    """Draws round times, each with a vertical line."""
    left, top, right, bottom = box
    step = next((step for step in TICK_STEPS if seconds / step < MAX_TICKS), TICK_STEPS[-1])
    for time in range(0, int(seconds) + 1, step):
        x = left + round((right - left) * time / max(seconds, 1e-3))
        draw.line((x, top, x, bottom + ROW_HEIGHT // 4), fill=TROUGH)
        draw.text((x, bottom + ROW_HEIGHT // 4 + TEXT_SIZE), clock(time), DIMMED, font(TEXT_SIZE), anchor="ms")


def _columns(texts: Sequence[Sequence[Line]]) -> list[tuple[int, int]]:
    """Computes the widths of text and detail in each column, including the space after them."""
    columns = []
    for lines in zip_longest(*texts, fillvalue=("", "")):
        texts_width, details_width = (max(map(_width, column)) for column in zip(*lines, strict=True))
        columns.append((texts_width + TEXT_SIZE // 2, details_width + MARGIN))
    return columns


def _write_answers(
    draw: ImageDraw.ImageDraw, left: int, top: int, lines: Sequence[Line], columns: Sequence[tuple[int, int]]
) -> None:
    for (text, detail), (text_width, detail_width) in zip(lines, columns, strict=False):
        _write(draw, left, top, text, LIGHT)
        left += text_width + detail_width
        _write(draw, left - MARGIN, top, detail, DIMMED, align_right=True)


def _write(draw: ImageDraw.ImageDraw, x: int, top: int, text: str, colour: Colour, align_right: bool = False) -> None:
    """Writes a text in the vertical middle of a row."""
    base = top + round(0.5 * ROW_HEIGHT + 0.37 * TEXT_SIZE)
    draw.text((x, base), text, colour, font(TEXT_SIZE), anchor="rs" if align_right else "ls")


def _width(text: str) -> int:
    return math.ceil(font(TEXT_SIZE).getlength(text))
