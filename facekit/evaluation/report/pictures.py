"""Draws pictures that lie beside the page: confusion matrices, and chips with their labels and answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

SIDE = 4  # chips in a row, and rows, of the grid
_MOST_NUMBERS = 15  # classes up to which each cell has its numbers

Caption = tuple[str, str, str]  # head's name, label, answer


def confusion_matrix(name: str, section: Mapping[str, Any]) -> Figure:
    """Draws which class or band is answered as which: the share of those labelled so, and their number.

    Args:
        name: of the head.
        section: of the head in report.json.
    """
    groups, counts = section["groups"], np.array(section["confusion"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(3.6, (0.7 if len(groups) <= _MOST_NUMBERS else 0.3) * len(groups))  # inches
    figure = Figure(figsize=(side + 2.2, side + 1.2), layout="constrained")
    axes = figure.add_subplot(xlabel=f"estimated {name}", ylabel=f"labelled {name}")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="share of those labelled so", format=PercentFormatter(1, decimals=0), shrink=0.8)
    axes.set_xticks(range(len(groups)), groups, rotation=90 if len(groups) > 5 else 0, parse_math=False)
    labelled = [f"{group}\nn {row.sum():,}" for group, row in zip(groups, counts, strict=True)]
    axes.set_yticks(range(len(groups)), labelled, parse_math=False)
    if len(groups) <= _MOST_NUMBERS:
        for row, column in np.argwhere(counts):
            share, ink = shares[row, column], "white" if shares[row, column] > 0.5 else "black"
            text = f"{share:.0%}\n{counts[row, column]:,}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
    return figure


def sample(n: int) -> NDArray[np.integer]:
    """Returns the places of some of n pictures, in their order and always the same, that fill the grid."""
    return np.sort(np.random.default_rng(0).permutation(n)[: SIDE**2])


def prediction_grid(chips: NDArray[np.uint8], captions: Sequence[Sequence[Caption]]) -> Figure:
    """Draws chips (n, H, W, 3), at most `SIDE`**2, with the label and the answer of each head below."""
    rows = -(-len(chips) // SIDE)
    height = 2.2 + 0.17 * len(captions[0])  # inches
    figure = Figure(figsize=(2.5 * SIDE, height * rows), layout="constrained")
    for axes, chip, lines in zip(figure.subplots(rows, SIDE, squeeze=False).flat, chips, captions, strict=False):
        axes.imshow(chip)
        text = "\n".join(f"{name} {label}, estimated {answer}" for name, label, answer in lines)
        axes.set_xlabel(text, fontsize=8, parse_math=False)
        axes.set_xticks([])
        axes.set_yticks([])
    for axes in figure.axes[len(chips) :]:
        axes.set_axis_off()
    return figure
