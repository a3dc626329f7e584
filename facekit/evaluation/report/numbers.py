"""Computes the numbers of a report: the content of report.json, from which the page is made."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facekit.evaluation.metrics import minor_errors
from facekit.evaluation.report.intersections import cross_groups
from facekit.evaluation.report.worst import worst_answers
from facekit.heads import MISSING, Head
from facekit.heads.statistics import wilson

if TYPE_CHECKING:
    from facekit.evaluation.evaluate import Predictions


def report_numbers(predictions: "Predictions") -> dict[str, Any]:
    """Returns a report's numbers, rounded: figures, their intervals, curves, tables, and the worst answers."""
    card, figures, labels = predictions.card, predictions.figures, predictions.labels
    heads = [head for head in predictions.heads if (labels[head.name] != MISSING).any()]
    rows = {head.name: predictions.outputs[head.name].astype(np.float64) for head in heads}
    sections = {}
    for head in heads:
        known = labels[head.name] != MISSING
        sections[head.name] = _section(head, rows[head.name][known], labels[head.name][known], figures[head.name])
    return rounded(
        {
            "weights": {"name": card.name, "tensors_sha256": card.tensors_sha256, **card.network.to_dict()},
            "trained_on": card.data,
            "calibration": {"temperatures": card.calibration.temperatures, "records": card.calibration.records},
            "licence": card.licence,
            "dataset": predictions.dataset,
            "figures": figures,
            "heads": sections,
            "minor_errors": _minor_errors(figures),
            "crossed": cross_groups(heads, rows, labels),
            "worst": worst_answers(heads, rows, labels, [record.key for record in predictions.faces.records]),
        }
    )


def rounded(value: Any) -> Any:
    """Rounds the floats in nested mappings and sequences to five decimals."""
    if isinstance(value, Mapping):
        return {str(name): rounded(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(entry) for entry in value]
    return round(value, 5) if isinstance(value, float) else value


def _section(
    head: Head, rows: NDArray[np.float64], truth: NDArray[Any], figures: Mapping[str, float | None]
) -> dict[str, Any]:
    """Returns a head's section, from the n > 0 records whose label is known."""
    section = head.report(rows, truth)
    intervals = section.pop("intervals")
    measures = {name: {"value": value, "interval": intervals.get(name)} for name, value in figures.items()}
    return {"kind": head.kind, "n": len(truth), "measures": measures, **section}


def _minor_errors(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Returns which error between minors and adults -> its share, with its interval and n."""
    return {
        title: {"n": n, "value": share, "interval": wilson(round(share * n), n)}
        for title, (share, n) in minor_errors(figures).items()
        if share is not None
    }
