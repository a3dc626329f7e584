"""A head that answers one of several bands of a number, e.g. of ages."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from facekit.core.errors import UsageError
from facekit.heads.answer import Line
from facekit.heads.categorical import Categorical, ClassAnswer
from facekit.heads.head import Label, LabelError
from facekit.heads.quantity import YEARS

OVER = "over "  # begins the name of the last band


@dataclass(frozen=True)
class BandAnswer(ClassAnswer):
    """The likeliest band and the probability of each."""

    def line(self, name: str, words: Mapping[str, str]) -> Line:
        _, is_last, bound = self.label.partition(OVER)
        text = words.get("over {}", "over {}").format(bound) if is_last else self.label
        return f"{words.get(name, name)} {text}", self.shown_probability


@dataclass(frozen=True)
class BandHead(Categorical):
    """Bands of whole numbers, answered as classes: "1-15", "16-25", ... and "over 45" for the starts 1, 16, 26 and 46.

    Labels are numbers, or names of bands. A band ends where the next one starts: an age of 15.9 years is in 1-15.

    Args:
        name: key of the head in labels, answers and JSON.
        starts: first number of each band, 0 or more; the last band has no end.
        unit: of labels.

    Raises:
        UsageError: fewer than two bands, or starts that do not rise or are not whole.
    """

    kind: ClassVar[str] = "bands"
    answer: ClassVar[type[ClassAnswer]] = BandAnswer

    name: str
    starts: tuple[int, ...]
    unit: str = YEARS

    def __post_init__(self) -> None:
        whole = all(isinstance(start, int) and start >= 0 for start in self.starts)
        if not whole or len(self.starts) < 2 or any(start >= later for start, later in pairwise(self.starts)):
            raise UsageError(
                "The starts of bands must be two or more rising whole numbers, 0 or more. "
                f"Received for {self.name}: {self.starts}."
            )

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "BandHead":
        return cls(**{**fields, "starts": tuple(fields["starts"])})

    @property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        ends = ((start, later - 1) for start, later in pairwise(self.starts))
        return *(f"{a}-{b}" if a < b else f"{a}" for a, b in ends), f"{OVER}{self.starts[-1] - 1}"

    @property
    def description(self) -> str:
        return f"{self.name} ({', '.join(self.classes)})"

    def mismatch(self, declared: tuple[str, ...] | str) -> str | None:
        if isinstance(declared, str):
            return None if declared == self.unit else f"{self.name} in {declared}, and the head learns {self.unit}"
        return super().mismatch(declared)

    def encode(self, label: Label) -> int:
        with suppress(ValueError):  # a name
            value = float(label)
            if not self.starts[0] <= value < math.inf:  # also for NaN
                raise LabelError(f"{self.name} is not {self.starts[0]} or more")
            return sum(value >= start for start in self.starts) - 1
        return super().encode(label)
