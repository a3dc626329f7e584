"""All that the report says, as plain numbers: what report.json holds, and the page is made of."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facekit.evaluation.metrics import BINS, confidence_bins, members
from facekit.evaluation.report.intersections import crossed
from facekit.evaluation.report.statistics import central, least_calibration_error, resampled_sums, wilson
from facekit.evaluation.report.worst import worst_answers
from facekit.heads import INTERVAL, MISSING, AgeHead, Head
from facekit.networks.calibration import LEAST_PROBABILITY

if TYPE_CHECKING:
    from facekit.evaluation.evaluate import Answers

Rows = NDArray[np.float64]
_PIT_BINS = 10


def report_numbers(answers: "Answers") -> dict[str, Any]:
    """The report's numbers, rounded: figures, their intervals, curves, tables, and the worst answers."""
    card, figures, labels = answers.card, answers.figures, answers.labels
    judged = [head for head in answers.heads if (labels[head.name] != MISSING).any()]
    rows = {head.name: answers.probabilities[head.name].astype(np.float64) for head in judged}
    sections = {}
    for head in judged:
        known = labels[head.name] != MISSING
        sections[head.name] = _section(head, rows[head.name][known], labels[head.name][known], figures[head.name])
    return rounded(
        {
            "weights": {"name": card.name, "tensors_sha256": card.tensors_sha256, **card.network.to_dict()},
            "trained_on": card.data,
            "calibration": {"temperatures": card.calibration.temperatures, "records": card.calibration.records},
            "licence": card.licence,
            "dataset": answers.dataset,
            "figures": figures,
            "heads": sections,
            "turned": _turned(figures),
            "crossed": crossed(judged, rows, labels),
            "worst": worst_answers(judged, rows, labels, [record.key for record in answers.faces.records]),
        }
    )


def rounded(value: Any) -> Any:
    """Floats to five decimals, all the way down."""
    if isinstance(value, Mapping):
        return {str(name): rounded(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(entry) for entry in value]
    return round(value, 5) if isinstance(value, float) else value


def _section(head: Head, rows: Rows, truth: NDArray[np.integer], figures: Mapping[str, Any]) -> dict[str, Any]:
    """A head's part, from those n > 0 records whose label is known."""
    if isinstance(head, AgeHead):
        samples, details = _age_samples(head, rows, truth), _age_details(head, rows, truth)
    else:
        samples, details = _class_samples(rows, truth), _class_details(head, rows, truth)
    samples["cross_entropy"] = _sampled_mean(
        -np.log(np.maximum(rows[np.arange(len(truth)), _class_of(head, truth)], LEAST_PROBABILITY))
    )
    measures = {
        name: {"value": value, "interval": central(samples[name]) if name in samples else None}
        for name, value in figures.items()
    }
    return {"kind": "age" if isinstance(head, AgeHead) else "class", "n": len(truth), "measures": measures, **details}


def _class_of(head: Head, truth: NDArray[np.integer]) -> NDArray[np.integer]:
    return truth - head.youngest if isinstance(head, AgeHead) else truth


def _sampled_mean(values: NDArray[Any]) -> NDArray[np.float64]:
    return resampled_sums(values[:, None])[:, 0] / len(values)


def _age_samples(head: AgeHead, rows: Rows, truth: NDArray[np.integer]) -> dict[str, NDArray[np.float64]]:
    errors = abs(head.expected(rows) - truth)
    return {
        "mae": _sampled_mean(errors),
        "cs5": _sampled_mean(errors <= 5),
        "coverage": _sampled_mean(head.level(rows, truth) <= INTERVAL),
    }


def _class_samples(rows: Rows, truth: NDArray[np.integer]) -> dict[str, NDArray[np.float64]]:
    """The calibration error has none: resampling adds to it, as does chance, which is told beside it."""
    classes, answers = np.arange(rows.shape[1]), rows.argmax(axis=1)
    answered, true = answers[:, None] == classes, truth[:, None] == classes
    hits, answered, true = np.split(resampled_sums(np.hstack([answered & true, answered, true])), 3, axis=1)
    with np.errstate(invalid="ignore"):  # a class that does not occur
        f1 = np.nanmean(2 * hits / (answered + true), axis=1)
    return {"accuracy": hits.sum(axis=1) / len(truth), "macro_f1": f1}


def _age_details(head: AgeHead, rows: Rows, truth: NDArray[np.integer]) -> dict[str, Any]:
    errors, levels = head.expected(rows) - truth, head.level(rows, truth)
    bands = {}
    for name, belongs in members(head, truth).items():
        if n := int(belongs.sum()):
            inside = int((levels[belongs] <= INTERVAL).sum())
            bands[name] = {
                "n": n,
                "mae": {
                    "value": float(abs(errors[belongs]).mean()),
                    "interval": central(_sampled_mean(abs(errors[belongs]))),
                },
                "bias": float(errors[belongs].mean()),
                "coverage": {"value": inside / n, "interval": wilson(inside, n)},
            }
    years = np.arange(0, 26)
    nominal = np.arange(1, 20) / 20
    pit, _ = np.histogram(head.below(rows, truth), _PIT_BINS, (0, 1))
    low, high = (head.quantile(rows, (1 + side * INTERVAL) / 2) for side in (-1, 1))
    return {
        "bands": bands,
        "cumulative": {"years": years.tolist(), "share": [float((abs(errors) <= year).mean()) for year in years]},
        "levels": {"nominal": nominal.tolist(), "share": [float((levels <= level).mean()) for level in nominal]},
        "pit": (pit / len(truth)).tolist(),
        "interval_width": float((high - low).mean()),
    }


def _class_details(head: Head, rows: Rows, truth: NDArray[np.integer]) -> dict[str, Any]:
    n_classes, answers, bins = rows.shape[1], rows.argmax(axis=1), confidence_bins(rows)
    confusion = np.bincount(truth * n_classes + answers, minlength=n_classes**2).reshape(n_classes, n_classes)
    reliability = []
    for number in range(BINS):
        inside = bins == number
        n, hits = int(inside.sum()), int((inside & (answers == truth)).sum())
        reliability.append(
            {
                "n": n,
                "confidence": float(rows[inside].max(axis=1).mean()) if n else None,
                "accuracy": {"value": hits / n if n else None, "interval": wilson(hits, n)},
            }
        )
    return {
        "classes": list(head.classes),
        "confusion": confusion.tolist(),  # labelled, then answered
        "reliability": reliability,
        "ece_by_chance": least_calibration_error(rows),
    }


def _turned(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Minors called adults and the reverse, with intervals."""
    entries = {}
    for group, other in (("minors", "adult"), ("adults", "minor")):
        if group in figures and figures[group]["n"]:
            n, share = figures[group]["n"], figures[group][f"called_{other}"]
            entries[group] = {"n": n, "called": f"{other}s", "value": share, "interval": wilson(round(share * n), n)}
    return entries
