"""Writes the first training chips, augmented and with their labels, as one picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from facekit.core.files import PROJECT, atomic_path
from facekit.heads import MISSING, Head
from facekit.training import augment
from facekit.training.resident import Batch

FONT = PROJECT / "fonts" / "FacekitSans-Medium.otf"
COLUMNS, MOST_CHIPS = 8, 32
SMALLEST_SIDE, TEXT_SIZE, GAP = 150, 13, 6  # pixels
LABELS_FIT = 24  # characters, at the smallest side


def save_first_chips(
    path: Path,
    heads: Sequence[Head],
    batch: Batch,
    chips: NDArray[np.uint8],
    labels: dict[str, NDArray[Any]],
) -> None:
    """Writes the start of a training's first batch, augmented, with labels and mixing ratios.

    Args:
        path: of the PNG.
        heads: of the network.
        batch: the first, as `facekit.training.resident.batches` yields it.
        chips: (n, H, W, 3) all chips.
        labels: head's name -> (n,).

    Raises:
        OSError: it cannot be written.
    """
    draws = {name: ops.convert_to_tensor(value) for name, value in batch.items()}
    seen = ops.convert_to_numpy(augment.apply(chips[batch["index"]], draws))
    captions = [_caption(heads, labels, batch, number) for number in range(min(len(seen), MOST_CHIPS))]
    save_chip_grid(path, seen[:MOST_CHIPS], captions)


def save_chip_grid(path: Path, chips: NDArray[Any], captions: Sequence[str]) -> None:
    """Writes chips in rows, each above its caption; small ones are enlarged pixel by pixel.

    Args:
        path: of the PNG, which is replaced whole.
        chips: (n, H, W, 3) RGB 0..255.
        captions: n, of one line or two.

    Raises:
        OSError: it cannot be written.
    """
    factor = -(-SMALLEST_SIDE // min(chips.shape[1:3]))
    chip_height, chip_width = (factor * side for side in chips.shape[1:3])
    width, height = chip_width + GAP, chip_height + GAP + round(2.6 * TEXT_SIZE)
    columns = min(COLUMNS, len(chips))
    page = Image.new("RGB", (GAP + columns * width, GAP + -(-len(chips) // columns) * height), "white")
    pen = ImageDraw.Draw(page)
    font = ImageFont.truetype(str(FONT), TEXT_SIZE, layout_engine=ImageFont.Layout.BASIC)  # the same everywhere
    for number, (chip, caption) in enumerate(zip(chips, captions, strict=True)):
        left, top = GAP + number % columns * width, GAP + number // columns * height
        pixels = np.clip(np.rint(chip), 0, 255).astype(np.uint8).repeat(factor, axis=0).repeat(factor, axis=1)
        page.paste(Image.fromarray(pixels), (left, top))
        for line, text in enumerate(caption.split("\n")):
            pen.text((left, top + chip_height + 1 + round(1.2 * line * TEXT_SIZE)), text, "black", font)
    with atomic_path(path) as temporary:
        page.save(temporary)


def _caption(heads: Sequence[Head], labels: dict[str, NDArray[Any]], batch: augment.Draws, number: int) -> str:
    """Returns the labels of a chip; of a mixed one, the ratio and labels of both."""
    index, ratio = batch["index"], float(batch["ratio"][number])
    own = _label_text(heads, labels, int(index[number]))
    if ratio == 1:
        return own
    other = _label_text(heads, labels, int(index[batch["partner"][number]]))
    return f"{ratio:.0%} {own}\n{1 - ratio:.0%} {other}"


def _label_text(heads: Sequence[Head], labels: dict[str, NDArray[Any]], index: int) -> str:
    known = [(head, labels[head.name][index]) for head in heads if labels[head.name][index] != MISSING]
    text = " ".join(str(head.label_name(label)) for head, label in known)
    return text if len(text) <= LABELS_FIT else text[: LABELS_FIT - 1] + "…"
