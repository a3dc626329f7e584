"""Finds the answers that are furthest from their labels: errors of the network, or labels that are wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.heads import MISSING, Head

WORST = 100  # chips, shared by the heads


def worst_answers(
    heads: Sequence[Head],
    rows: Mapping[str, NDArray[np.float64]],
    labels: Mapping[str, NDArray[Any]],
    names: Sequence[str],
) -> dict[str, list[dict[str, Any]]]:
    """Lists wrong answers from the worst on: the largest errors, and the classes whose label got the least probability.

    Args:
        heads: those with labels.
        rows: head's name -> outputs (n, width).
        labels: head's name -> encoded labels (n,).
        names: of the n records.

    Returns:
        Head's name -> entries: `place`, the record's index among the n; `name`; `label`; `answer`, as JSON.
    """
    worst = {}
    for number, head in enumerate(heads):
        most = WORST // len(heads) + (number < WORST % len(heads))
        known = np.flatnonzero(labels[head.name] != MISSING)
        outputs, truth = rows[head.name][known], labels[head.name][known]
        badness = head.badness(outputs, truth)
        order = np.argsort(-badness, kind="stable")[:most]
        worst[head.name] = [
            {
                "place": int(known[row]),
                "name": names[known[row]],
                "label": head.label_name(truth[row]),
                "answer": head.decode(outputs[row : row + 1])[0].to_dict(),
            }
            for row in order
            if badness[row] > 0
        ]
    return worst
