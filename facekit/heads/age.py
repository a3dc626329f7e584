"""A head that answers age as a distribution over whole years."""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import UsageError
from facekit.heads import statistics
from facekit.heads.answer import LIMITS, RANGE, Answer, Line, Segment
from facekit.heads.head import (
    INTERVAL,
    LOG_TEMPERATURES,
    MISSING,
    Label,
    Loss,
    Rows,
    cross_entropy,
    cross_entropy_loss,
    log_probabilities,
    mean,
    softmax,
    softmax_output,
)
from facekit.heads.quantity import ADULT, MINOR_THRESHOLD, YEARS, Quantity, bar_mark, held_number, on_bar

BAR_END = 100.0  # years, the right end of an age's bar
PIT_BINS = 10
DOUBTFUL_MINOR = 0.05  # captions tell the probability of being a minor from here to as far below 1


@dataclass(frozen=True)
class AgeAnswer(Answer):
    """An age in years.

    Args:
        years: expected value of the distribution.
        low, high: bounds of its central 80 % (`INTERVAL`).
        minor_probability: of being younger than 18; None if unknown.
    """

    years: float
    low: float
    high: float
    minor_probability: float | None = None

    def values(self) -> dict[str, float | None]:
        minor = self.minor_probability
        return {
            "years": round(self.years, 1),
            "low": round(self.low, 1),
            "high": round(self.high, 1),
            "minor_probability": None if minor is None else round(minor, 3),
        }

    def fields(self, name: str) -> dict[str, Any]:
        return {name if key == "years" else f"{name}_{key}": value for key, value in self.values().items()}

    def line(self, name: str, words: Mapping[str, str]) -> Line:
        detail = f"{self.low:.0f}\N{EN DASH}{self.high:.0f}"
        if self.minor_probability is not None and DOUBTFUL_MINOR <= self.minor_probability <= 1 - DOUBTFUL_MINOR:
            detail += f", <{ADULT} {self.minor_probability:.0%}"
        return f"{words.get(name, name)} ~{self.years:.0f}", detail

    def cell(self) -> str:
        return f"{self.years:.0f} ({self.low:.0f} to {self.high:.0f})"

    def segments(self) -> Iterator[Segment]:
        """Yields the interval and a mark at the age on a line of 100 years."""
        yield on_bar(self.low / BAR_END), on_bar(self.high / BAR_END), RANGE
        yield bar_mark(self.years / BAR_END)

    def settled(self, shown: Answer | None) -> Answer:
        last = shown if isinstance(shown, AgeAnswer) else AgeAnswer(math.inf, math.inf, math.inf)
        minor = self.minor_probability
        return AgeAnswer(
            held_number(last.years, self.years),
            held_number(last.low, self.low),
            held_number(last.high, self.high),
            None if minor is None else held_number(last.minor_probability, minor, decimals=1),
            unsure=self.unsure,
        )

    def widest(self) -> list[Answer]:
        return [AgeAnswer(88, 88, 88, 0.88), self.doubted()]


@dataclass(frozen=True, kw_only=True)
class AgeLoss(Loss):
    """Cross-entropy with a Gaussian around the label, and the absolute error of the expected age.

    Args:
        weight: factor of the head in the sum of losses.
        sigma: standard deviation, years, of the Gaussian that an adult's label becomes (Gao et al. 2017, DLDL); 0 for
            one class. Children's ages are known better: it grows from a fifth of `sigma` at age 1 to all of it at 17.
        error_weight: weight of the absolute error of the expected value, per year, beside the cross-entropy.
    """

    sigma: float = 0.0
    error_weight: float = 0.0

    def targets(self, head: "AgeHead", labels: NDArray[np.floating | np.integer]) -> NDArray[np.float32]:
        ages = labels[:, None].astype(np.float32)
        sigma = np.maximum(self.sigma * np.clip((ages + 3) / 20, 0, 1), 1e-3)
        density = np.exp(-0.5 * ((head.years - ages) / sigma) ** 2) * (ages != MISSING)
        return (density / np.maximum(density.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)

    def __call__(self, head: "AgeHead", targets: Any, outputs: Any) -> Any:
        from keras import ops

        loss = cross_entropy_loss(targets, outputs)
        if self.error_weight:
            years = ops.convert_to_tensor(head.years)  # PyTorch multiplies no NumPy array
            loss += self.error_weight * ops.abs(ops.sum((outputs - targets) * years, axis=-1))
        return loss


@dataclass(frozen=True)
class AgeHead(Quantity):
    """Age as a distribution over whole years, answered by its expected value (Rothe et al. 2015, DEX).

    Args:
        name: key of the head in labels, answers and JSON.
        youngest, oldest: first and last class, years.

    Raises:
        UsageError: they are below 0 (-1 marks a missing label), or in the wrong order.
    """

    kind: ClassVar[str] = "age"
    loss: ClassVar[type[Loss]] = AgeLoss
    unit: ClassVar[str] = YEARS  # type: ignore[misc]

    name: str = "age"
    youngest: int = 1
    oldest: int = 93

    def __post_init__(self) -> None:
        if not 0 <= self.youngest < self.oldest:
            raise UsageError(f"Ages must be 0 <= youngest < oldest. Received: {self.youngest} and {self.oldest}.")

    @property
    def low(self) -> int:  # type: ignore[override]
        return self.youngest

    @property
    def high(self) -> int:  # type: ignore[override]
        return self.oldest

    @property
    def years(self) -> NDArray[np.float32]:
        """(classes,) the age that each class stands for."""
        return np.arange(self.youngest, self.oldest + 1, dtype=np.float32)

    @property
    def width(self) -> int:
        return self.oldest - self.youngest + 1

    def output(self, features: Any) -> Any:
        return softmax_output(self, features)

    def encode(self, label: Label) -> int:
        with suppress(ValueError, OverflowError):  # what is not a number, or not finite, is refused below
            label = round(float(label))
        return int(super().encode(label))

    # Answers

    @property
    def columns(self) -> tuple[str, ...]:
        return self.name, f"{self.name}_low", f"{self.name}_high", f"{self.name}_minor_probability"

    def values(self, rows: Rows) -> NDArray[np.floating]:
        """Returns the expected age (n,), years, of each distribution (n, classes)."""
        return rows @ self.years / rows.sum(axis=1)

    def quantile(self, rows: Rows, fraction: float) -> NDArray[np.floating]:
        """Returns the age (n,) below which a fraction of each distribution lies; class k covers k - 0.5 to k + 0.5."""
        cumulative = rows.cumsum(axis=1) / rows.sum(axis=1, keepdims=True)
        edges = self.years + 0.5
        ages = [np.interp(fraction, np.r_[0, row], np.r_[edges[0] - 1, edges]) for row in cumulative]
        return np.clip(np.array(ages), self.youngest, self.oldest)

    def bounds(self, rows: Rows) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Returns the lower and the upper end (n,) of the central interval, years."""
        return self.quantile(rows, (1 - INTERVAL) / 2), self.quantile(rows, (1 + INTERVAL) / 2)

    def minor_probability(self, rows: Rows) -> NDArray[np.floating]:
        """Returns the probability (n,) of being younger than 18 in each distribution (n, classes)."""
        return rows[:, self.years < ADULT].sum(axis=1) / rows.sum(axis=1)

    def level(self, rows: Rows, ages: NDArray[np.integer]) -> NDArray[np.floating]:
        """Returns the level (n,) of the narrowest central interval that holds each age (n,)."""
        return abs(2 * self.below(rows, ages) - 1)

    def below(self, rows: Rows, ages: NDArray[np.integer]) -> NDArray[np.floating]:
        """Returns the probability (n,) below each age (n,), years; half of the age's own class counts."""
        at = np.arange(len(ages)), ages - self.youngest
        return (rows.cumsum(axis=1)[at] - rows[at] / 2) / rows.sum(axis=1)

    def decode(self, rows: Rows) -> list[Answer]:
        if not len(rows):
            return []
        columns = (self.values(rows), *self.bounds(rows), self.minor_probability(rows))
        knows_minors = self.youngest < ADULT
        return [
            AgeAnswer(
                years, low, high, minor if knows_minors else None, unsure=high - low > LIMITS.maximum_interval_years
            )
            for years, low, high, minor in zip(*(column.tolist() for column in columns), strict=True)
        ]

    def fit_temperature(self, rows: Rows, truth: NDArray[Any]) -> float:
        """Finds the temperature at which the central 80 % interval holds 80 % of the labels.

        Split conformal prediction over these nested intervals (Gupta, Kuchibhotla, Ramdas 2022; Chernozhukov,
        Wuethrich, Zhu 2021).
        """
        from scipy.optimize import brentq

        rank = math.ceil((len(truth) + 1) * INTERVAL) - 1  # counted from 0

        def excess(log_temperature: float) -> float:
            levels = self.level(self.tempered(rows, math.exp(log_temperature)), truth)
            return float(np.partition(levels, rank)[rank]) - INTERVAL

        low, high = LOG_TEMPERATURES
        if excess(low) <= 0 or excess(high) >= 0:  # no temperature gives it: the nearest
            return math.exp(low if excess(low) <= 0 else high)
        return math.exp(brentq(excess, low, high, xtol=1e-3))

    def tempered(self, rows: Rows, temperature: float) -> NDArray[np.float64]:
        """Widens or narrows distributions (n, classes) around their expected ages.

        Of all distributions with that mean, this is the nearest by KL divergence to the one that the temperature gives:
        it is tilted, multiplied by exp(slope * year). The mean grows with the slope, which is bisected.
        """
        logits = log_probabilities(rows) / temperature
        centred = self.years - self.values(rows)[:, None]  # (n, classes)
        low, high = np.full((2, len(rows), 1), [[[-32.0]], [[32.0]]])
        for _ in range(32):
            slope = (low + high) / 2
            above = (softmax(logits + slope * centred) * centred).sum(axis=1, keepdims=True) > 0
            low, high = np.where(above, low, slope), np.where(above, slope, high)
        return softmax(logits + (low + high) / 2 * centred)

    def narrowed(self, rows: Rows, temperature: float) -> NDArray[np.float64]:
        return self.tempered(rows, temperature)

    # Figures

    def whole_figures(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, Any]:
        """Adds how often the probability of being a minor is on the wrong side of the threshold."""
        figures, minor = super().whole_figures(rows, truth), truth < ADULT
        suspected = self.minor_probability(rows) >= MINOR_THRESHOLD
        figures["minors"]["not_suspected"] = mean(~suspected[minor])
        figures["adults"]["suspected"] = mean(suspected[~minor])
        return figures

    def measures(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, float | None]:
        return {
            **super().measures(rows, truth),
            "cross_entropy": mean(cross_entropy(rows, truth - self.youngest)),
            "coverage": mean(self.level(rows, truth) <= INTERVAL),
        }

    def validation_loss(self, measures: Mapping[str, float | None]) -> float:
        return measures["cross_entropy"] or 0.0

    def report(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, Any]:
        section, levels = super().report(rows, truth), self.level(rows, truth)
        section["intervals"] |= {
            "coverage": statistics.mean_interval(levels <= INTERVAL),
            "cross_entropy": statistics.mean_interval(cross_entropy(rows, truth - self.youngest)),
        }
        for name, inside in self.groups(truth).items():
            if n := int(inside.sum()):
                held = int((levels[inside] <= INTERVAL).sum())
                section["bands"][name]["coverage"] = {"value": held / n, "interval": statistics.wilson(held, n)}
        nominal = np.arange(1, 20) / 20
        pit, _ = np.histogram(self.below(rows, truth), PIT_BINS, (0, 1))
        low, high = self.bounds(rows)
        return {
            **section,
            "levels": {"nominal": nominal.tolist(), "share": [float((levels <= level).mean()) for level in nominal]},
            "pit": (pit / len(truth)).tolist(),
            "interval_width": float((high - low).mean()),
        }
