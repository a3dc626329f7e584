"""What makes probabilities say how often they are right: fitted on the validation side, kept in the card.

Reading and applying it need NumPy only.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.heads import INTERVAL, MISSING, AgeHead, Head

LEAST_PROBABILITY = 1e-7  # keeps one impossible answer from deciding everything
LEAST_RECORDS = 100  # from fewer, a temperature would be noise: its logarithm's standard error is about 0.15 there
_LOG_BOUNDS = (math.log(0.25), math.log(4))  # of the temperatures


@dataclass(frozen=True)
class Calibration:
    """By what each head's log-probabilities are divided, before they are made probabilities again.

    A class head's temperature minimises the negative log-likelihood (Guo et al. 2017, section 4.2). The age's keeps the
    expected age, which is the answer: the distribution gets wider or narrower around it, as the exponential family
    through it does. It is the temperature at which the central 80 % interval holds 80 % of the labelled ages, by split
    conformal prediction over these nested intervals (Gupta, Kuchibhotla, Ramdas 2022; Chernozhukov, Wuethrich, Zhu
    2021).

    Args:
        temperatures: head's name -> temperature; heads that are not named stay as they are.
        records: how many it was fitted on.
    """

    temperatures: dict[str, float] = field(default_factory=dict)
    records: int = 0

    @classmethod
    def fit(
        cls,
        heads: Sequence[Head],
        probabilities: Mapping[str, NDArray[np.floating]],
        labels: Mapping[str, NDArray[np.integer]],
    ) -> "Calibration":
        """Fits the temperatures of those heads that have `LEAST_RECORDS` labels or more.

        Args:
            heads: what to calibrate.
            probabilities: head's name -> (n, classes) as the network gave them.
            labels: head's name -> (n,) age in years or number of the class, MISSING where unknown.
        """
        temperatures = {}
        for head in heads:
            known = labels[head.name] != MISSING
            if known.sum() >= LEAST_RECORDS:
                rows, truth = probabilities[head.name][known], labels[head.name][known]
                fitted = _fit_age(head, rows, truth) if isinstance(head, AgeHead) else _fit_classes(head, rows, truth)
                temperatures[head.name] = round(fitted, 4)
        return cls(temperatures, len(labels[heads[0].name]) if temperatures else 0)

    def apply(
        self, heads: Sequence[Head], probabilities: Mapping[str, NDArray[np.floating]]
    ) -> dict[str, NDArray[np.floating]]:
        """Probabilities (n, classes) by head -> the same, calibrated. Likeliest class and expected age stay."""
        calibrated = dict(probabilities)
        for head in heads:
            temperature = self.temperatures.get(head.name, 1.0)
            if temperature != 1:
                rows = probabilities[head.name]
                calibrated[head.name] = tempered(head, rows, temperature).astype(rows.dtype)
        return calibrated

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Calibration":
        """Raises ValueError, TypeError or AttributeError if it is damaged."""
        temperatures = {name: float(value) for name, value in fields.get("temperatures", {}).items()}
        if not all(0 < value < math.inf for value in temperatures.values()):
            raise ValueError(f"temperatures must be positive, received {temperatures}")
        return cls(temperatures, int(fields.get("records", 0)))


def tempered(head: Head, rows: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Probabilities (n, classes), wider or narrower: likeliest class and expected age stay."""
    logits = np.log(np.clip(rows.astype(np.float64), LEAST_PROBABILITY, 1)) / temperature
    return _around(logits, head.years, head.expected(rows)) if isinstance(head, AgeHead) else _softmax(logits)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _around(
    logits: NDArray[np.float64], years: NDArray[np.floating], means: NDArray[np.floating]
) -> NDArray[np.float64]:
    """The distributions (n, classes) nearest to those of the logits, by KL divergence, that have the given means (n,).

    They are tilted: multiplied by exp(slope * year); the mean grows with the slope, which is bisected.
    """
    centred = years - means[:, None]  # (n, classes)
    low, high = np.full((2, len(means), 1), [[[-32.0]], [[32.0]]])
    for _ in range(32):
        slope = (low + high) / 2
        above = (_softmax(logits + slope * centred) * centred).sum(axis=1, keepdims=True) > 0
        low, high = np.where(above, low, slope), np.where(above, slope, high)
    return _softmax(logits + (low + high) / 2 * centred)


def _fit_classes(head: Head, rows: NDArray[np.floating], truth: NDArray[np.integer]) -> float:
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        chosen = tempered(head, rows, math.exp(log_temperature))[np.arange(len(truth)), truth]
        return float(-np.log(np.clip(chosen, LEAST_PROBABILITY, 1)).mean())

    return math.exp(minimize_scalar(loss, bounds=_LOG_BOUNDS, method="bounded").x)


def _fit_age(head: AgeHead, rows: NDArray[np.floating], ages: NDArray[np.integer]) -> float:
    from scipy.optimize import brentq

    rank = math.ceil((len(ages) + 1) * INTERVAL) - 1  # counted from 0

    def excess(log_temperature: float) -> float:
        """How far the central share that holds enough ages is above the one that should."""
        levels = head.level(tempered(head, rows, math.exp(log_temperature)), ages)
        return float(np.partition(levels, rank)[rank]) - INTERVAL

    low, high = _LOG_BOUNDS
    if excess(low) <= 0 or excess(high) >= 0:  # no temperature gives it: the nearest
        return math.exp(low if excess(low) <= 0 else high)
    return math.exp(brentq(excess, low, high, xtol=1e-3))
