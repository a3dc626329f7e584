"""The data of a training: faces of all sources in one array, their labels, and the sides of the split."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import TrainingError
from facekit.datasets.mixture import Mixture, load_mixture
from facekit.datasets.splits import SIDES, count_dropped
from facekit.datasets.store import Allocate
from facekit.heads import MISSING, Head
from facekit.recipes.recipe import Recipe
from facekit.training.sampling import sampling_weights

FEW_LABELS = 30  # of a class, or of a band of ages: fewer are told


@dataclass
class TrainingData:
    """n faces with their labels.

    Args:
        faces: chips, records and features of all sources; `take_chips` empties it.
        labels: head's name -> (n,) encoded labels.
        sides: "train", "validation" and "test" -> indices of the faces.
        source_index: (n,) the source of each face.
        dropped: for each source, reason -> number of records that are not used.
        notes: which heads and classes have no training labels, or few; and whether identical pictures disagree.
    """

    faces: Mixture
    labels: dict[str, NDArray[Any]]
    sides: dict[str, NDArray[np.integer]]
    source_index: NDArray[np.intp]
    dropped: list[dict[str, int]]
    notes: list[str]

    def side_labels(self, side: str) -> dict[str, NDArray[Any]]:
        """Returns head's name -> encoded labels of one side."""
        return {name: labels[self.sides[side]] for name, labels in self.labels.items()}

    @property
    def all_dropped(self) -> dict[str, int]:
        """Reason -> number of records of all sources that are not used."""
        return dict(sum(map(Counter, self.dropped), Counter[str]()))

    def learnable(self, recipe: Recipe) -> Recipe:
        """Returns the recipe without the heads for which no training record has a label, and without their losses."""
        labels = self.side_labels("train")
        heads = {head.name: head for head in recipe.network.heads if (labels[head.name] != MISSING).any()}
        losses = {name: loss for name, loss in recipe.training.losses.items() if name in heads}
        balance = recipe.training.balance if recipe.network.heads[0].name in heads else 0.0
        network = replace(recipe.network, heads=tuple(heads.values()))
        return replace(recipe, network=network, training=replace(recipe.training, losses=losses, balance=balance))

    def take_chips(self) -> NDArray[np.uint8]:
        """Returns the chips (n, H, W, 3) and forgets them: any view left here would keep all in host memory."""
        chips = self.faces.chips
        self.faces = replace(self.faces, parts=(), chips=np.empty(0, np.uint8))
        return chips

    def sampling_weights(self, recipe: Recipe) -> NDArray[np.float64] | None:
        """Returns how often an epoch shows each training chip, on average; None for once each."""
        index, balance = self.sides["train"], recipe.training.balance
        weights = np.array([source.weight for source in recipe.data])[self.source_index[index]]
        if balance:
            head = recipe.network.heads[0]
            weights = weights * sampling_weights(head, self.labels[head.name][index], balance)
        return None if np.ptp(weights) == 0 else weights / weights.mean()

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Returns what the card says of the data: all of it together, then each source."""
        sources = []
        for number, source in enumerate(recipe.data):
            entry = {name: value for name, value in source.to_dict().items() if name != "path"}
            counts = {side: int(np.sum(self.source_index[index] == number)) for side, index in self.sides.items()}
            sources.append({**entry, **counts, "dropped": self.dropped[number]})
        return {
            "dataset": ", ".join(dict.fromkeys(source.dataset for source in recipe.data)),
            "detector": recipe.data[0].detector,
            **{side: len(index) for side, index in self.sides.items()},
            "dropped": self.all_dropped,
            "split_rule": " ".join(dict.fromkeys(str(source.split_rule) for source in recipe.data)),
            "seed": recipe.training.seed,
            "notes": self.notes,
            "sources": sources,
        }


def read_data(recipe: Recipe, allocate: Allocate) -> TrainingData:
    """Reads the sources of a recipe and splits each by its own rule.

    Args:
        recipe: sources, heads, chips and seed.
        allocate: makes the array of the chips, once their number is known.

    Raises:
        DataError: a source cannot be used.
        TrainingError: a side of the split is empty.
    """
    network = recipe.network
    faces = load_mixture(recipe.data, network.heads, network.input_size, recipe.chip, network.features, allocate)
    side_of, source_index = faces.sides(recipe.training.seed), faces.source_index
    sides: dict[str, NDArray[np.integer]] = {side: np.flatnonzero(side_of == side) for side in SIDES}
    if missing := [side for side, index in sides.items() if not len(index)]:
        raise TrainingError(
            f"All sides of the split need pictures. Received {len(side_of)}, none for {', '.join(missing)}. "
            "Add some, or raise the share of that side."
        )
    dropped = [count_dropped(part, side_of[source_index == number]) for number, part in enumerate(faces.parts)]
    labels = faces.labels(network.heads)
    notes = _label_notes(network.heads, {name: rows[sides["train"]] for name, rows in labels.items()})
    if conflicts := [f"{name} in {count}" for name, count in faces.conflicts(network.heads).items() if count]:
        notes.append(f"identical pictures have different labels: {', '.join(conflicts)} groups of them")
    if recipe.training.balance and (labels[network.heads[0].name][sides["train"]] == MISSING).all():
        notes.append(f"nothing is balanced, as the recipe balances {network.heads[0].name}")
    return TrainingData(faces, labels, sides, source_index, dropped, notes)


def _label_notes(heads: Sequence[Head], labels: Mapping[str, NDArray[Any]]) -> list[str]:
    """Says for which heads there is no training label, and of which classes or bands there are few.

    Args:
        heads: of the recipe.
        labels: head's name -> (n,) encoded labels of the training side.
    """
    notes, few = [], []
    for head in heads:
        known = labels[head.name][labels[head.name] != MISSING]
        if not len(known):
            notes.append(f"no training record has a usable label for {head.name}: the network has no head {head.name}")
            continue
        counts = {name: int(inside.sum()) for name, inside in head.groups(known).items()}
        if rare := [f"{name} {count or 'none'}" for name, count in counts.items() if count < FEW_LABELS]:
            few.append(f"{head.name} {', '.join(rare)}")
    if few:
        notes.append(f"fewer than {FEW_LABELS} training labels: {'; '.join(few)}")
    return notes
