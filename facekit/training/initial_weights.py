"""Initial weights of a training."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from facekit.core.errors import TrainingError, UsageError
from facekit.datasets.listing import list_dataset
from facekit.datasets.source import DataSource, find_data
from facekit.datasets.split_rule import SplitRule
from facekit.networks.backbones import BACKBONES, same_layers
from facekit.networks.cards import Card, read_card
from facekit.networks.weights import load_matching
from facekit.recipes.recipe import Recipe


def with_backbone_of_start(recipe: Recipe) -> Recipe:
    """Returns the recipe with the backbone of the weights file that it starts from, if it has the same layers.

    Then only the scaling of the pixels differs, and the weights fit that which they were trained with.
    """
    network = recipe.network
    if recipe.training.pretrained in ("none", "published"):
        return recipe
    path = _weights_file(recipe)
    backbone = read_card(path).network.backbone
    if backbone == network.backbone or not same_layers(backbone, network.backbone):
        return recipe
    print(f"note: the backbone is {backbone}: {path.name} was trained with its scaling.", file=sys.stderr)
    return replace(recipe, network=replace(network, backbone=backbone))


def load_initial_weights(network: keras.Model, recipe: Recipe) -> dict[str, Any] | None:
    """Fills a network with the weights that the recipe starts from.

    Returns:
        How the weights file that it starts from was trained, if it is one.

    Raises:
        UsageError: `pretrained` is neither known nor a file.
        WeightsError: the weights are missing, or fit no part of the network.
        TrainingError: they were trained with another split of the same data set, and so with pictures of the test side.
    """
    pretrained = recipe.training.pretrained
    if pretrained == "none":
        return None
    if pretrained == "published":
        BACKBONES[recipe.network.backbone].load_pretrained(network)
        return None
    path = _weights_file(recipe)
    card = load_matching(network, path, recipe.network)
    for source in recipe.data:
        _check_split(card, source, path, recipe.training.seed)
    return {"weights": path.name, "data": card.data, **card.training}


def _weights_file(recipe: Recipe) -> Path:
    path = Path(recipe.training.pretrained)
    if not path.is_file():
        raise UsageError(
            f"pretrained must be published, none or a weights file. Received: {path}, which is none.",
            argument="pretrained",
        )
    return path


def _check_split(card: Card, source: DataSource, path: Path, seed: int) -> None:
    """Raises TrainingError if weights were trained on this data set with another split that can be had here too."""
    known = card.source(source.dataset)
    rule = SplitRule.from_card(known)
    if source.dataset in card.seen_test_sides:  # no seed would avoid it: the figures tell
        seen = f"{path.name} was trained on nine tenths of {source.dataset}"
        print(f"note: {seen}, so that figures of its test side will be too good.", file=sys.stderr)
        return
    if known and card.seed != seed:
        found = f"seed {card.seed}"
    elif known and rule != source.split_rule and rule != _rule_in_effect(source):
        found = f"split {rule.name}, {rule.validation_share:g} validation, {rule.test_share:g} test"
    else:
        return
    raise TrainingError(
        f"The weights to start from must be of the same split, seed {seed}: others have seen pictures of its test "
        f"side. Received: {path}, {found}."
    )


def _rule_in_effect(source: DataSource) -> SplitRule:
    """Returns the rule that splits a source: without any official list, "official" draws as "near_duplicates" does."""
    records = list_dataset(source.dataset, find_data(source)).records
    listed = any(record.side for record in records)
    return source.split_rule if listed else replace(source.split_rule, name="near_duplicates")
