"""Heads that answer one of several classes, e.g. gender."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import UsageError
from facekit.heads import statistics
from facekit.heads.answer import LIKELIEST, LIMITS, REST, Answer, Line, Segment
from facekit.heads.head import (
    LOG_TEMPERATURES,
    MISSING,
    Head,
    Label,
    LabelError,
    Loss,
    Rows,
    cross_entropy,
    cross_entropy_loss,
    log_probabilities,
    mean,
    softmax,
    softmax_output,
)

SELF_EXPLAINING = {"expression", "gender", "race"}  # heads whose classes are understood without the head's name
MOST_CERTAIN = 0.99  # shown at most: an estimate is never certain
HELD_PROBABILITY = 0.03  # change of a probability below which a video keeps what it shows
LEAD = 0.05  # by which another class must be likelier than the one shown


@dataclass(frozen=True)
class ClassAnswer(Answer):
    """The likeliest class and the probability of each."""

    label: str
    probability: float
    probabilities: dict[str, float]

    def values(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "probability": round(self.probability, 4),
            "probabilities": {name: round(p, 4) for name, p in self.probabilities.items()},
        }

    def fields(self, name: str) -> dict[str, Any]:
        return {name: self.label, f"{name}_probability": round(self.probability, 4)}

    def line(self, name: str, words: Mapping[str, str]) -> Line:
        text = words.get(self.label, self.label)
        if name not in SELF_EXPLAINING:
            text = f"{words.get(name, name)}: {text}"
        return text, self.shown_probability

    @property
    def shown_probability(self) -> str:
        return f"{min(self.probability, MOST_CERTAIN):.0%}"

    def cell(self) -> str:
        return f"{self.label} {self.shown_probability}"

    def segments(self) -> Iterator[Segment]:
        start = 0.0
        for label, probability in (self.probabilities or {self.label: self.probability}).items():
            end = min(1.0, start + probability)
            yield start, end, LIKELIEST if label == self.label else REST
            start = end

    def settled(self, shown: Answer | None) -> Answer:
        label, now = self.label, self.probabilities
        if isinstance(shown, ClassAnswer) and shown.probabilities.keys() == now.keys():
            label = shown.label if self.probability - now.get(shown.label, 0) < LEAD else self.label
            is_near = all(abs(now[name] - last) < HELD_PROBABILITY for name, last in shown.probabilities.items())
            if is_near and label == shown.label and self.unsure == shown.unsure:
                return shown
        rounded = {name: round(probability, 2) for name, probability in now.items()}
        return replace(self, label=label, probability=rounded.get(label, self.probability), probabilities=rounded)

    def widest(self) -> list[Answer]:
        sure = replace(self, probability=0.88, probabilities={}, unsure=False)
        return [self.doubted(), *(replace(sure, label=label) for label in self.probabilities or [self.label])]

    def compact(self) -> "ClassAnswer":
        return replace(self, probabilities={})


@dataclass(frozen=True, kw_only=True)
class ClassLoss(Loss):
    """Cross-entropy.

    Args:
        weight: factor of the head in the sum of losses.
        smoothing: share of a target that is spread evenly over all classes (Szegedy et al. 2016, section 7).
    """

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.smoothing >= 1:
            raise UsageError(f"ClassLoss.smoothing must be less than 1. Received: {self.smoothing}.")

    def targets(self, head: "Categorical", labels: NDArray[np.floating | np.integer]) -> NDArray[np.float32]:
        sharp = labels[:, None] == np.arange(head.width)
        smooth = sharp * (1 - self.smoothing) + (labels != MISSING)[:, None] * self.smoothing / head.width
        return smooth.astype(np.float32)

    def __call__(self, head: "Categorical", targets: Any, outputs: Any) -> Any:
        return cross_entropy_loss(targets, outputs)


class Categorical(Head):
    """Base class of heads that answer one of several classes.

    Attributes:
        answer: class of its answers.
        classes: English names, by which labels are encoded.
    """

    main_measure: ClassVar[str] = "accuracy"
    groups_by: ClassVar[str] = "classes"
    loss: ClassVar[type[Loss]] = ClassLoss
    answer: ClassVar[type[ClassAnswer]] = ClassAnswer
    classes: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.classes)

    def output(self, features: Any) -> Any:
        return softmax_output(self, features)

    # Labels

    def mismatch(self, declared: tuple[str, ...] | str) -> str | None:
        if isinstance(declared, str):
            return f"{self.name} in {declared}, and the head answers {', '.join(self.classes)}"
        known = {label.casefold() for label in self.classes}
        unknown = [label for label in declared if label.casefold() not in known]
        if unknown:
            return f"{self.name} {', '.join(map(repr, unknown))}, and the head knows {', '.join(self.classes)}"
        return None

    def encode(self, label: Label) -> int:
        wanted = str(label).casefold()
        for number, name in enumerate(self.classes):
            if name.casefold() == wanted:
                return number
        raise LabelError(f"unknown {self.name}")

    def label_name(self, encoded: float) -> str:
        return self.classes[int(encoded)]

    def strata(self, labels: NDArray[Any]) -> NDArray[Any]:
        return labels

    # Answers

    @property
    def columns(self) -> tuple[str, ...]:
        return self.name, f"{self.name}_probability"

    def decode(self, rows: Rows) -> list[Answer]:
        return [
            self.answer(
                self.classes[int(row.argmax())],
                float(row.max()),
                dict(zip(self.classes, row.tolist(), strict=True)),
                unsure=bool(row.max() < LIMITS.minimum_probability),
            )
            for row in rows
        ]

    def fit_temperature(self, rows: Rows, truth: NDArray[Any]) -> float:
        """Minimises the negative log-likelihood (Guo et al. 2017, section 4.2)."""
        from scipy.optimize import minimize_scalar

        def loss(log_temperature: float) -> float:
            return float(cross_entropy(self.tempered(rows, math.exp(log_temperature)), truth).mean())

        return math.exp(minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded").x)

    def tempered(self, rows: Rows, temperature: float) -> NDArray[np.float64]:
        return softmax(log_probabilities(rows) / temperature)

    # Figures

    def measures(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, float | None]:
        answers = rows.argmax(axis=1)
        scores = []
        for number in np.union1d(answers, truth):
            hits = np.sum((answers == number) & (truth == number))
            scores.append(2 * hits / (np.sum(answers == number) + np.sum(truth == number)))
        return {
            "accuracy": mean(answers == truth),
            "cross_entropy": mean(cross_entropy(rows, truth)),
            "macro_f1": mean(np.array(scores)),
            "ece": statistics.calibration_error(rows, truth),
        }

    def outcomes(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> NDArray[np.float64]:
        return (rows.argmax(axis=1) == truth).astype(np.float64)

    def validation_loss(self, measures: Mapping[str, float | None]) -> float:
        return measures["cross_entropy"] or 0.0

    def badness(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> NDArray[np.float64]:
        badness = 1 - rows[np.arange(len(truth)), truth]
        badness[rows.argmax(axis=1) == truth] = 0
        return badness

    def groups(self, labels: NDArray[Any]) -> dict[str, NDArray[np.bool_]]:
        return {name: labels == number for number, name in enumerate(self.classes)}

    def interval(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> statistics.Interval:
        return statistics.wilson(int((rows.argmax(axis=1) == truth).sum()), len(truth))

    def report(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, Any]:
        confusion = statistics.confusion(self.groups(truth), self.groups(rows.argmax(axis=1)))
        return {
            "intervals": self._intervals(rows, truth),
            "table": self._table(np.array(confusion["confusion"])),
            **confusion,
            "reliability": statistics.reliability(rows, truth),
            "ece_by_chance": statistics.least_calibration_error(rows),
        }

    def _table(self, confusion: NDArray[np.integer]) -> list[dict[str, Any]]:
        """Returns precision, recall, F1 and support of each class, and their means over the classes that have them."""
        hits, answered, support = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
        with np.errstate(invalid="ignore"):  # a class that does not occur
            scores = {"precision": hits / answered, "recall": hits / support, "f1": 2 * hits / (answered + support)}
        rows = list(zip(self.classes, np.eye(self.width), support, strict=True))
        rows.append(("macro average", np.ones(self.width), support.sum()))
        rows.append(("weighted average", support, support.sum()))
        return [
            {
                "class": title,
                **{name: statistics.known_mean(scores[name], weights) for name in scores},
                "support": int(n),
            }
            for title, weights, n in rows
        ]

    def _intervals(self, rows: NDArray[np.float64], truth: NDArray[Any]) -> dict[str, statistics.Interval]:
        """Bootstraps the measures but the calibration error: resampling adds to it, as chance does."""
        classes, answers = np.arange(self.width), rows.argmax(axis=1)
        answered, true = answers[:, None] == classes, truth[:, None] == classes
        sums = statistics.resampled_sums(np.hstack([answered & true, answered, true]))
        hits, answered, true = np.split(sums, 3, axis=1)
        with np.errstate(invalid="ignore"):  # a class that does not occur
            f1 = np.nanmean(2 * hits / (answered + true), axis=1)
        return {
            "accuracy": statistics.central(hits.sum(axis=1) / len(truth)),
            "macro_f1": statistics.central(f1),
            "cross_entropy": statistics.mean_interval(cross_entropy(rows, truth)),
        }


@dataclass(frozen=True)
class ClassHead(Categorical):
    """One of several classes.

    Args:
        name: key of the head in labels, answers and JSON.
        classes: English class names; labels are encoded by name.

    Raises:
        UsageError: fewer than two classes, or one that is named twice.
    """

    kind: ClassVar[str] = "class"

    name: str
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len({label.casefold() for label in self.classes}) < max(2, len(self.classes)):
            raise UsageError(f"A head needs two or more different classes. Received for {self.name}: {self.classes}.")

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "ClassHead":
        return cls(**{**fields, "classes": tuple(fields["classes"])})
