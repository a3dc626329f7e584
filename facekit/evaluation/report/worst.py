"""The answers that are furthest from their labels: where a network fails, or where a label is wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.heads import MISSING, AgeHead, Head

WORST = 100  # chips, shared by the heads


def worst_answers(
    heads: Sequence[Head],
    rows: Mapping[str, NDArray[np.float64]],
    labels: Mapping[str, NDArray[np.integer]],
    names: Sequence[str],
) -> dict[str, list[dict[str, Any]]]:
    """Head's name -> the largest age errors, or the wrong classes whose label was given the least probability.

    Each has the record's `place` among the n and its `name`, its `label` and the `answer`, as JSON.
    """
    worst = {}
    for number, head in enumerate(heads):
        shown = WORST // len(heads) + (number < WORST % len(heads))
        known = np.flatnonzero(labels[head.name] != MISSING)
        probabilities, truth = rows[head.name][known], labels[head.name][known]
        if isinstance(head, AgeHead):
            badness = abs(head.expected(probabilities) - truth)
        else:
            badness = 1 - probabilities[np.arange(len(truth)), truth]
            badness[probabilities.argmax(axis=1) == truth] = 0
        order = np.argsort(-badness, kind="stable")[:shown]
        worst[head.name] = [
            {
                "place": int(known[row]),
                "name": names[known[row]],
                "label": int(truth[row]) if isinstance(head, AgeHead) else head.classes[truth[row]],
                "answer": head.decode(probabilities[row : row + 1])[0].to_dict(),
            }
            for row in order
            if badness[row] > 0
        ]
    return worst
