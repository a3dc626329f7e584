"""Heads, the outputs of a network. Each kind of head is one file; no other package asks which kind a head is."""

from collections.abc import Sequence
from typing import Any

from facekit.core.errors import UsageError, lookup
from facekit.heads.age import AgeAnswer, AgeHead, AgeLoss
from facekit.heads.answer import Answer
from facekit.heads.bands import BandAnswer, BandHead
from facekit.heads.categorical import ClassAnswer, ClassHead, ClassLoss
from facekit.heads.head import INTERVAL, MISSING, Head, Label, LabelError, Loss
from facekit.heads.number import NumberAnswer, NumberHead, NumberLoss
from facekit.heads.quantity import ADULT, AGE_BANDS, MINOR_THRESHOLD, YEARS

__all__ = [
    "ADULT",
    "AGE",
    "AGE_BANDS",
    "EXPRESSION",
    "GENDER",
    "HEADS",
    "INTERVAL",
    "MINOR_THRESHOLD",
    "MISSING",
    "RACE",
    "YEARS",
    "AgeAnswer",
    "AgeHead",
    "AgeLoss",
    "Answer",
    "BandAnswer",
    "BandHead",
    "ClassAnswer",
    "ClassHead",
    "ClassLoss",
    "Head",
    "Label",
    "LabelError",
    "Loss",
    "NumberAnswer",
    "NumberHead",
    "NumberLoss",
    "head_from_dict",
    "select_heads",
]

HEADS: dict[str, type[Head]] = {kind.kind: kind for kind in (AgeHead, BandHead, ClassHead, NumberHead)}

AGE = AgeHead()
GENDER = ClassHead("gender", ("Male", "Female"))
EXPRESSION = ClassHead("expression", ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"))
RACE = ClassHead("race", ("White", "Black", "Asian", "Indian", "Others"))


def head_from_dict(fields: dict[str, Any]) -> Head:
    """Makes the head that `Head.to_dict` wrote. Raises UnknownNameError for an unknown kind."""
    fields = dict(fields)
    return lookup("kind of head", fields.pop("kind"), HEADS).from_dict(fields)


def select_heads(heads: Sequence[Head], names: Sequence[str] | None) -> list[Head]:
    """Returns the heads with these names, in the network's order; all of them for None.

    Raises:
        UnknownNameError: the network has no such head.
        UsageError: no name is given.
    """
    if names is None:
        return list(heads)
    known = {head.name: head for head in heads}
    for name in names:
        lookup("head", name, known)
    if not names:
        raise UsageError(f"Name at least one head. Received none. Choose from {', '.join(known)}.")
    return [head for head in heads if head.name in names]
