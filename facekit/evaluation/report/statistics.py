"""How far a figure may be off by the chance of who was judged: 95 % intervals, and what chance alone would show."""

import numpy as np
from numpy.typing import NDArray

from facekit.evaluation.metrics import BINS, confidence_bins

Interval = tuple[float | None, float | None]
RESAMPLES = 1000
_AT_ONCE = 4_000_000  # drawn numbers that are held
_Z = 1.959964  # 97.5 % of a standard normal distribution lie below


def resampled_sums(columns: NDArray[np.floating], seed: int = 0) -> NDArray[np.float64]:
    """Sums of columns (n, m) over samples of n rows, drawn with replacement (Efron 1979): (RESAMPLES, m)."""
    n, random, sums = len(columns), np.random.default_rng(seed), []
    step = max(1, _AT_ONCE // max(n, 1))
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        drawn = random.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        sums.append(counts @ columns.astype(np.float64))
    return np.concatenate(sums)


def central(samples: NDArray[np.float64]) -> Interval:
    """The bounds of the central 95 % of a statistic's samples (n,), NaN where it is not defined."""
    samples = samples[~np.isnan(samples)]
    if not len(samples):
        return None, None
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)


def wilson(hits: int, n: int) -> Interval:
    """Of a share: also where all or none are hits, and a bootstrap would have no width (Wilson 1927)."""
    if not n:
        return None, None
    share, extra = hits / n, _Z**2 / n
    centre = (share + extra / 2) / (1 + extra)
    reach = _Z / (1 + extra) * (share * (1 - share) / n + extra / (4 * n)) ** 0.5
    return max(0.0, centre - reach), min(1.0, centre + reach)


def least_calibration_error(rows: NDArray[np.floating]) -> float:
    """The mean calibration error of probabilities (n, classes) that are perfect: chance alone keeps it from 0."""
    confidence, bins = rows.max(axis=1), confidence_bins(rows)
    hits = np.random.default_rng(0).random((200, len(rows))) < confidence
    excess = (confidence - hits) @ (bins[:, None] == np.arange(BINS))
    return float(abs(excess).sum(axis=1).mean() / len(rows))
