"""Base class of heads that answer a number: bands, errors in its unit, and minors called adults."""

from abc import abstractmethod
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from facekit.heads import statistics
from facekit.heads.answer import LIKELIEST, Segment
from facekit.heads.head import Head, Label, LabelError, Rows, mean

ADULT = 18  # years
MINOR_THRESHOLD = 0.1  # from this probability of being younger on, a face may be a minor's
YEARS = "years"
AGE_BANDS = (6, 13, 18, 26, 41, 61)  # first year of each band but the youngest's
STRATUM = 5  # years; width of the bands that balanced sampling counts, or a twentieth of another number's range
HALF_MARK = 0.012  # half the width of the mark on a bar, as a fraction of it
HELD = 0.8  # of the last digit: a number shown stays while the estimate is nearer: 34.5 does not flip to 35


def on_bar(fraction: float) -> float:
    """Returns a position on a bar, 0 to 1, moved so that a mark there lies on the bar."""
    return min(max(fraction, HALF_MARK), 1 - HALF_MARK)


def bar_mark(fraction: float) -> Segment:
    """Returns the segment that marks the answer on a bar."""
    return on_bar(fraction) - HALF_MARK, on_bar(fraction) + HALF_MARK, LIKELIEST


def held_number(shown: float | None, new: float, decimals: int = 0) -> float:
    """Returns the number shown while the new one is near it, else the new one, rounded to what is shown."""
    is_near = shown is not None and abs(new - shown) < HELD * 10**-decimals
    return shown if shown is not None and is_near else round(float(new), decimals)


class Quantity(Head):
    """Base class of heads that answer a number.

    Attributes:
        low, high: smallest and largest label.
        unit: of labels and answers; "years" makes the number an age.
    """

    main_measure: ClassVar[str] = "mae"
    groups_by: ClassVar[str] = "bands"
    low: float
    high: float
    unit: str

    @abstractmethod
    def values(self, rows: Rows) -> NDArray[np.floating]:
        """Returns the answered number (n,) of each row (n, width)."""

    # Labels

    def mismatch(self, declared: tuple[str, ...] | str) -> str | None:
        if isinstance(declared, str) and (declared == self.unit or not self.unit):
            return None
        given = declared if isinstance(declared, str) else f"classes ({', '.join(declared)})"
        return f"{self.name} in {given}, and the head learns {self.unit or 'a number'}"

    def encode(self, label: Label) -> float:
        try:
            value = float(label)
        except ValueError as error:
            raise LabelError(f"{self.name} is not a number") from error
        if not self.low <= value <= self.high:  # also for NaN
            raise LabelError(f"{self.name} outside {self.low:g} to {self.high:g}")
        return value

    def label_name(self, encoded: float) -> int | float:
        return int(encoded) if encoded == int(encoded) else float(encoded)

    def strata(self, labels: NDArray[Any]) -> NDArray[Any]:
        return (labels - self.low) // (STRATUM if self.unit == YEARS else (self.high - self.low) / 20)

    # Figures

    def measures(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, float | None]:
        errors = self.errors(rows, truth)
        measures = {"mae": mean(abs(errors), decimals=3), "bias": mean(errors, decimals=3)}
        return measures | ({"cs5": mean(abs(errors) <= 5)} if self.unit == YEARS else {})

    def outcomes(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> NDArray[np.float64]:
        return abs(self.errors(rows, truth))

    def errors(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> NDArray[np.float64]:
        """Returns the answered number minus the label (n,)."""
        return (self.values(rows) - truth).astype(np.float64)

    def group_outcomes(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
        return {**super().group_outcomes(rows, truth), "bias": self.errors(rows, truth)}

    def validation_loss(self, measures: Mapping[str, float | None]) -> float:
        return (measures["mae"] or 0.0) / (self.high - self.low)

    def badness(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> NDArray[np.float64]:
        return self.outcomes(rows, truth)

    def groups(self, labels: NDArray[Any]) -> dict[str, NDArray[np.bool_]]:
        """Returns the age bands within the head's range; for other units a single band."""
        inner = [year for year in AGE_BANDS if self.low < year <= self.high and self.unit == YEARS]
        bands = pairwise([int(self.low), *inner, int(np.ceil(self.high)) + 1])
        return {f"{first}-{end - 1}": (labels >= first) & (labels < end) for first, end in bands}

    def interval(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> statistics.Interval:
        return statistics.mean_interval(self.outcomes(rows, truth)) if len(truth) > 1 else (None, None)

    def report(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, Any]:
        signed = self.errors(rows, truth)
        errors = abs(signed)
        steps = np.arange(0, 26) * (1 if self.unit == YEARS else (self.high - self.low) / 50)
        intervals = {"mae": statistics.mean_interval(errors), "bias": statistics.mean_interval(signed)}
        if self.unit == YEARS:
            intervals["cs5"] = statistics.mean_interval(errors <= 5)
        bands, values = self._bands(rows, truth), self.values(rows).clip(self.low, self.high)  # a sum may round beyond
        return {
            "intervals": intervals,
            "bands": bands,
            "table": self._table(bands, values, truth),
            **statistics.confusion(self.groups(truth), self.groups(values)),
            "cumulative": {"years": steps.tolist(), "share": [float((errors <= step).mean()) for step in steps]},
        }

    def _bands(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, Any]:
        bands = {}
        for name, inside in self.groups(truth).items():
            if inside.any():
                errors = self.errors(rows[inside], truth[inside])
                mae = {"value": float(abs(errors).mean()), "interval": statistics.mean_interval(abs(errors))}
                bands[name] = {"n": int(inside.sum()), "mae": mae, "bias": float(errors.mean())}
        return bands

    def _table(
        self, bands: Mapping[str, Any], values: NDArray[np.floating], truth: NDArray[Any]
    ) -> list[dict[str, Any]]:
        """Returns n, mean absolute error and bias of each band and of all, and of all the coefficient r2."""
        rows = [
            {"band": name, "n": band["n"], "mae": band["mae"]["value"], "bias": band["bias"], "r2": None}
            for name, band in bands.items()
        ]
        errors, spread = values - truth, float(np.var(truth))
        r2 = 1 - float((errors**2).mean()) / spread if spread else None
        whole = {"n": len(truth), "mae": float(abs(errors).mean()), "bias": float(errors.mean()), "r2": r2}
        return [*rows, {"band": "all", **whole}]

    def whole_figures(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, Any]:
        """Returns minors called adults and adults called minors, where the number is an age."""
        if self.unit != YEARS:
            return {}
        ages, minor = self.values(rows), truth < ADULT
        return {
            "minors": {"n": int(minor.sum()), "called_adult": mean(ages[minor] >= ADULT)},
            "adults": {"n": int((~minor).sum()), "called_minor": mean(ages[~minor] < ADULT)},
        }
