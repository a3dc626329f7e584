"""Writes the first training chips, augmented and with their labels, as one picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from facekit.drawing.chip_grid import save_chip_grid
from facekit.heads import MISSING, Head
from facekit.training import augment
from facekit.training.resident import Batch

MOST_CHIPS = 32


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
    return " ".join(str(head.label_name(label)) for head, label in known)
