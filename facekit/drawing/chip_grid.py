"""Draws chips in rows, each above its caption."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from facekit.core.files import atomic_path
from facekit.drawing.labels import font

COLUMNS = 8
SMALLEST_SIDE, TEXT_SIZE, GAP = 150, 13, 6  # pixels
LEAST_LINES = 2  # of a caption, for which there is room


def save_chip_grid(path: Path, chips: NDArray[Any], captions: Sequence[str], columns: int = COLUMNS) -> None:
    """Writes chips in rows, each above its caption; small ones are enlarged pixel by pixel.

    Args:
        path: of the PNG, which is replaced whole.
        chips: (n, H, W, 3) RGB 0..255.
        captions: n, of any number of lines; what is wider than the chip is cut off.
        columns: of the grid.

    Raises:
        OSError: it cannot be written.
    """
    factor = -(-SMALLEST_SIDE // min(chips.shape[1:3]))
    chip_height, chip_width = (factor * side for side in chips.shape[1:3])
    lines = max(LEAST_LINES, *(1 + caption.count("\n") for caption in captions))
    width, height = chip_width + GAP, chip_height + GAP + round((0.2 + 1.2 * lines) * TEXT_SIZE)
    columns = min(columns, len(chips))
    page = Image.new("RGB", (GAP + columns * width, GAP + -(-len(chips) // columns) * height), "white")
    pen = ImageDraw.Draw(page)
    for number, (chip, caption) in enumerate(zip(chips, captions, strict=True)):
        left, top = GAP + number % columns * width, GAP + number // columns * height
        pixels = np.clip(np.rint(chip), 0, 255).astype(np.uint8).repeat(factor, axis=0).repeat(factor, axis=1)
        page.paste(Image.fromarray(pixels), (left, top))
        for line, text in enumerate(caption.split("\n")):
            place = left, top + chip_height + 1 + round(1.2 * line * TEXT_SIZE)
            pen.text(place, _shortened(text, chip_width), "black", font(TEXT_SIZE))
    with atomic_path(path) as temporary:
        page.save(temporary)


def _shortened(text: str, width: int) -> str:
    """Cuts off what does not fit into so many pixels."""
    letters = font(TEXT_SIZE)
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
