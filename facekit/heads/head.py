"""Base classes of heads and their losses. They need NumPy only, and Keras where they are trained."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import UsageError
from facekit.heads.answer import Answer

MISSING = -1  # encoded label of a record that has none
INTERVAL = 0.8  # central share of an age's distribution that its bounds enclose
LEAST_PROBABILITY = 1e-7  # keeps one impossible answer from deciding everything
LOG_TEMPERATURES = (math.log(0.25), math.log(4))  # bounds of the temperatures that calibration fits

Label = str | float  # a class name, or a number such as years
Rows = NDArray[np.floating]  # (n, width): what a network gives for one head


class LabelError(ValueError):
    """A label that a head cannot learn from. Its text is the reason that is counted, such as "unknown gender"."""


@dataclass(frozen=True, kw_only=True)
class Loss(ABC):
    """Base class of the losses of heads. A loss is no part of the network: another one gives the same graph.

    Args:
        weight: factor of the head in the sum of losses.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value >= 0:  # also for NaN
                raise UsageError(f"{type(self).__name__}.{field.name} must be at least 0. Received: {value}.")

    @abstractmethod
    def targets(self, head: Any, labels: NDArray[np.floating | np.integer]) -> NDArray[np.float32]:
        """Encodes labels (n,) as training targets (n, width); a missing label gives a row of zeros."""

    @abstractmethod
    def __call__(self, head: Any, targets: Any, outputs: Any) -> Any:
        """Returns the loss (n,) of each example, without the weight, from Keras tensors (n, width)."""


class Head(ABC):
    """Base class of heads, the outputs of a network. Subclasses are frozen dataclasses; each kind is one file.

    Everything that depends on the kind is a method here, so that no other package asks for the kind.

    Attributes:
        kind: name in cards.
        main_measure: the figure by which groups of people are compared, a key of `facekit.evaluation.MEASURES`.
        groups_by: whether `groups` gives "classes" or "bands" of a number.
        loss: class of its losses.
        label_type: of encoded labels.
    """

    kind: ClassVar[str]
    main_measure: ClassVar[str]
    groups_by: ClassVar[str]
    loss: ClassVar[type[Loss]]
    label_type: ClassVar[type[np.generic]] = np.int16
    name: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the head as JSON, for a card."""
        return {"kind": self.kind, **asdict(self)}  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Makes the head that `to_dict` wrote."""
        return cls(**fields)

    def renamed(self, name: str) -> Self:
        """Returns the head for the same answers under another name."""
        return replace(self, name=name)  # type: ignore[type-var]

    # The network

    @property
    @abstractmethod
    def width(self) -> int:
        """Number of values that the network gives for a face."""

    @abstractmethod
    def output(self, features: Any) -> Any:
        """Adds the head's layers to a Keras network: features (n, F) -> (n, width), float32."""

    def __str__(self) -> str:
        return f"{self.name} ({self.width})"

    @property
    def description(self) -> str:
        """Name and what can be answered, for people."""
        return f"{self.name} ({self.width} classes)"

    # Labels

    @abstractmethod
    def mismatch(self, declared: tuple[str, ...] | str) -> str | None:
        """Tells why labels that a data set declares cannot be learned; None if they can.

        Args:
            declared: the class names, or the unit of a number.
        """

    @abstractmethod
    def encode(self, label: Label) -> float:
        """Returns the number that stands for a label. Raises LabelError with the reason if none does."""

    @abstractmethod
    def label_name(self, encoded: float) -> str | int | float:
        """Returns the label for people: a class name or a number."""

    @abstractmethod
    def strata(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Returns the class (n,) of each known label (n,) that balanced sampling counts."""

    # Answers

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the CSV columns that `Answer.row` fills."""

    @abstractmethod
    def decode(self, rows: Rows) -> list[Answer]:
        """Returns the n answers that the network's rows (n, width) stand for."""

    def fit_temperature(self, rows: Rows, truth: NDArray[Any]) -> float | None:
        """Fits the calibration's one parameter to rows (n, width) and known labels (n,); None if there is none."""
        return None

    def tempered(self, rows: Rows, temperature: float) -> NDArray[np.float64]:
        """Applies a temperature to rows (n, width); the answer itself stays, only its certainty changes."""
        return rows.astype(np.float64)

    def narrowed(self, rows: Rows, temperature: float) -> NDArray[np.float64]:
        """Narrows an interval to averaged evidence; heads without an interval return their rows (n, width)."""
        return rows.astype(np.float64)

    # Figures, from known labels only

    @abstractmethod
    def measures(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, float | None]:
        """Returns the head's figures for rows (n, width) and labels (n,): plain, rounded, None where n is 0."""

    @abstractmethod
    def outcomes(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> NDArray[np.float64]:
        """Returns what each record (n,) adds to the mean that is the main measure."""

    def group_outcomes(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
        """Returns measure -> what each record (n,) adds to its mean, for the measures that groups have."""
        return {self.main_measure: self.outcomes(rows, truth)}

    @abstractmethod
    def validation_loss(self, measures: Mapping[str, float | None]) -> float:
        """Returns the head's part of the loss by which the best epoch is chosen."""

    @abstractmethod
    def badness(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> NDArray[np.float64]:
        """Returns how far each answer (n,) is from its label; 0 if it is right."""

    @abstractmethod
    def groups(self, labels: NDArray[Any]) -> dict[str, NDArray[np.bool_]]:
        """Returns class or band -> which labels (n,) belong to it."""

    @abstractmethod
    def interval(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> tuple[float | None, float | None]:
        """Returns the 95 % interval of the main measure over n > 0 records."""

    @abstractmethod
    def report(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, Any]:
        """Returns the head's part of a report, for n > 0 records.

        Returns:
            `intervals`: measure -> its 95 % interval, where it has one; `table`: rows of figures for each class or band
            and for all, column -> value; `groups` and `confusion`: which of them is answered as which; the rest are
            tables and curves, which the page draws by their names.
        """

    def whole_figures(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, Any]:
        """Returns figures that belong to the whole evaluation rather than to this head."""
        return {}


def mean(values: NDArray[Any], decimals: int = 4) -> float | None:
    """Returns the rounded mean of (n,), None where n is 0."""
    return round(float(values.mean()), decimals) if len(values) else None


def cross_entropy(rows: NDArray[np.float64], classes: NDArray[np.integer]) -> NDArray[np.float64]:
    """Returns the natural cross-entropy (n,) of the one true class in rows (n, classes)."""
    chosen = rows[np.arange(len(rows)), classes]
    return np.log(1 / np.clip(chosen, LEAST_PROBABILITY, 1))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns probabilities (n, classes)."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def log_probabilities(rows: Rows) -> NDArray[np.float64]:
    """Returns the logarithm of probabilities (n, classes), bounded below."""
    return np.log(np.clip(rows.astype(np.float64), LEAST_PROBABILITY, 1))


# Of heads that answer with a distribution over classes, where they are trained


def softmax_output(head: Head, features: Any) -> Any:
    """Adds one softmax layer to a Keras network: features (n, F) -> (n, width)."""
    from keras import layers

    # float32 whatever the policy: small probabilities decide the loss.
    return layers.Dense(head.width, activation="softmax", dtype="float32", name=head.name)(features)


def cross_entropy_loss(targets: Any, outputs: Any) -> Any:
    """Returns the cross-entropy (n,) of Keras tensors (n, width)."""
    from keras import ops

    return -ops.sum(targets * ops.log(ops.maximum(outputs, LEAST_PROBABILITY)), axis=-1)
