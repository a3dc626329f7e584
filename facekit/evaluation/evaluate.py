"""Weights and labelled faces -> what the network answers on them; and the card, calibrated and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import DataError, UnknownNameError, WeightsError
from facekit.core.files import write_text
from facekit.datasets import load_faces
from facekit.datasets.records import Faces
from facekit.datasets.splits import SIDES, choose_side, count_dropped, split_sides
from facekit.evaluation.metrics import evaluate
from facekit.evaluation.model_card import model_card
from facekit.heads import Head, select_heads
from facekit.networks.calibration import LEAST_RECORDS, Calibration
from facekit.networks.cards import DEFAULT_WEIGHTS, ORIGINAL_CARD, Card, read_card
from facekit.networks.runtimes import load_runtime

if TYPE_CHECKING:
    from facekit.networks.runtimes.runtime import Runtime

# Chips (n, S, S, 3) and head's name -> labels (n,).
Labelled = tuple[NDArray[np.uint8], Mapping[str, NDArray[np.integer]]]


@dataclass(frozen=True)
class Answers:
    """Labelled faces and what a network answers on them.

    Args:
        card: of the network.
        heads: those that are judged.
        dataset, split: where the faces are from.
        faces: n of them.
        probabilities: head's name -> (n, classes), calibrated.
    """

    card: Card
    heads: Sequence[Head]
    dataset: str
    split: str
    faces: Faces
    probabilities: Mapping[str, NDArray[np.floating]]

    @cached_property
    def labels(self) -> dict[str, NDArray[np.int16]]:
        """Head's name -> (n,)."""
        return self.faces.labels(self.heads)

    @cached_property
    def figures(self) -> dict[str, Any]:
        """As `evaluate` gives them, with `split` and what was `dropped`."""
        figures = evaluate(self.heads, self.probabilities, self.labels)
        return {"n": figures["n"], "split": self.split, "dropped": self.faces.dropped, **figures}


def answer_faces(
    weights: str | Path | None, dataset: str, data: str, split: str, heads: Sequence[str] | None, detector: str | None
) -> Answers:
    """What a weights file answers on a data set.

    Args:
        weights: None for those shipped.
        dataset, data: as for `facekit.datasets.load_faces`.
        detector: likewise; None for the one that the weights were trained with.
        split: a side of the split that the weights' card describes, or "all".
        heads: names of those to judge, None for all.

    Raises:
        WeightsError, DataError: one of the two cannot be read.
        UnknownNameError: no such data set, detector, side or head.
    """
    if split not in (*SIDES, "all"):
        raise UnknownNameError("split", split, (*SIDES, "all"))
    path = Path(weights or DEFAULT_WEIGHTS)
    card = read_card(path)
    judged = select_heads(card.network.heads, heads)
    faces = choose_side(_read(card, dataset, data, detector), split, card.seed)
    probabilities = load_runtime(path).predict(faces.chips)
    return Answers(card, judged, dataset, split, faces, {head.name: probabilities[head.name] for head in judged})


def calibrate_weights(weights: str | Path | None, dataset: str, data: str, detector: str | None) -> Card:
    """Calibrates and judges a weights file anew, as the end of its training does; its tensors stay.

    Args: as for `answer_faces`.

    Raises:
        WeightsError: the file has no card of its own, was trained on another data set, or cannot be read or written.
        DataError: the data cannot be read, or too few of them are on the validation side.
    """
    path = Path(weights or DEFAULT_WEIGHTS)
    card = read_card(path)
    if card == ORIGINAL_CARD:
        raise WeightsError(f"{path} has no card to write a calibration to. Train it again with face_train.py.")
    trained_on = card.data.get("dataset", dataset)
    if dataset != trained_on:  # its validation side may hold pictures that were trained on
        raise WeightsError(f"Weights are calibrated on what they were trained on, {trained_on}. Received: {dataset}.")
    faces = _read(card, dataset, data, detector)
    sides, labels = split_sides(faces, card.seed), faces.labels(card.network.heads)
    validation, test = (
        (faces.chips[sides == side], {name: rows[sides == side] for name, rows in labels.items()})
        for side in ("validation", "test")
    )
    card = judged_card(load_runtime(path), validation, test, count_dropped(faces, sides))
    if not card.calibration.temperatures:
        raise DataError(
            f"A calibration needs {LEAST_RECORDS} labels or more on the validation side. "
            f"Received: {np.sum(sides == 'validation')} records."
        )
    return save_judged(card, path)


def judged_card(runtime: "Runtime", validation: Labelled, test: Labelled, dropped: dict[str, int]) -> Card:
    """The card of a network, with a calibration fitted on the validation side and the figures of the test side."""
    heads = runtime.card.network.heads
    chips, labels = validation
    calibration = Calibration.fit(heads, runtime.predict_raw(chips), labels)
    chips, labels = test
    figures = evaluate(heads, calibration.apply(heads, runtime.predict_raw(chips)), labels)
    figures = {"n": figures["n"], "split": "test", "dropped": dropped, **figures}
    return replace(runtime.card, calibration=calibration, figures=figures)


def save_judged(card: Card, path: Path) -> Card:
    """Gives a weights file another card, whole or not at all, and writes the model card beside it.

    Raises:
        WeightsError, FaceKitError: one of the two cannot be written.
    """
    from facekit.networks.weights import read_tensors, save_weights

    card = save_weights(read_tensors(path), card, path)
    write_text(str(path.with_suffix(".md")), model_card(card))
    return card


def _read(card: Card, dataset: str, data: str, detector: str | None) -> Faces:
    """For all heads, whichever are judged: the split depends on which records are usable."""
    return load_faces(dataset, data, card.network.heads, card.network.input_size, detector or card.detector)
