"""Order and frequency of the chips in an epoch: rare classes come more often where the recipe balances. NumPy only."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.heads import MISSING, Head


def sampling_weights(head: Head, labels: NDArray[Any], balance: float) -> NDArray[np.float64]:
    """Computes how often each chip is shown in an epoch, on average.

    A class of frequency p is shown as if it had a frequency proportional to p ** (1 - balance) (Kang et al. 2020,
    Decoupling Representation and Classifier, equation 1, where 1 - balance is q).

    Args:
        head: whose classes, or bands of a number, are balanced.
        labels: (n,) of the training chips; those without a label have the weight 1.
        balance: from 0, each chip once, to 1, each class as often as any other.

    Returns:
        (n,) positive, of mean 1.
    """
    known = labels != MISSING
    weights = np.ones(len(labels))
    if known.any():
        _, inverse, counts = np.unique(head.strata(labels[known]), return_inverse=True, return_counts=True)
        rare = counts[inverse] ** -float(balance)
        weights[known] = rare / rare.mean()
    return weights


def epoch_order(
    index: NDArray[np.integer], weights: NDArray[np.floating] | None, rng: np.random.Generator
) -> NDArray[np.integer]:
    """Draws as many indices as there are, in random order: each its weight times, rounded up or down at random.

    Systematic resampling (Carpenter et al. 1999, Improved particle filter); without weights a permutation.
    """
    if weights is None:
        return rng.permutation(index)
    ends = np.cumsum(weights)
    at = (rng.random() + np.arange(len(index))) * (ends[-1] / len(index))
    return rng.permutation(index[np.searchsorted(ends, at, side="right").clip(max=len(index) - 1)])
