"""Probabilities and labels -> figures, overall and by group. The figures need NumPy only."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.errors import FaceKitError, UnknownNameError
from facekit.heads import MISSING, AgeHead, Head, select_heads

ADULT = 18  # years
AGE_BANDS = (6, 13, 18, 26, 41, 61)  # the first year of every band but the youngest's
LEAST_PROBABILITY = 1e-7  # keeps one impossible answer from making the cross-entropy infinite

# How a figure is named and written for people.
_MEASURES = {
    "mae": ("MAE, years", "{:.2f}"),
    "cs5": ("CS(5)", "{:.1%}"),
    "accuracy": ("accuracy", "{:.1%}"),
    "macro_f1": ("macro-F1", "{:.1%}"),
    "cross_entropy": ("cross-entropy", "{:.3f}"),
}


def evaluate(
    heads: Sequence[Head], probabilities: Mapping[str, NDArray[np.floating]], labels: Mapping[str, NDArray[np.integer]]
) -> dict[str, Any]:
    """The figures of a network on labelled records: plain Python, rounded; None where no record counts.

    Ages are judged by the expected value: `mae` in years, `cs5`, the share of errors of at most 5 years. Classes are
    judged by the likeliest: `accuracy`; `macro_f1`, the mean F1 of the classes that occur in labels or answers. Both
    have `cross_entropy`, natural, of the one true class. A record without a label does not count for that head.

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
    }


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
    for name, members in _members(head, labels).items():
        groups[name] = {"n": int(members.sum())}
        for figure, values in outcomes.items():
            known = values[members & ~np.isnan(values)]
            groups[name][figure] = _mean(known, decimals=3 if figure.endswith("_mae") else 4)
    return groups


def _members(head: Head, labels: NDArray[np.integer]) -> dict[str, NDArray[np.bool_]]:
    """Class or age band -> (n,) who belongs to it."""
    if not isinstance(head, AgeHead):
        return {name: labels == number for number, name in enumerate(head.classes)}
    inner = [year for year in AGE_BANDS if head.youngest < year <= head.oldest]
    bands = pairwise([head.youngest, *inner, head.oldest + 1])
    return {f"{first}-{end - 1}": (labels >= first) & (labels < end) for first, end in bands}


def evaluate_weights(
    weights: str | Path | None, dataset: str, data: str, split: str, heads: Sequence[str] | None, detector: str | None
) -> dict[str, Any]:
    """The figures of a weights file on a data set, with `split` and what was `dropped`.

    Args:
        weights: None for those shipped.
        dataset, data: as for `facekit.datasets.load_faces`.
        detector: likewise; None for the one that the weights were trained with.
        split: a side of the split that the weights' card describes, or "all".
        heads: names of those to judge, None for all.

    Raises:
        WeightsError, DataError: one of the two cannot be read.
        UnknownNameError: no such data set, detector, side or head.
    """
    from facekit.cards import DEFAULT_WEIGHTS, read_card
    from facekit.datasets import load_faces
    from facekit.datasets.splits import SIDES, choose_side
    from facekit.runtimes import load_runtime

    if split not in (*SIDES, "all"):
        raise UnknownNameError("split", split, (*SIDES, "all"))
    path = Path(weights or DEFAULT_WEIGHTS)
    card = read_card(path)
    judged = select_heads(card.network.heads, heads)
    # Read for all heads: the split depends on which records are usable.
    faces = load_faces(dataset, data, card.network.heads, card.network.input_size, detector or card.detector)
    faces = choose_side(faces, split, card.seed)
    probabilities = load_runtime(path).predict(faces.chips)
    figures = evaluate(judged, {head.name: probabilities[head.name] for head in judged}, faces.labels(judged))
    return {"n": figures["n"], "split": split, "dropped": faces.dropped, **figures}


def format_figures(figures: Mapping[str, Any]) -> str:
    """The figures as a table for people, 80 columns for age, gender and race.

    Args:
        figures: as `evaluate` gives them; `split`, and `dropped` with reasons and counts, are shown if they are there.
    """
    names = [name for name, entry in figures.items() if isinstance(entry, Mapping) and "cross_entropy" in entry]
    rows = [["records", f"{figures['n']:,}", f"split {figures['split']}" if "split" in figures else ""]]
    rows += [["dropped", f"{count:,}", reason] for reason, count in figures.get("dropped", {}).items()]
    blocks = [_table(rows, "<><"), _table([[name, *_overall(figures[name])] for name in names], "<<><><>")]
    if "minors" in figures:
        minors, adults = figures["minors"], figures["adults"]
        rows = [
            ["minors called adults", _written("{:.1%}", minors["called_adult"]), f"of {minors['n']:,}"],
            ["adults called minors", _written("{:.1%}", adults["called_minor"]), f"of {adults['n']:,}"],
        ]
        blocks.append(_table(rows, "<><"))
    blocks.append(_group_table(figures, names))
    return "\n\n".join("\n".join(block) for block in blocks)


def _written(pattern: str, value: float | None) -> str:
    return "-" if value is None else pattern.format(value)


def _overall(measures: Mapping[str, float | None]) -> list[str]:
    """Name and value of each measure, in one order for all heads."""
    cells = []
    for measure, (title, pattern) in _MEASURES.items():
        if measure in measures:
            cells += [title, _written(pattern, measures[measure])]
    return cells


def _group_table(figures: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    columns = {}  # figure of a group -> title and pattern
    for name in names:
        measure = "mae" if "mae" in figures[name] else "accuracy"
        title, pattern = _MEASURES[measure]
        columns[f"{name}_{measure}"] = (f"{name} {title}", pattern)
    rows = [["group", "", "n", *(title for title, _ in columns.values())]]
    for kind, groups in figures["groups"].items():
        rows.append([""] * len(rows[0]))
        for group, entry in groups.items():
            cells = [_written(pattern, entry[figure]) for figure, (_, pattern) in columns.items()]
            rows.append([kind, group, f"{entry['n']:,}", *cells])
            kind = ""  # only the first line of a block says it
    return _table(rows, "<<>" + ">" * len(columns))


def _table(rows: Sequence[Sequence[str]], alignment: str) -> list[str]:
    """Lines with aligned columns; `alignment` has < or > for each."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    pattern = "   ".join(f"{{:{side}{width}}}" for side, width in zip(alignment, widths, strict=True))
    return [pattern.format(*row).rstrip() for row in rows]
