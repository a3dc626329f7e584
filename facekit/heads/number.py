"""A head that answers a number by regression."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import UsageError
from facekit.heads.answer import Answer, Line, Segment
from facekit.heads.head import MISSING, Loss, Rows
from facekit.heads.quantity import Quantity, bar_mark, held_number


@dataclass(frozen=True)
class NumberAnswer(Answer):
    """A number.

    Args:
        value: the answer.
        unit: of the value.
        fraction: where it lies between the head's smallest and largest label, 0 to 1.
        decimals: that are shown; JSON and CSV have one more.
    """

    value: float
    unit: str
    fraction: float
    decimals: int = 0

    def values(self) -> dict[str, Any]:
        return {"value": round(self.value, self.decimals + 1), "unit": self.unit}

    def fields(self, name: str) -> dict[str, Any]:
        return {name: round(self.value, self.decimals + 1)}

    def line(self, name: str, words: Mapping[str, str]) -> Line:
        return f"{words.get(name, name)} ~{self.value:.{self.decimals}f}", words.get(self.unit, self.unit)

    def cell(self) -> str:
        return f"{self.value:.{self.decimals}f} {self.unit}".strip()

    def segments(self) -> Iterator[Segment]:
        yield bar_mark(self.fraction)

    def settled(self, shown: Answer | None) -> Answer:
        last = shown.value if isinstance(shown, NumberAnswer) else None
        value = held_number(last, self.value, self.decimals)
        settled = replace(self, value=value)
        return shown if shown is not None and value == last and self.unsure == shown.unsure else settled

    def widest(self) -> list[Answer]:
        return [replace(self, value=888, fraction=1.0, unsure=False), self.doubted()]


@dataclass(frozen=True, kw_only=True)
class NumberLoss(Loss):
    """Absolute error, as a fraction of the head's range."""

    def targets(self, head: "NumberHead", labels: NDArray[np.floating | np.integer]) -> NDArray[np.float32]:
        return np.where(labels == MISSING, 0, labels)[:, None].astype(np.float32)

    def __call__(self, head: "NumberHead", targets: Any, outputs: Any) -> Any:
        from keras import ops

        return ops.sum(ops.abs(outputs - targets), axis=-1) / (head.high - head.low)


@dataclass(frozen=True)
class NumberHead(Quantity):
    """A number between two bounds.

    Args:
        name: key of the head in labels, answers and JSON.
        low, high: smallest and largest label, 0 or more.
        unit: of labels and answers; "years" makes it an age.

    Raises:
        UsageError: the bounds are below 0 (-1 marks a missing label), or in the wrong order.
    """

    kind: ClassVar[str] = "number"
    loss: ClassVar[type[Loss]] = NumberLoss
    label_type: ClassVar[type[np.generic]] = np.float32

    name: str
    low: float
    high: float
    unit: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high < np.inf:
            raise UsageError(f"A number's bounds must be 0 <= low < high. Received: {self.low} and {self.high}.")

    @property
    def width(self) -> int:
        return 1

    @property
    def description(self) -> str:
        return f"{self.name} ({f'{self.low:g} to {self.high:g} {self.unit}'.strip()})"

    def output(self, features: Any) -> Any:
        from keras import layers

        x = layers.Dense(1, dtype="float32", name=self.name)(features)
        span = self.high - self.low  # an untrained network answers the middle
        return layers.Rescaling(span, offset=self.low + span / 2, dtype="float32", name=f"{self.name}_scaled")(x)

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.name,)

    def values(self, rows: Rows) -> NDArray[np.floating]:
        return rows[:, 0].clip(self.low, self.high)

    def decode(self, rows: Rows) -> list[Answer]:
        span = self.high - self.low
        decimals = max(0, -math.floor(math.log10(span / 50)))  # of a fiftieth of the range
        return [
            NumberAnswer(value, self.unit, (value - self.low) / span, decimals) for value in self.values(rows).tolist()
        ]
