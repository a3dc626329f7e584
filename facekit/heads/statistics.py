"""Statistics of figures: 95 % intervals over the sample that was tested, and calibration errors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float | None, float | None]
RESAMPLES = 1000
BINS = 15  # of equal width, for the calibration error
_BLOCK = 4_000_000  # random numbers drawn at a time
_Z = 1.959964  # 97.5 % of a standard normal distribution lie below


def resampled_sums(columns: NDArray[Any], seed: int = 0) -> NDArray[np.float64]:
    """Sums columns (n, m) over samples of n rows, drawn with replacement (Efron 1979): (RESAMPLES, m)."""
    n, random, sums = len(columns), np.random.default_rng(seed), []
    step = max(1, _BLOCK // max(n, 1))
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        drawn = random.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        sums.append(counts @ columns.astype(np.float64))
    return np.concatenate(sums)


def known_mean(values: NDArray[np.floating], weights: NDArray[Any]) -> float | None:
    """Returns the weighted mean of those values (n,) that are numbers, None if none is."""
    known = ~np.isnan(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else None


def mean_interval(values: NDArray[Any]) -> Interval:
    """Returns the bootstrapped 95 % interval of the mean of (n,), n > 0."""
    return central(resampled_sums(values[:, None])[:, 0] / len(values))


def central(samples: NDArray[np.float64]) -> Interval:
    """Returns the bounds of the central 95 % of a statistic's samples (n,), NaN where it is not defined."""
    samples = samples[~np.isnan(samples)]
    if not len(samples):
        return None, None
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)


def wilson(hits: int, n: int) -> Interval:
    """Returns the interval of a share, also where all or none are hits and a bootstrap has no width (Wilson 1927)."""
    if not n:
        return None, None
    share, extra = hits / n, _Z**2 / n
    centre = (share + extra / 2) / (1 + extra)
    reach = _Z / (1 + extra) * (share * (1 - share) / n + extra / (4 * n)) ** 0.5
    return max(0.0, centre - reach), min(1.0, centre + reach)


def calibration_error(rows: NDArray[np.floating], truth: NDArray[np.integer]) -> float | None:
    """Returns the mean distance, in `BINS` bins of the likeliest class's probability, to how often it is right.

    Args:
        rows: (n, classes) probabilities.
        truth: (n,) indices of the true classes.
    """
    excess = rows.max(axis=1) - (rows.argmax(axis=1) == truth)
    sums = np.bincount(confidence_bins(rows), excess, minlength=BINS)
    return round(float(abs(sums).sum() / len(rows)), 4) if len(rows) else None


def confidence_bins(rows: NDArray[np.floating]) -> NDArray[np.integer]:
    """Returns the bin (n,) of each row's largest probability."""
    return np.minimum((rows.max(axis=1) * BINS).astype(int), BINS - 1)


def least_calibration_error(rows: NDArray[np.floating]) -> float:
    """Returns the mean calibration error of perfect probabilities (n, classes): chance alone keeps it from 0."""
    confidence, bins = rows.max(axis=1), confidence_bins(rows)
    hits = np.random.default_rng(0).random((200, len(rows))) < confidence
    excess = (confidence - hits) @ (bins[:, None] == np.arange(BINS))
    return float(abs(excess).sum(axis=1).mean() / len(rows))


def reliability(rows: NDArray[np.floating], truth: NDArray[np.integer]) -> list[dict[str, Any]]:
    """Returns, for each bin of confidence, its number of answers, their mean confidence and their accuracy."""
    bins, right = confidence_bins(rows), rows.argmax(axis=1) == truth
    entries = []
    for number in range(BINS):
        inside = bins == number
        n, hits = int(inside.sum()), int((inside & right).sum())
        entries.append(
            {
                "n": n,
                "confidence": float(rows[inside].max(axis=1).mean()) if n else None,
                "accuracy": {"value": hits / n if n else None, "interval": wilson(hits, n)},
            }
        )
    return entries


def confusion(labelled: Mapping[str, NDArray[np.bool_]], answered: Mapping[str, NDArray[np.bool_]]) -> dict[str, Any]:
    """Counts which group is answered as which.

    Args:
        labelled, answered: class or band -> which records (n,) are labelled, and answered, so.

    Returns:
        `groups`: their names; `confusion`: a row of counts for each labelled group, a column for each answered one.
    """
    truth, answers = (np.stack(list(groups.values())).astype(int) for groups in (labelled, answered))
    return {"groups": list(labelled), "confusion": (truth @ answers.T).tolist()}
