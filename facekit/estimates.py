"""Estimates of the faces of a picture, and the faces as networks want them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.faces.batch import FaceBatch
from facekit.faces.chips import ChipConfig
from facekit.faces.detectors import Box
from facekit.faces.images import Item, Picture, read_picture
from facekit.heads import Answer


@dataclass(frozen=True)
class FaceEstimate:
    """The estimates for one face.

    Args:
        box: left, top, right, bottom in the upright picture, pixels; right and bottom are exclusive.
        score: of the detector; None for `whole_image`.
        answers: head's name -> answer, in the networks' order.
        quality: of the view, 0 to 1: 1 / quality is about the factor by which its faults raise the squared errors.

    Raises:
        ValueError: the box is empty, or the score is not a number.
    """

    box: Box
    score: float | None
    answers: dict[str, Answer]
    quality: float | None = None

    def __post_init__(self) -> None:
        left, top, right, bottom = self.box
        if not (left < right and top < bottom):
            raise ValueError(f"A box must have left < right and top < bottom. Received: {self.box}.")
        if self.score is not None and not np.isfinite(self.score):
            raise ValueError(f"A detector's score must be finite, or None. Received: {self.score}.")

    @property
    def age(self) -> Any:
        """The answer of the head "age", an `AgeAnswer` of the default weights; None where the head was left out."""
        return self.answers.get("age")

    @property
    def gender(self) -> Any:
        """The answer of the head "gender", as `age`."""
        return self.answers.get("gender")

    @property
    def race(self) -> Any:
        """The answer of the head "race", as `age`."""
        return self.answers.get("race")

    @property
    def expression(self) -> Any:
        """The answer of the head "expression", as `age`; the default weights have none."""
        return self.answers.get("expression")

    @property
    def unsure(self) -> tuple[str, ...]:
        """Names of the heads whose answers are unsure."""
        return tuple(name for name, answer in self.answers.items() if answer.unsure)

    def to_dict(self) -> dict[str, Any]:
        """Returns JSON: box, score, quality, and each answer under its head's name."""
        score, quality = (None if value is None else round(value, 3) for value in (self.score, self.quality))
        answers = {name: answer.to_dict() for name, answer in self.answers.items()}
        return {"box": list(self.box), "score": score, "quality": quality, **answers}


@dataclass(frozen=True)
class PictureEstimate:
    """One picture of a batch.

    Args:
        source: what was read, or the picture itself.
        width, height: of the upright picture, pixels.
        faces: from left to right.
    """

    source: Item
    width: int
    height: int
    faces: list[FaceEstimate]

    @cached_property
    def picture(self) -> Picture:
        """RGB uint8 (H, W, 3), upright; where another process answered, it is read again. Raises PictureError."""
        return read_picture(self.source)


@dataclass(frozen=True)
class Cut:
    """n faces of one picture, cut as each network wants them.

    Args:
        batches: chip rule -> the same faces cut by it, the first network's rule first.
        quality: of each view, 0 to 1, by the chips of the first network.
    """

    batches: Mapping[ChipConfig, FaceBatch]
    quality: Sequence[float]

    @property
    def chips(self) -> Picture:
        """RGB uint8 (n, S, S, 3) of the first network."""
        return next(iter(self.batches.values())).chips

    @property
    def landmarks(self) -> NDArray[np.float32] | None:
        """(n, 5 | 68, 2) x and y in the picture, pixels; None where the first network's faces are not aligned."""
        return next(iter(self.batches.values())).landmarks
