"""Heads for whatever a data set labels: they name its classes and bands where nothing is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from facekit.datasets.records import Record, Schema, label_of
from facekit.heads import AGE, GENDER, MISSING, RACE, YEARS, AgeHead, ClassHead, Head, Label, LabelError, NumberHead

_USUAL = {head.name: head for head in (AGE, GENDER, RACE)}  # of tables, whose columns say no more than their names


@dataclass(frozen=True)
class Labels:
    """Labels of n records for one head.

    Args:
        head: that knows them.
        given: (n,) as the records state them, None where unknown.
    """

    head: Head
    given: Sequence[Label | None]

    @cached_property
    def encoded(self) -> NDArray[np.generic]:
        """(n,) encoded labels, MISSING where there is none or the head cannot learn it."""
        return np.array([self._encode(label) for label in self.given], self.head.label_type)

    @cached_property
    def unusable(self) -> dict[int, str]:
        """Number of the record -> why the head cannot learn its label."""
        return {
            number: reason
            for number, label in enumerate(self.given)
            if label is not None and (reason := self._fault(label))
        }

    def groups(self) -> dict[str, NDArray[np.intp]]:
        """Class or band -> numbers of its records, those of unknown labels in none."""
        is_known = self.encoded != MISSING
        return {name: np.flatnonzero(inside & is_known) for name, inside in self.head.groups(self.encoded).items()}

    def text(self, number: int) -> str:
        """Returns a record's label for people."""
        label = self.given[number]
        if label is None:
            return f"{self.head.name} unknown"
        unit: str = getattr(self.head, "unit", "")
        return f"{label} {unit.removesuffix('s') if str(label) == '1' else unit}".strip()

    def _encode(self, label: Label | None) -> float:
        return MISSING if label is None or self._fault(label) else self.head.encode(label)

    def _fault(self, label: Label) -> str:
        try:
            self.head.encode(label)
        except LabelError as error:
            return str(error)
        return ""


def read_labels(schema: Schema, records: Sequence[Record]) -> list[Labels]:
    """Returns the labels of records for each head that the data set labels.

    Args:
        schema: of the data set; {} for a table, whose own labels tell.
        records: n of them.
    """
    names = dict.fromkeys([*schema, *(name for record in records for name in record.labels)])
    heads = [_head(name, schema.get(name), [record.labels.get(name) for record in records]) for name in names]
    return [Labels(head, [label_of(record, head) for record in records]) for head in heads if head]


def _head(name: str, declared: tuple[str, ...] | str | None, labels: Sequence[Label | None]) -> Head | None:
    """Makes the head of a label; None if it has too few values for one."""
    if declared is None and name in _USUAL:
        return _USUAL[name]
    if declared == YEARS:
        return AgeHead(name)
    if isinstance(declared, tuple):
        return ClassHead(name, declared)
    numbers = _numbers(labels)
    if numbers is not None and len(numbers) and 0 <= numbers.min() < numbers.max() < np.inf:
        return NumberHead(name, float(numbers.min()), float(numbers.max()), declared or "")
    classes = {str(label).casefold(): str(label) for label in labels if label is not None}
    return ClassHead(name, tuple(sorted(classes.values()))) if len(classes) > 1 else None


def _numbers(labels: Sequence[Label | None]) -> NDArray[np.float64] | None:
    """Returns the known labels as numbers, or None if one is none."""
    try:
        return np.array([float(label) for label in labels if label is not None])
    except ValueError:
        return None
