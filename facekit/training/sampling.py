"""Which chips an epoch shows, and in which order: rare classes more often, where the recipe balances. NumPy only."""

import numpy as np
from numpy.typing import NDArray

from facekit.heads import MISSING, AgeHead, Head

AGE_BAND = 5  # years


def sampling_weights(head: Head, labels: NDArray[np.integer], balance: float) -> NDArray[np.float64]:
    """How often each chip is shown in an epoch, on average.

    A class of share p is shown as if it had a share proportional to p ** (1 - balance) (Kang et al. 2020, Decoupling
    Representation and Classifier, equation 1, where 1 - balance is q). Ages count in bands of `AGE_BAND` years.

    Args:
        head: whose classes are balanced.
        labels: (n,) of the training chips; those without a label are shown once.
        balance: from 0, each chip once, to 1, each class as often as any other.

    Returns:
        (n,) positive, of mean 1.
    """
    classes = (labels - head.youngest) // AGE_BAND if isinstance(head, AgeHead) else labels
    known = labels != MISSING
    weights = np.ones(len(labels))
    if known.any():
        _, inverse, counts = np.unique(classes[known], return_inverse=True, return_counts=True)
        rare = counts[inverse] ** -float(balance)
        weights[known] = rare / rare.mean()
    return weights


def epoch_order(
    places: NDArray[np.integer], weights: NDArray[np.floating] | None, rng: np.random.Generator
) -> NDArray[np.integer]:
    """As many places as there are, in random order: each its weight times, rounded up or down at random.

    Systematic resampling (Carpenter et al. 1999, Improved particle filter); without weights a permutation.
    """
    if weights is None:
        return rng.permutation(places)
    ends = np.cumsum(weights)
    at = (rng.random() + np.arange(len(places))) * (ends[-1] / len(places))
    return rng.permutation(places[np.searchsorted(ends, at, side="right").clip(max=len(places) - 1)])
