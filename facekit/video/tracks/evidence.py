"""Averages the estimates of one face over time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facekit.heads import Answer
from facekit.video.tracks.config import TrackingConfig

if TYPE_CHECKING:
    from facekit.estimator import FaceEstimator


@dataclass(frozen=True, eq=False)
class View:
    """One view of a face, as the networks see it.

    Args:
        rows: head's name -> values (width,).
        quality: 0 to 1.
        descriptor: (D,) unit vector; None if the weights have no describer.
    """

    rows: Mapping[str, NDArray[np.floating]]
    quality: float
    descriptor: NDArray[np.float32] | None

    @property
    def weight(self) -> float:
        """Weight in averages, which is never 0."""
        return max(self.quality, 1e-3)


@dataclass(eq=False)
class Evidence:
    """The weighted views of one face so far.

    Probabilities are weighted by the views' quality. The age's interval narrows as evidence grows, by as much as
    averaging reduces the error, so that it still covers 80 %.

    Args:
        count: number of views.
        quality: of the best view, 0 to 1; older ones count less. None before the first.
        answers: head's name -> averaged answer.
    """

    count: int = 0
    quality: float | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    _time: float = 0.0
    _weight: float = 0.0
    _squared_weights: float = 0.0
    _sums: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, view: View, time: float, estimator: "FaceEstimator", config: TrackingConfig) -> None:
        """Adds a view and averages anew."""
        constant, weight, heads = config.averaging_seconds, view.weight, estimator.heads
        decay = math.exp(-(time - self._time) / constant) if constant else 0.0
        for head in heads:
            row = weight * view.rows[head.name].astype(np.float64)
            self._sums[head.name] = row + decay * self._sums.get(head.name, 0.0)
        self._weight = decay * self._weight + weight
        self._squared_weights = decay**2 * self._squared_weights + weight**2
        self.quality = max(view.quality, decay * (self.quality or 0.0))
        self._time, self.count = time, self.count + 1
        # The share of the squared error that is left: for n views of equal weight 1 - averaged_error_share *
        # (1 - 1 / n); unequal weights count by their effective number (Kish 1965).
        left = 1 - config.averaged_error_share * (1 - self._squared_weights / self._weight**2)
        averages = {head.name: head.narrowed((self._sums[head.name] / self._weight)[None], left) for head in heads}
        (self.answers,) = estimator.decode(averages, [self.quality])
