"""Computes the numbers of a report: the content of report.json, from which the page is made."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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
            "turned": _minors_and_adults(figures),
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


def _minors_and_adults(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the shares of minors called adults and of adults called minors, with intervals."""
    entries = {}
    for group, other in (("minors", "adult"), ("adults", "minor")):
        if group in figures and figures[group]["n"]:
            n, share = figures[group]["n"], figures[group][f"called_{other}"]
            entries[group] = {"n": n, "called": f"{other}s", "value": share, "interval": wilson(round(share * n), n)}
    return entries
