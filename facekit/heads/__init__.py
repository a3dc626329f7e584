"""What a network answers: class names, training targets, and decoding of probabilities. NumPy only."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import UsageError, lookup

MISSING = -1  # the label of a record that lacks this one
INTERVAL = 0.8  # the central share of an age's distribution that its bounds enclose


@dataclass(frozen=True)
class AgeAnswer:
    """An age in years: the expected value, and the bounds of the central 80 % (`INTERVAL`) of the distribution."""

    years: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        return {"years": round(self.years, 1), "low": round(self.low, 1), "high": round(self.high, 1)}


@dataclass(frozen=True)
class ClassAnswer:
    """The likeliest class and the probability of each."""

    label: str
    probability: float
    probabilities: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "probability": round(self.probability, 4),
            "probabilities": {name: round(p, 4) for name, p in self.probabilities.items()},
        }


Answer = AgeAnswer | ClassAnswer


@dataclass(frozen=True)
class ClassHead:
    """One of several classes, e.g. gender.

    Args:
        name: key of the head in labels, answers and JSON.
        classes: English class names; label k means `classes[k]`.
        smoothing: share of a target that is spread evenly over all classes (Szegedy et al. 2016, section 7).
        loss_weight: factor of this head in the sum of losses.
    """

    name: str
    classes: tuple[str, ...]
    smoothing: float = 0.0
    loss_weight: float = 1.0

    def targets(self, labels: NDArray[np.integer]) -> NDArray[np.float32]:
        """Labels (n,) -> distributions (n, classes); a missing label gives a row of zeros."""
        n_classes = len(self.classes)
        sharp = labels[:, None] == np.arange(n_classes)
        smooth = sharp * (1 - self.smoothing) + (labels != MISSING)[:, None] * self.smoothing / n_classes
        return smooth.astype(np.float32)

    def decode(self, probabilities: NDArray[np.floating]) -> list[Answer]:
        """Probabilities (n, classes) -> n answers."""
        return [
            ClassAnswer(
                self.classes[int(row.argmax())], float(row.max()), dict(zip(self.classes, row.tolist(), strict=True))
            )
            for row in probabilities
        ]


@dataclass(frozen=True)
class AgeHead:
    """Age as a distribution over whole years, answered by its expected value (Rothe et al. 2015, DEX).

    Args:
        name: key of the head in labels, answers and JSON.
        youngest, oldest: first and last class, years.
        sigma: standard deviation, years, of the Gaussian that an adult's label becomes (Gao et al. 2017, DLDL); 0 for
            one class. Children's ages are known better: it grows from a fifth of `sigma` at age 1 to all of it at 17.
        error_weight: weight of the absolute error of the expected value, per year, beside the cross-entropy.
        loss_weight: factor of this head in the sum of losses.
    """

    name: str = "age"
    youngest: int = 1
    oldest: int = 93
    sigma: float = 0.0
    error_weight: float = 0.0
    loss_weight: float = 1.0

    @property
    def years(self) -> NDArray[np.float32]:
        """(classes,) the age that each class stands for."""
        return np.arange(self.youngest, self.oldest + 1, dtype=np.float32)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(str(year) for year in range(self.youngest, self.oldest + 1))

    def targets(self, labels: NDArray[np.integer]) -> NDArray[np.float32]:
        """Ages (n,) in years -> distributions (n, classes); a missing label gives a row of zeros."""
        ages = labels[:, None].astype(np.float32)
        sigma = np.maximum(self.sigma * np.clip((ages + 3) / 20, 0, 1), 1e-3)
        density = np.exp(-0.5 * ((self.years - ages) / sigma) ** 2) * (ages != MISSING)
        return (density / np.maximum(density.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)

    def expected(self, probabilities: NDArray[np.floating]) -> NDArray[np.floating]:
        """Probabilities (n, classes) -> expected age (n,), years."""
        return probabilities @ self.years / probabilities.sum(axis=1)

    def quantile(self, probabilities: NDArray[np.floating], share: float) -> NDArray[np.floating]:
        """Age (n,) below which `share` of each distribution lies; the class k covers k - 0.5 to k + 0.5."""
        cumulative = probabilities.cumsum(axis=1) / probabilities.sum(axis=1, keepdims=True)
        edges = self.years + 0.5
        ages = [np.interp(share, np.r_[0, row], np.r_[edges[0] - 1, edges]) for row in cumulative]
        return np.clip(np.array(ages), self.youngest, self.oldest)

    def level(self, probabilities: NDArray[np.floating], ages: NDArray[np.integer]) -> NDArray[np.floating]:
        """The smallest central share (n,) of each distribution that reaches the given age (n,), years."""
        return abs(2 * self.below(probabilities, ages) - 1)

    def below(self, probabilities: NDArray[np.floating], ages: NDArray[np.integer]) -> NDArray[np.floating]:
        """The share (n,) of each distribution below the given age (n,), years: its own class counts by half."""
        place = np.arange(len(ages)), ages - self.youngest
        total = probabilities.sum(axis=1)
        return (probabilities.cumsum(axis=1)[place] - probabilities[place] / 2) / total

    def decode(self, probabilities: NDArray[np.floating]) -> list[Answer]:
        """Probabilities (n, classes) -> n answers."""
        if not len(probabilities):
            return []
        low, high = (self.quantile(probabilities, (1 + side * INTERVAL) / 2) for side in (-1, 1))
        rows = zip(self.expected(probabilities).tolist(), low.tolist(), high.tolist(), strict=True)
        return [AgeAnswer(*row) for row in rows]


Head = AgeHead | ClassHead
HEAD_KINDS: dict[str, type[AgeHead] | type[ClassHead]] = {"age": AgeHead, "class": ClassHead}

AGE = AgeHead()
GENDER = ClassHead("gender", ("Male", "Female"))
RACE = ClassHead("race", ("White", "Black", "Asian", "Indian", "Others"))


def head_to_dict(head: Head) -> dict[str, Any]:
    """A head as JSON for a card."""
    kind = next(kind for kind, head_class in HEAD_KINDS.items() if isinstance(head, head_class))
    return {"kind": kind, **asdict(head)}


def head_from_dict(fields: dict[str, Any]) -> Head:
    """The head that `head_to_dict` wrote. Raises UnknownNameError for a kind that is not known here."""
    fields = dict(fields)
    head_class = lookup("kind of head", fields.pop("kind"), HEAD_KINDS)
    if "classes" in fields:
        fields["classes"] = tuple(fields["classes"])
    return head_class(**fields)


def select_heads(heads: Sequence[Head], names: Sequence[str] | None) -> list[Head]:
    """The heads with these names, in the network's order; all of them for None.

    Raises:
        UnknownNameError: the network has no such head.
    """
    if names is None:
        return list(heads)
    known = {head.name: head for head in heads}
    for name in names:
        lookup("head", name, known)
    if not names:
        raise UsageError(f"Name at least one head. Received none. Choose from {', '.join(known)}.")
    return [head for head in heads if head.name in names]
