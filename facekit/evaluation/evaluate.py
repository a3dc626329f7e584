"""Runs weights on labelled faces; calibrates and tests them, and writes the result into their card."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import DataError, UnknownNameError, UsageError, WeightsError, lookup
from facekit.core.files import write_text
from facekit.core.lazy_imports import from_extra
from facekit.datasets import DATASETS
from facekit.datasets.mixture import load_faces
from facekit.datasets.records import Dataset, Faces, Listing, usable_records
from facekit.datasets.source import DataSource
from facekit.datasets.split_rule import SplitRule
from facekit.datasets.splits import SIDES, choose_side, count_dropped, split_sides
from facekit.evaluation.calibration import LEAST_RECORDS, fit_calibration
from facekit.evaluation.metrics import evaluate
from facekit.evaluation.model_card import model_card
from facekit.faces.batch import FaceBatch
from facekit.faces.chips import AlignedChip
from facekit.heads import MISSING, Head, select_heads
from facekit.networks.cards import DEFAULT_WEIGHTS, Card, read_card
from facekit.networks.runtimes import check_installed, load_runtime

if TYPE_CHECKING:
    from facekit.networks.hdf5 import Tensors
    from facekit.networks.runtimes.runtime import Runtime

# n faces, or their chips (n, H, W, 3), and head's name -> encoded labels (n,).
LabelledFaces = tuple[FaceBatch | NDArray[np.uint8], Mapping[str, NDArray[np.generic]]]


@dataclass(frozen=True)
class Predictions:
    """Labelled faces and the outputs of a network for them.

    Args:
        card: of the network.
        heads: those that are evaluated.
        dataset, split: where the faces are from.
        faces: n of them.
        outputs: head's name -> (n, width), calibrated.
    """

    card: Card
    heads: Sequence[Head]
    dataset: str
    split: str
    faces: Faces
    outputs: Mapping[str, NDArray[np.floating]]

    @cached_property
    def labels(self) -> dict[str, NDArray[np.generic]]:
        """Head's name -> encoded labels (n,), MISSING where unknown."""
        return self.faces.labels(self.heads)

    @cached_property
    def figures(self) -> dict[str, Any]:
        """Figures as `evaluate` returns them, with `split`, `dropped`, and a `note` where they are too good."""
        figures = evaluate(self.heads, self.outputs, self.labels)
        return _with_protocol(figures, self.card, self.dataset, self.split, self.faces.dropped)


def name_collections(dataset: str | None, given: Sequence[str]) -> dict[str, str | None]:
    """Returns data set -> path of each collection that a user names; None for its usual path.

    Args:
        dataset: of a single path; None for UTKFace.
        given: a path, or NAME=PATH for each of several data sets.

    Raises:
        UsageError: a path does not say which of several data sets it belongs to.
    """
    if len(given) < 2 and not any(path.partition("=")[0] in DATASETS for path in given):
        return {dataset or "utkface": given[0] if given else None}
    named = dict(path.partition("=")[::2] for path in given)
    if len(named) < len(given) or not all(name in DATASETS and path for name, path in named.items()):
        raise UsageError(
            f"Each of several data sets needs NAME=PATH, with another NAME of {', '.join(DATASETS)}. "
            f"Received: {', '.join(given)}.",
            argument="data",
        )
    if dataset is not None:
        raise UsageError(f"NAME=PATH names the data set. Received {dataset}, too.", argument="dataset")
    return dict(named)


def predict_dataset(
    weights: str | Path | None,
    dataset: str,
    data: str | None,
    split: str,
    heads: Sequence[str] | None,
    detector: str | None,
) -> Predictions:
    """Runs a weights file on a data set.

    Args:
        weights: None for those shipped.
        dataset: a key of `facekit.datasets.DATASETS`.
        data: its folder, archive or table; a pattern means its first match; None for its usual path.
        split: a side of the split that the weights' card describes, or "all".
        heads: names of those to evaluate, None for all; with other labels, such as `real_age` of APPA-REAL.
        detector: finds the faces, "whole_image" if the pictures are chips; None for the one of the training, or what
            the data set needs.

    Raises:
        WeightsError: the weights cannot be used.
        DataError: the data cannot be read, nothing of it is on that side, or it has no label for a head that is named.
        UnknownNameError: no such data set, detector, side or head.
    """
    if split not in (*SIDES, "all"):
        raise UnknownNameError("split", split, (*SIDES, "all"))
    path = Path(weights or DEFAULT_WEIGHTS)
    card = read_card(path)
    check_installed(path, card, "auto")
    twins = _twins(card.network.heads, lookup("dataset", dataset, DATASETS))
    known = [*card.network.heads, *twins]
    selected = select_heads(known, heads)
    faces = _read(card, dataset, data, detector)
    if twins:
        _count_unknown(faces, known)
    faces = choose_side(faces, split, card.seed)
    if heads is not None:
        _check_labels(faces, known, heads)
    outputs = load_runtime(path).predict(faces.chips)
    answers = {head.name: outputs[twins.get(head, head.name)] for head in selected}
    return Predictions(card, selected, dataset, split, faces, answers)


def _twins(heads: Sequence[Head], dataset: Dataset) -> dict[Head, str]:
    """Returns heads for other labels of a data set -> name of the head whose answers are compared with them too."""
    answering = {head.name: head for head in heads}
    return {
        answering[name].renamed(label): name
        for label, name in dataset.also_compared.items()
        if name in answering and label not in answering
    }


def _count_unknown(faces: Faces, heads: Sequence[Head]) -> None:
    """Makes labels missing that the heads do not know, and counts them among what was dropped; all records stay."""
    listing = Listing(faces.records, lambda names: iter(()), Counter(faces.dropped))
    faces.records, faces.dropped = usable_records(listing, heads, unknown_is_missing=True)


def calibrate_weights(weights: str | Path | None, dataset: str, data: str | None, detector: str | None) -> Card:
    """Calibrates and tests a weights file anew, as the end of its training does; its tensors stay.

    Args: as for `predict_dataset`.

    Raises:
        WeightsError: the file has no card of its own, was trained on other data sets, or cannot be read or written.
        DataError: the data cannot be read, or too few of them are on the validation side.
        MissingExtraError: SciPy is not installed.
    """
    with from_extra("train"):
        import scipy.optimize  # noqa: F401 - the heads use it last, after everything that takes long
    path = Path(weights or DEFAULT_WEIGHTS)
    card = read_card(path)
    if card.is_checkpoint:
        raise WeightsError(f"{path} has no card to hold a calibration. Train its network anew.", argument="weights")
    sources = card.data.get("sources") or [card.data]
    trained_on = [source["dataset"] for source in sources if "dataset" in source]
    if trained_on and dataset not in trained_on:  # its validation side may hold pictures that were trained on
        raise WeightsError(
            f"Weights are calibrated on what they were trained on, {', '.join(trained_on)}. Received: {dataset}.",
            argument="dataset",
        )
    if len(sources) > 1:
        raise WeightsError(
            f"Weights of several data sets ({', '.join(trained_on)}) are calibrated by their training. Train again.",
            argument="weights",
        )
    faces = _read(card, dataset, data, detector)
    sides, labels = split_sides(faces, card.seed), faces.labels(card.network.heads)
    validation, test = (
        (faces.chips[sides == side], {name: encoded[sides == side] for name, encoded in labels.items()})
        for side in ("validation", "test")
    )
    card = tested_card(load_runtime(path), validation, test, count_dropped(faces, sides))
    if not card.calibration.temperatures:
        raise DataError(
            f"A calibration needs {LEAST_RECORDS} labels or more on the validation side. "
            f"Received: {np.sum(sides == 'validation')} records. Add pictures.",
            argument="data",
        )
    return save_tested(card, path)


def tested_card(runtime: "Runtime", validation: LabelledFaces, test: LabelledFaces, dropped: dict[str, int]) -> Card:
    """Returns a network's card with a calibration, fitted on the validation side, and the figures of the test side.

    Args:
        runtime: runs the network.
        validation, test: faces and labels of the two sides.
        dropped: reason -> number of records that could not be used, for the figures.
    """
    heads = runtime.card.network.heads
    faces, labels = validation
    calibration = fit_calibration(heads, runtime.predict_raw(faces), labels)
    faces, labels = test
    figures = evaluate(heads, calibration.apply(heads, runtime.predict_raw(faces)), labels)
    figures = _with_protocol(figures, runtime.card, runtime.card.data.get("dataset", ""), "test", dropped)
    return replace(runtime.card, calibration=calibration, figures=figures)


def _with_protocol(
    figures: Mapping[str, Any], card: Card, datasets: str, split: str, dropped: Mapping[str, int]
) -> dict[str, Any]:
    """Returns figures with their split, what was dropped, and a note if the weights have seen the test side."""
    seen = sorted(card.seen_test_sides & set(datasets.split(", ")))
    trained = f"The weights, or those they started from, were trained on nine tenths of {', '.join(seen)}"
    note = {"note": f"{trained}: figures are too good."} if seen else {}
    return {"n": figures["n"], "split": split, **note, "dropped": dropped, **figures}


def save_tested(card: Card, path: Path) -> Card:
    """Replaces the card of a weights file, whole or not at all, and writes the model card beside it.

    Raises:
        WeightsError, FaceKitError: one of the two cannot be written.
    """
    from facekit.networks.weights import read_tensors

    return save_with_model_card(read_tensors(path), card, path)


def save_with_model_card(tensors: "Tensors", card: Card, path: Path) -> Card:
    """Writes a weights file as `save_weights` does, and the model card beside it; raises as `save_tested`."""
    from facekit.networks.weights import save_weights

    card = save_weights(tensors, card, path)
    write_text(str(path.with_suffix(".md")), model_card(card))
    return card


def _check_labels(faces: Faces, heads: Sequence[Head], names: Sequence[str]) -> None:
    """Refuses heads that no record has a label for."""
    labels = faces.labels(heads)
    labelled = [name for name, encoded in labels.items() if (encoded != MISSING).any()]
    if lacking := [name for name in names if name not in labelled]:
        raise DataError(
            f"None of these {len(faces.records):,} records has a label for {' or '.join(lacking)}. "
            f"They have labels for {', '.join(labelled)}.",
            argument="heads",
        )


def _read(card: Card, dataset: str, data: str | None, detector: str | None) -> Faces:
    """Reads a data set as the card says that it was read; for all heads, as the split depends on the usable records."""
    known, unseen = card.source(dataset), card.detector
    if unseen == "whole_image" and isinstance(card.chip, AlignedChip):
        unseen = DATASETS[dataset].detector
    detector, unknown = detector or known.get("detector", unseen), known.get("unknown", DataSource.unknown)
    source = DataSource(dataset, data, detector=detector, unknown=unknown)
    if known:
        rule = SplitRule.from_card(known)
        validation, test = rule.validation_share, rule.test_share
        source = replace(source, split=rule.name, validation_share=validation, test_share=test)
    return load_faces(source, card.network.heads, card.network.input_size, card.chip)
