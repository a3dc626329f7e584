"""Probabilities and labels -> figures, overall and by group. The figures need NumPy only."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import FaceKitError
from facekit.heads import INTERVAL, MISSING, AgeHead, Head
from facekit.networks.calibration import LEAST_PROBABILITY

ADULT = 18  # years
AGE_BANDS = (6, 13, 18, 26, 41, 61)  # the first year of every band but the youngest's
BINS = 15  # of equal width, for the calibration error

# How a figure is named and written for people.
MEASURES = {
    "mae": ("MAE, years", "{:.2f}"),
    "cs5": ("CS(5)", "{:.1%}"),
    "accuracy": ("accuracy", "{:.1%}"),
    "macro_f1": ("macro-F1", "{:.1%}"),
    "cross_entropy": ("cross-entropy", "{:.3f}"),
    "coverage": (f"inside the {INTERVAL:.0%} interval", "{:.1%}"),
    "ece": ("calibration error (ECE)", "{:.3f}"),
}
_TRUST = ("coverage", "ece")  # which of them say how far intervals and probabilities can be trusted


def evaluate(
    heads: Sequence[Head], probabilities: Mapping[str, NDArray[np.floating]], labels: Mapping[str, NDArray[np.integer]]
) -> dict[str, Any]:
    """The figures of a network on labelled records: plain Python, rounded; None where no record counts.

    Ages are judged by the expected value: `mae` in years, `cs5`, the share of errors of at most 5 years. Classes are
    judged by the likeliest: `accuracy`; `macro_f1`, the mean F1 of the classes that occur in labels or answers. Both
    have `cross_entropy`, natural, of the one true class. How far they can be trusted is said by `coverage`, the share
    of ages inside the answered interval, and `ece`, the expected calibration error of the likeliest class (Guo et al.
    2017, section 2). A record without a label does not count for that head.

    Args:
        heads: what to group by, and to judge where there are probabilities.
        probabilities: head's name -> (n, classes), of any of the heads.
        labels: head's name -> (n,) age in years or number of the class, MISSING where unknown; of all heads.

    Returns:
        `n`; the measures of each judged head under its name; if age is judged, `minors` and `adults` with the share
        called the other; `groups`: head's name -> class or age band -> `n`, `<head>_mae`, `<head>_accuracy`.

    Raises:
        FaceKitError: probabilities that are not finite.
    """
    figures: dict[str, Any] = {"n": len(labels[heads[0].name])}
    outcomes: dict[str, NDArray[np.float64]] = {}  # a group's figure -> (n,) what each record adds, NaN where unknown
    turned: dict[str, Any] = {}
    for head in (head for head in heads if head.name in probabilities):
        rows, truth = _checked(head, probabilities[head.name]), labels[head.name]
        known = truth != MISSING
        if isinstance(head, AgeHead):
            ages = head.expected(rows)
            figures[head.name] = _age_measures(head, rows[known], truth[known])
            outcomes[f"{head.name}_mae"] = np.where(known, abs(ages - truth), np.nan)
            turned = _turned(ages[known], truth[known])
        else:
            figures[head.name] = _class_measures(rows[known], truth[known])
            outcomes[f"{head.name}_accuracy"] = np.where(known, rows.argmax(axis=1) == truth, np.nan)
    return {**figures, **turned, "groups": {head.name: _groups(head, labels[head.name], outcomes) for head in heads}}


def _checked(head: Head, rows: NDArray[np.floating]) -> NDArray[np.float64]:
    if not np.isfinite(rows).all():
        raise FaceKitError(
            f"Probabilities must be finite. Received: NaN or infinity for {head.name}. "
            "The weights are damaged, or their training diverged: lower the learning rate."
        )
    return rows.astype(np.float64)


def _mean(values: NDArray[Any], decimals: int = 4) -> float | None:
    return round(float(values.mean()), decimals) if len(values) else None


def _cross_entropy(rows: NDArray[np.float64], classes: NDArray[np.integer]) -> float | None:
    chosen = rows[np.arange(len(rows)), classes]
    return _mean(np.log(1 / np.clip(chosen, LEAST_PROBABILITY, 1)))


def _age_measures(head: AgeHead, rows: NDArray[np.float64], truth: NDArray[np.integer]) -> dict[str, float | None]:
    errors = abs(head.expected(rows) - truth)
    return {
        "mae": _mean(errors, decimals=3),
        "cs5": _mean(errors <= 5),
        "cross_entropy": _cross_entropy(rows, truth - head.youngest),
        "coverage": _mean(head.level(rows, truth) <= INTERVAL),
    }


def _class_measures(rows: NDArray[np.float64], truth: NDArray[np.integer]) -> dict[str, float | None]:
    answers = rows.argmax(axis=1)
    scores = []
    for number in np.union1d(answers, truth):
        hits = np.sum((answers == number) & (truth == number))
        scores.append(2 * hits / (np.sum(answers == number) + np.sum(truth == number)))
    return {
        "accuracy": _mean(answers == truth),
        "cross_entropy": _cross_entropy(rows, truth),
        "macro_f1": _mean(np.array(scores)),
        "ece": calibration_error(rows, truth),
    }


def calibration_error(rows: NDArray[np.floating], truth: NDArray[np.integer]) -> float | None:
    """Mean distance, in `BINS` bins of the likeliest class's probability, between it and how often it is right."""
    excess = rows.max(axis=1) - (rows.argmax(axis=1) == truth)
    sums = np.bincount(confidence_bins(rows), excess, minlength=BINS)
    return round(float(abs(sums).sum() / len(rows)), 4) if len(rows) else None


def confidence_bins(rows: NDArray[np.floating]) -> NDArray[np.integer]:
    """The bin (n,) of each row's largest probability."""
    return np.minimum((rows.max(axis=1) * BINS).astype(int), BINS - 1)


def _turned(ages: NDArray[np.float64], truth: NDArray[np.integer]) -> dict[str, dict[str, Any]]:
    """Minors called adults, and adults called minors."""
    minor = truth < ADULT
    return {
        "minors": {"n": int(minor.sum()), "called_adult": _mean(ages[minor] >= ADULT)},
        "adults": {"n": int((~minor).sum()), "called_minor": _mean(ages[~minor] < ADULT)},
    }


def _groups(head: Head, labels: NDArray[np.integer], outcomes: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Class or age band -> its figures."""
    groups: dict[str, dict[str, Any]] = {}
    for name, belongs in members(head, labels).items():
        groups[name] = {"n": int(belongs.sum())}
        for figure, values in outcomes.items():
            known = values[belongs & ~np.isnan(values)]
            groups[name][figure] = _mean(known, decimals=3 if figure.endswith("_mae") else 4)
    return groups


def members(head: Head, labels: NDArray[np.integer]) -> dict[str, NDArray[np.bool_]]:
    """Class or age band -> (n,) who belongs to it."""
    if not isinstance(head, AgeHead):
        return {name: labels == number for number, name in enumerate(head.classes)}
    inner = [year for year in AGE_BANDS if head.youngest < year <= head.oldest]
    bands = pairwise([head.youngest, *inner, head.oldest + 1])
    return {f"{first}-{end - 1}": (labels >= first) & (labels < end) for first, end in bands}


def format_figures(figures: Mapping[str, Any]) -> str:
    """The figures as a table for people, 80 columns for age, gender and race.

    Args:
        figures: as `evaluate` gives them; `split`, and `dropped` with reasons and counts, are shown if they are there.
    """
    names = measured(figures)
    rows = [["records", f"{figures['n']:,}", f"split {figures['split']}" if "split" in figures else ""]]
    rows += [["dropped", f"{count:,}", reason] for reason, count in figures.get("dropped", {}).items()]
    blocks = [_table(rows, "<><")]
    blocks.append(_table([[name, *_cells(figures[name], MEASURES.keys() - _TRUST)] for name in names], "<<><><>"))
    if "minors" in figures:
        minors, adults = figures["minors"], figures["adults"]
        rows = [
            ["minors called adults", written("{:.1%}", minors["called_adult"]), f"of {minors['n']:,}"],
            ["adults called minors", written("{:.1%}", adults["called_minor"]), f"of {adults['n']:,}"],
        ]
        blocks.append(_table(rows, "<><"))
    blocks.append(_table([[name, *_cells(figures[name], _TRUST)] for name in names], "<<>"))
    blocks.append(_group_table(figures, names))
    return "\n\n".join("\n".join(block) for block in blocks)


def measured(figures: Mapping[str, Any]) -> list[str]:
    """The heads that the figures judge."""
    return [name for name, entry in figures.items() if isinstance(entry, Mapping) and "cross_entropy" in entry]


def main_measure(measures: Mapping[str, Any]) -> str:
    """By which of its measures a head is compared between groups."""
    return "mae" if "mae" in measures else "accuracy"


def written(pattern: str, value: float | None) -> str:
    """A figure for people."""
    return "-" if value is None else pattern.format(value)


def _cells(measures: Mapping[str, float | None], chosen: Collection[str]) -> list[str]:
    """Name and value of each chosen measure, in one order for all heads."""
    cells = []
    for measure, (title, pattern) in MEASURES.items():
        if measure in measures and measure in chosen:
            cells += [title, written(pattern, measures[measure])]
    return cells


def _group_table(figures: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    columns = {}  # figure of a group -> title and pattern
    for name in names:
        measure = main_measure(figures[name])
        title, pattern = MEASURES[measure]
        columns[f"{name}_{measure}"] = (f"{name} {title}", pattern)
    rows = [["group", "", "n", *(title for title, _ in columns.values())]]
    for kind, groups in figures["groups"].items():
        rows.append([""] * len(rows[0]))
        for group, entry in groups.items():
            cells = [written(pattern, entry[figure]) for figure, (_, pattern) in columns.items()]
            rows.append([kind, group, f"{entry['n']:,}", *cells])
            kind = ""  # only the first line of a block says it
    return _table(rows, "<<>" + ">" * len(columns))


def _table(rows: Sequence[Sequence[str]], alignment: str) -> list[str]:
    """Lines with aligned columns; `alignment` has < or > for each."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    pattern = "   ".join(f"{{:{side}{width}}}" for side, width in zip(alignment, widths, strict=True))
    return [pattern.format(*row).rstrip() for row in rows]
