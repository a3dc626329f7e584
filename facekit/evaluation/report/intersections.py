"""Compares people at every intersection of gender, race and age band, or of what a network answers instead."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.evaluation.metrics import MEASURES
from facekit.heads import MISSING, Head

LEAST = 20  # records of a cell that may be called the worst
_MOST_CLASSES = 12  # of a head that people are grouped by


def cross_groups(
    heads: Sequence[Head], rows: Mapping[str, NDArray[np.float64]], labels: Mapping[str, NDArray[Any]]
) -> dict[str, Any]:
    """Evaluates every intersection of groups, and finds each head's worst cell and the gap to its best.

    People are grouped by the first two class heads of at most twelve classes and by the bands of the first head that
    answers a number.

    Args:
        heads: those with labels.
        rows: head's name -> outputs (n, width).
        labels: head's name -> encoded labels (n,).

    Returns:
        `by`: names of the heads that people are grouped by; `least`: records of a cell that may be the worst or the
        best; `cells`: each with its `group` (name of a class or band for each of `by`), `n`, and `measures`: head's
        name -> `value` and `interval` of its main measure, over the `n` records that have its label; `extremes`: head's
        name -> indices of its `worst` and `best` cell, and the `gap` between them, where two cells are large enough.
    """
    groups = {head.name: head.groups(labels[head.name]) for head in heads}
    classes = [head for head in heads if head.groups_by == "classes" and len(groups[head.name]) <= _MOST_CLASSES]
    numbers = [head for head in heads if head.groups_by == "bands"]
    numbers.sort(key=lambda head: len(groups[head.name]) == 1)  # a single band would tell nothing
    by = [head.name for head in (*classes[:2], *numbers[:1])]
    cells = []
    for choice in product(*(groups[name].items() for name in by)):
        inside = np.logical_and.reduce([belongs for _, belongs in choice])
        if by and inside.any():
            measures = {head.name: _measure(head, rows[head.name][inside], labels[head.name][inside]) for head in heads}
            cells.append({"group": [name for name, _ in choice], "n": int(inside.sum()), "measures": measures})
    extremes = {head.name: _extremes(head, cells) for head in heads}
    return {
        "by": by,
        "least": LEAST,
        "cells": cells,
        "extremes": {name: found for name, found in extremes.items() if found},
    }


def _measure(head: Head, rows: NDArray[np.float64], labels: NDArray[Any]) -> dict[str, Any]:
    """Evaluates the main measure on the records of one cell."""
    known = labels != MISSING
    rows, truth = rows[known], labels[known]
    if not len(truth):
        return {"n": 0, "value": None, "interval": (None, None)}
    value = float(head.outcomes(rows, truth).mean())
    return {"n": len(truth), "value": value, "interval": head.interval(rows, truth)}


def _extremes(head: Head, cells: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Returns the indices of a head's worst and best cell and the gap between them; None if fewer than two count."""
    values = {
        index: cell["measures"][head.name]["value"]
        for index, cell in enumerate(cells)
        if cell["measures"][head.name]["n"] >= LEAST
    }
    if len(values) < 2:
        return None
    best, worst = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    if MEASURES[head.main_measure].higher_is_better:
        best, worst = worst, best
    return {"worst": worst, "best": best, "gap": abs(values[worst] - values[best])}
