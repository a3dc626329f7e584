"""Base class of the answers that heads give, and when an answer is unsure."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

Line = tuple[str, str]  # an answer's text, and how sure it is
Segment = tuple[float, float, int]  # part of a bar: start and end, 0 to 1, and its tone
LIKELIEST, RANGE, REST = range(3)  # tones of segments: the answer, its interval, other answers
UNSURE = "unsure"


@dataclass(frozen=True, kw_only=True)
class SureConfig:
    """Limits beyond which an answer is unsure, measured by benchmarks/quality.py (docs/EXPERIMENTS.md).

    Args:
        minimum_quality: of a view, 0 to 1 (`facekit.faces.quality`); below it, all of its answers are unsure.
        minimum_probability: of the likeliest class.
        maximum_interval_years: width of an age's 80 % interval.
    """

    minimum_quality: float = 0.5
    minimum_probability: float = 0.65
    maximum_interval_years: float = 25.0


LIMITS = SureConfig()


@dataclass(frozen=True, kw_only=True)
class Answer(ABC):
    """Base class of the answers that heads give for one face. Subclasses are frozen dataclasses.

    Args:
        unsure: whether it is too uncertain to be shown: people read "unsure", JSON keeps the numbers.
    """

    unsure: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Returns the answer as rounded JSON values."""
        return {**self.values(), "unsure": self.unsure}

    def row(self, name: str) -> dict[str, Any]:
        """Returns CSV column -> value, for the columns of the head `name`; the first one says "unsure" where it is."""
        return self.fields(name) | ({name: UNSURE} if self.unsure else {})

    def caption(self, name: str, words: Mapping[str, str]) -> Line:
        """Returns the caption's text and its detail.

        Args:
            name: of the head.
            words: English word -> translation.
        """
        if self.unsure:
            return f"{words.get(name, name)} {words.get(UNSURE, UNSURE)}", ""
        return self.line(name, words)

    def __str__(self) -> str:
        """Returns the cell of a table on a terminal."""
        return UNSURE if self.unsure else self.cell()

    def bar(self) -> Iterator[Segment]:
        """Yields the segments of a bar that shows the answer; none where it is unsure."""
        return iter(()) if self.unsure else self.segments()

    def doubted(self) -> Self:
        """Returns the answer as an unsure one."""
        return replace(self, unsure=True)

    # Of a kind of head, sure or not

    @abstractmethod
    def values(self) -> dict[str, Any]:
        """Returns the rounded JSON values, without `unsure`."""

    @abstractmethod
    def fields(self, name: str) -> dict[str, Any]:
        """Returns CSV column -> value, as `row`."""

    @abstractmethod
    def line(self, name: str, words: Mapping[str, str]) -> Line:
        """Returns the text and the detail of a caption, as `caption`."""

    @abstractmethod
    def cell(self) -> str:
        """Returns the cell of a table on a terminal, as `__str__`."""

    @abstractmethod
    def segments(self) -> Iterator[Segment]:
        """Yields the segments of a bar, as `bar`."""

    def settled(self, shown: "Answer | None") -> "Answer":
        """Returns the answer that a video shows after `shown`; small changes are skipped, so that captions stay."""
        return self

    def widest(self) -> "list[Answer]":
        """Returns answers of the same head of which one has the widest caption possible."""
        return [self]

    def compact(self) -> "Answer":
        """Returns the answer without details that a long list need not keep."""
        return self
