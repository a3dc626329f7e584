"""Makes one network of trained ones: the mean of several, or two joined in one pass."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from facekit.core.errors import WeightsError
from facekit.faces.chips import AlignedChip
from facekit.networks.calibration import Calibration
from facekit.networks.cards import Card, read_card
from facekit.networks.weights import read_tensors, save_weights

SIDES = ("train", "validation", "test")


def average_weights(paths: Sequence[Path], output: Path) -> Card:
    """Writes the mean of networks that were trained from one start (Wortsman et al. 2022, Model soups).

    Args:
        paths: weights files of the same network, trained on the same data.
        output: the file that is written; the weights are named after it. Their card is that of the first file, without
            calibration and figures, and holds how each was trained.

    Raises:
        WeightsError: a file cannot be used or written, or the networks or their data differ.
    """
    cards = [_read_own_card(path) for path in paths]
    first = cards[0]
    for path, card in zip(paths, cards, strict=True):
        if (card.network, card.chip, card.data) != (first.network, first.chip, first.data):
            raise WeightsError(f"Weights of one network and the same data can be averaged. Received: {path}.")
    tensors = [read_tensors(path) for path in paths]
    mean = {name: np.stack([part[name] for part in tensors]).astype(np.float32).mean(axis=0) for name in tensors[0]}
    training = {**first.training, "mean_of": [card.training for card in cards]}
    card = replace(first, name=output.stem, training=training, calibration=Calibration(), figures={})
    return save_weights(mean, card, output)


def join_weights(trunk: Path, branch: Path, output: Path) -> Card:
    """Writes one network that answers the heads of two: the second becomes a branch of the first.

    The branch gets the picture averaged down to its input size. Both keep their calibration and their figures.

    Args:
        trunk: weights file of aligned chips.
        branch: weights file of aligned chips, whose input size is a whole fraction of the first.
        output: the file that is written; the weights are named after it.

    Returns:
        The card of what was written.

    Raises:
        WeightsError: a file cannot be used or written, the two have tensors of one name, want other chips or were split
            with other seeds.
        UsageError: they share a head, or the input sizes do not fit.
    """
    first, second = _read_own_card(trunk), _read_own_card(branch)
    for path, card in ((trunk, first), (branch, second)):
        if not isinstance(card.chip, AlignedChip) or card.chip.padding != AlignedChip.padding:
            raise WeightsError(f"Networks of aligned chips can be joined. Received: {path}, of another chip rule.")
    if first.seed != second.seed:
        raise WeightsError(f"Networks of one seed can be joined. Received: {first.seed} and {second.seed}.")
    tensors, added = read_tensors(trunk), read_tensors(branch)
    if same := sorted(tensors.keys() & added.keys()):
        raise WeightsError(f"Networks without a tensor of one name can be joined. Received: {', '.join(same[:3])}.")
    network = replace(
        first.network,
        heads=first.network.heads + second.network.heads,
        branches=(*first.network.branches, second.network),
    )
    card = replace(
        first,
        name=output.stem,
        network=network,
        licence=" ".join(dict.fromkeys((first.licence, second.licence))),
        data=_joined_data(first.data, second.data),
        training={**first.training, "branch": second.training},
        calibration=Calibration(
            {**first.calibration.temperatures, **second.calibration.temperatures},
            first.calibration.records + second.calibration.records,
        ),
        figures=_joined_figures(first.figures, second.figures),
    )
    return save_weights({**tensors, **added}, card, output)


def _read_own_card(path: Path) -> Card:
    card = read_card(path)
    if card.is_checkpoint:
        raise WeightsError(f"{path} is another program's checkpoint, which can be neither averaged nor joined.")
    return card


def _joined_data(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the card says of the data of both: their sources, and sums over them."""
    both = (first, second)
    sources = [source for data in both for source in data.get("sources") or [data]]
    return {
        **first,
        "dataset": ", ".join(dict.fromkeys(str(data["dataset"]) for data in both)),
        **{side: sum(data.get(side, 0) for data in both) for side in SIDES},
        "dropped": _sums(first, second),
        "split_rule": " ".join(dict.fromkeys(str(data["split_rule"]) for data in both)),
        "notes": [note for data in both for note in data.get("notes", [])],
        "sources": sources,
    }


def _joined_figures(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the figures of both, each of its own test side."""
    return {
        **first,
        **second,
        "n": first.get("n", 0) + second.get("n", 0),
        "dropped": _sums(first, second),
        "groups": {**first.get("groups", {}), **second.get("groups", {})},
    }


def _sums(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, int]:
    """Returns reason -> number of records that both dropped for it."""
    return dict(Counter(first.get("dropped", {})) + Counter(second.get("dropped", {})))
