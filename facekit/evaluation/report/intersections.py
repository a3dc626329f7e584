"""For whom: every crossing of gender, race and age band, or of what a network answers instead."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.evaluation.metrics import members
from facekit.evaluation.report.statistics import central, resampled_sums, wilson
from facekit.heads import MISSING, AgeHead, Head

LEAST = 20  # records of a cell that may be called the worst
_MOST_CLASSES = 12  # of a head that people are grouped by


def crossed(
    heads: Sequence[Head], rows: Mapping[str, NDArray[np.float64]], labels: Mapping[str, NDArray[np.integer]]
) -> dict[str, Any]:
    """The cells of all crossings, and for each head its worst cell and the gap to its best.

    People are grouped by the first age head's bands and by the first two class heads of at most twelve classes.

    Args:
        heads: those with labels.
        rows: head's name -> probabilities (n, classes).
        labels: head's name -> (n,).

    Returns:
        `by`: names of the heads crossed; `least`: records of a cell that counts as worst or best; `cells`: each with
        its `group` (name of a class or band for each of `by`), `n`, and `measures`: head's name -> error in years or
        accuracy, `value` and `interval`, of the `n` records that have its label; `extremes`: head's name -> numbers of
        its `worst` and `best` cell, and the `gap` between them, where two cells count.
    """
    ages = [head for head in heads if isinstance(head, AgeHead)][:1]
    classes = [head for head in heads if not isinstance(head, AgeHead) and len(head.classes) <= _MOST_CLASSES][:2]
    by: list[Head] = [*classes, *ages]
    cells = []
    for choice in product(*(members(head, labels[head.name]).items() for head in by)):
        inside = np.logical_and.reduce([belongs for _, belongs in choice])
        if by and inside.any():
            measures = {head.name: _measure(head, rows[head.name][inside], labels[head.name][inside]) for head in heads}
            cells.append({"group": [name for name, _ in choice], "n": int(inside.sum()), "measures": measures})
    extremes = {head.name: _extremes(head, cells) for head in heads}
    return {
        "by": [head.name for head in by],
        "least": LEAST,
        "cells": cells,
        "extremes": {name: found for name, found in extremes.items() if found},
    }


def _measure(head: Head, rows: NDArray[np.float64], truth: NDArray[np.integer]) -> dict[str, Any]:
    rows, truth = rows[truth != MISSING], truth[truth != MISSING]
    n = len(truth)
    if not n:
        return {"n": 0, "value": None, "interval": (None, None)}
    if isinstance(head, AgeHead):
        errors = abs(head.expected(rows) - truth)
        samples = resampled_sums(errors[:, None])[:, 0] / n
        return {"n": n, "value": float(errors.mean()), "interval": central(samples) if n > 1 else (None, None)}
    hits = int((rows.argmax(axis=1) == truth).sum())
    return {"n": n, "value": hits / n, "interval": wilson(hits, n)}


def _extremes(head: Head, cells: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Numbers of the worst and the best cell of a head, and how far they are apart."""
    values = {
        number: cell["measures"][head.name]["value"]
        for number, cell in enumerate(cells)
        if cell["measures"][head.name]["n"] >= LEAST
    }
    if len(values) < 2:
        return None
    best, worst = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    if not isinstance(head, AgeHead):  # accuracy: higher is better
        best, worst = worst, best
    return {"worst": worst, "best": best, "gap": abs(values[worst] - values[best])}
