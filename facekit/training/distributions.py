"""Distributions of a data set's labels, as they are and as balanced sampling shows them in a training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import DataError, UsageError, lookup
from facekit.datasets import DATASETS
from facekit.datasets.label_heads import Labels, read_labels
from facekit.datasets.listing import list_dataset
from facekit.datasets.source import DataSource, find_data
from facekit.heads import MISSING
from facekit.training.sampling import sampling_weights


@dataclass(frozen=True)
class Distribution:
    """Frequency of each class or band of a head, among the records that have a label for it.

    Args:
        name: of the head.
        classes: k names of classes or bands.
        counts: (k,) numbers of records.
        share: (k,) share of the records.
        balanced: (k,) expected share of what an epoch shows with balanced sampling.
    """

    name: str
    classes: Sequence[str]
    counts: NDArray[np.intp]
    share: NDArray[np.float64]
    balanced: NDArray[np.float64]


@dataclass(frozen=True)
class Inspection:
    """Distributions of the labels of a data set.

    Args:
        title: of the data set.
        records: number of them.
        by: name of the head that is balanced.
        balance: as of `TrainingConfig`.
        distributions: one for each head.
    """

    title: str
    records: int
    by: str
    balance: float
    distributions: Sequence[Distribution]

    def __str__(self) -> str:
        """A table for people."""
        lines = [f"{self.title}, {self.records:,} records; balanced by {self.by}, {self.balance:g}"]
        width = max(len(name) for each in self.distributions for name in each.classes)
        for each in self.distributions:
            lines.append(f"\n{each.name:<{width}} {'pictures':>9} {'share':>7} {'balanced':>9}")
            for name, count, share, balanced in zip(each.classes, each.counts, each.share, each.balanced, strict=True):
                lines.append(f"{name:<{width}} {count:>9,} {share:>7.1%} {balanced:>9.1%}")
        return "\n".join(lines)


def inspect_dataset(source: DataSource, balance: float, by: str | None = None) -> Inspection:
    """Counts the labels of a data set; no picture is decoded.

    Args:
        source: data set and path.
        balance: as of `TrainingConfig`, 0 to 1.
        by: name of the head whose classes are balanced, as the first of a recipe is; None for the data set's first.

    Raises:
        DataError: the data set cannot be read, or has no labels.
        UsageError: the balance is outside 0 to 1.
        UnknownNameError: the data set does not label such a head.
    """
    if not 0 <= balance <= 1:  # also for NaN
        raise UsageError(f"balance must lie between 0 and 1. Received: {balance}.", argument="balance")
    dataset, path = DATASETS[source.dataset], find_data(source)
    records = list_dataset(source.dataset, path).records
    all_labels = [labels for labels in read_labels(dataset.schema, records) if (labels.encoded != MISSING).any()]
    if not all_labels:
        raise DataError(f"{path} has no labels whose distribution could be drawn.", argument="data")
    names = {labels.head.name: labels for labels in all_labels}
    chosen = lookup("head", by, names) if by is not None else all_labels[0]
    weights = sampling_weights(chosen.head, chosen.encoded, balance)
    distributions = [_distribution(labels, weights) for labels in all_labels]
    return Inspection(dataset.title, len(records), chosen.head.name, balance, distributions)


def _distribution(labels: Labels, weights: NDArray[np.float64]) -> Distribution:
    groups = labels.groups()
    counts = np.array([len(numbers) for numbers in groups.values()])
    shown = np.array([weights[numbers].sum() for numbers in groups.values()])
    return Distribution(labels.head.name, list(groups), counts, counts / counts.sum(), shown / shown.sum())
