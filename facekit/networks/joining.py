"""Joins two trained networks in one, which answers the heads of both in one pass."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from facekit.core.errors import WeightsError
from facekit.faces.chips import AlignedChip
from facekit.networks.calibration import Calibration
from facekit.networks.cards import Card, read_card
from facekit.networks.weights import read_tensors, save_weights

SIDES = ("train", "validation", "test")


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
    first, second = read_card(trunk), read_card(branch)
    for path, card in ((trunk, first), (branch, second)):
        if not isinstance(card.chip, AlignedChip) or card.chip.padding != AlignedChip.padding:
            raise WeightsError(f"Networks of aligned chips can be joined. Received: {path}, of another chip rule.")
    if first.seed != second.seed:
        raise WeightsError(f"Networks of one seed can be joined. Received: {first.seed} and {second.seed}.")
    tensors, added = read_tensors(trunk), read_tensors(branch)
    if same := sorted(tensors.keys() & added.keys()):
        raise WeightsError(f"Networks without a tensor of one name can be joined. Received: {', '.join(same[:3])}.")
    network = replace(first.network, heads=first.network.heads + second.network.heads, branches=(second.network,))
    card = replace(
        first,
        name=output.stem,
        network=network,
        data=_joined_data(first.data, second.data),
        training={**first.training, "branch": second.training},
        calibration=Calibration(
            {**first.calibration.temperatures, **second.calibration.temperatures},
            first.calibration.records + second.calibration.records,
        ),
        figures=_joined_figures(first.figures, second.figures),
    )
    return save_weights({**tensors, **added}, card, output)


def _joined_data(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the card says of the data of both: their sources, and sums over them."""
    both = (first, second)
    sources = [source for data in both for source in data.get("sources") or [data]]
    return {
        **first,
        "dataset": ", ".join(dict.fromkeys(str(data["dataset"]) for data in both)),
        **{side: sum(data.get(side, 0) for data in both) for side in SIDES},
        "dropped": dict(Counter(first.get("dropped", {})) + Counter(second.get("dropped", {}))),
        "split_rule": " ".join(dict.fromkeys(str(data["split_rule"]) for data in both)),
        "notes": [note for data in both for note in data.get("notes", [])],
        "sources": sources,
    }


def _joined_figures(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the figures of both, each of its own test side."""
    joined = {**second, **first, "n": first.get("n", 0) + second.get("n", 0)}
    return {**joined, **{key: {**second.get(key, {}), **first.get(key, {})} for key in ("dropped", "groups")}}
