"""Computes the figures of labelled outputs, overall and by group. NumPy only."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import FaceKitError
from facekit.heads import HEADS, INTERVAL, MINOR_THRESHOLD, MISSING, YEARS, Head
from facekit.heads.head import mean

UNKNOWN = "-"


class Measure(NamedTuple):
    """Title and format of a measure for people, and its direction."""

    title: str
    pattern: str
    higher_is_better: bool

    def format(self, value: float | None) -> str:
        """Formats a value; UNKNOWN for None."""
        return UNKNOWN if value is None else self.pattern.format(value)

    @property
    def is_share(self) -> bool:
        return self.pattern.endswith("%}")


MEASURES = {
    "mae": Measure("MAE", "{:.2f}", False),
    "cs5": Measure("CS(5)", "{:.1%}", True),
    "accuracy": Measure("accuracy", "{:.1%}", True),
    "macro_f1": Measure("macro-F1", "{:.1%}", True),
    "cross_entropy": Measure("cross-entropy", "{:.3f}", False),
    "bias": Measure("mean error", "{:+.2f}", False),
    "coverage": Measure(f"inside the {INTERVAL:.0%} interval", "{:.1%}", True),
    "ece": Measure("calibration error (ECE)", "{:.3f}", False),
}
SHARE = Measure("share", "{:.1%}", False)  # of the errors between minors and adults
CALLED_ADULTS = "minors called adults"
# Title -> group of an evaluation, and its figure.
MINOR_ERRORS = {
    CALLED_ADULTS: ("minors", "called_adult"),
    "adults called minors": ("adults", "called_minor"),
    f"minors with a probability below {MINOR_THRESHOLD:.0%}": ("minors", "not_suspected"),
    f"adults with one of {MINOR_THRESHOLD:.0%} or more": ("adults", "suspected"),
}
_MAIN_MEASURES = {kind.main_measure for kind in HEADS.values()}


def evaluate(
    heads: Sequence[Head], outputs: Mapping[str, NDArray[np.floating]], labels: Mapping[str, NDArray[np.generic]]
) -> dict[str, Any]:
    """Computes the figures of a network on labelled records: plain Python, rounded, None where no record counts.

    A number is evaluated by `mae`, the mean absolute error in its unit, and `bias`, the mean error; an age also by
    `cs5`, the share of errors of at most 5 years. Classes are evaluated by `accuracy` of the likeliest and `macro_f1`,
    the mean F1 of the classes that occur in labels or answers. Distributions have `cross_entropy`, natural, of the one
    true class. `coverage`, the share of labels inside the answered interval, and `ece`, the expected calibration error
    of the likeliest class (Guo et al. 2017, section 2), tell how far they can be trusted. A record without a label does
    not count for that head.

    Args:
        heads: what to group by, and to evaluate where there are outputs.
        outputs: head's name -> (n, width), of any of the heads.
        labels: head's name -> (n,) encoded labels, MISSING where unknown; of all heads.

    Returns:
        `n`; the measures of each evaluated head under its name; for an age, `minors` and `adults` with the share that
        is called the other, and the share that the probability of being a minor puts on the wrong side of
        MINOR_THRESHOLD; `groups`: head's name -> class or band -> `n` and, for each evaluated head,
        `<head>_<main measure>`, and `<head>_bias` of numbers.

    Raises:
        FaceKitError: outputs that are not finite.
    """
    n = len(labels[heads[0].name])
    figures: dict[str, Any] = {"n": n}
    whole: dict[str, Any] = {}
    # A group's figure -> (n,) each record's contribution to the mean, NaN if unknown.
    outcomes: dict[str, NDArray[np.float64]] = {}
    for head in (head for head in heads if head.name in outputs):
        known = labels[head.name] != MISSING
        rows, truth = _finite(head, outputs[head.name])[known], labels[head.name][known]
        figures[head.name] = head.measures(rows, truth)
        whole = head.whole_figures(rows, truth) | whole  # those of the first age
        for measure, contributions in head.group_outcomes(rows, truth).items():
            outcomes[f"{head.name}_{measure}"] = values = np.full(n, np.nan)
            values[known] = contributions
    return {**figures, **whole, "groups": {head.name: _groups(head, labels[head.name], outcomes) for head in heads}}


def _finite(head: Head, rows: NDArray[np.floating]) -> NDArray[np.float64]:
    if not np.isfinite(rows).all():
        raise FaceKitError(
            f"Outputs must be finite. Received: NaN or infinity for {head.name}. "
            "The weights are damaged, or their training diverged: lower the learning rate."
        )
    return rows.astype(np.float64)


def _groups(head: Head, labels: NDArray[Any], outcomes: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Returns class or band -> its figures."""
    groups: dict[str, dict[str, Any]] = {}
    for name, inside in head.groups(labels).items():
        groups[name] = {"n": int(inside.sum())}
        for figure, values in outcomes.items():
            known = values[inside & ~np.isnan(values)]
            groups[name][figure] = mean(known, decimals=3 if figure.endswith(("_mae", "_bias")) else 4)
    return groups


def evaluated_heads(figures: Mapping[str, Any]) -> list[str]:
    """Returns the names of the heads that the figures evaluate."""
    return [name for name, entry in figures.items() if isinstance(entry, Mapping) and _MAIN_MEASURES & entry.keys()]


def main_measure(measures: Mapping[str, Any]) -> str:
    """Returns the one of a head's measures by which groups are compared."""
    return next(measure for measure in measures if measure in _MAIN_MEASURES)


def error_unit(measures: Mapping[str, Any]) -> str:
    """Returns the unit of a head's errors, from its measures: years if it has CS(5), as ages do; else ""."""
    return YEARS if "cs5" in measures else ""


def measure_title(measure: str, measures: Mapping[str, Any]) -> str:
    """Returns the title of one of a head's measures, with the unit of an error: "MAE, years"."""
    unit = error_unit(measures) if measure == "mae" else ""
    return ", ".join(filter(None, [MEASURES[measure].title, unit]))


def main_measure_titles(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns name and title of the main measure of each evaluated head."""
    return [(name, measure_title(main_measure(figures[name]), figures[name])) for name in evaluated_heads(figures)]


def group_rows(figures: Mapping[str, Any]) -> list[list[list[str]]]:
    """Returns a block of rows for each kind of group: the kind, in its first row; group, n and the main measures."""
    columns = {}  # figure of a group -> its measure
    for name in evaluated_heads(figures):
        key = main_measure(figures[name])
        columns[f"{name}_{key}"] = MEASURES[key]
    blocks = []
    for kind, groups in figures["groups"].items():
        rows: list[list[str]] = []
        for group, entry in groups.items():
            # Of a joined network, each part was evaluated on faces of its own.
            cells = [measure.format(entry.get(column)) for column, measure in columns.items()]
            rows.append(["" if rows else kind, group, f"{entry['n']:,}", *cells])
        blocks.append(rows)
    return blocks


def minor_errors(figures: Mapping[str, Any]) -> dict[str, tuple[float | None, int]]:
    """Returns which error between minors and adults -> its share and n, of those that the figures have."""
    return {
        title: (figures[group][error], figures[group]["n"])
        for title, (group, error) in MINOR_ERRORS.items()
        if error in figures.get(group, {})
    }


def minor_error_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Returns title, share and number for each error between minors and adults."""
    return [[title, SHARE.format(share), f"of {n:,}"] for title, (share, n) in minor_errors(figures).items()]
