"""Changes of a recipe by a few values, as options of a script give them."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from facekit.core.errors import lookup
from facekit.datasets import DATASETS
from facekit.datasets.source import DataSource, locate_sources
from facekit.faces.chips import AlignedChip
from facekit.networks.backbones import BACKBONES
from facekit.recipes.recipe import AUGMENTATIONS, Recipe, TrainingConfig

SPELLINGS = {"adam": "adamw"}
# Learning rate where another optimizer than the recipe's is chosen.
USUAL_RATES = {"adamw": TrainingConfig.learning_rate, "sgd": 0.01}


def change_recipe(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Returns a recipe with other values.

    Args:
        recipe: what is changed.
        changes: value by name, None to keep what the recipe has; other names than these are ignored. `name`; fields of
            the training, where `augmentation` is "recipe" or a key of AUGMENTATIONS, and `optimizer` may be "adam";
            options of the backbone such as `depth`; `dataset`, to use this source alone, or instead; `data`, paths as
            for `locate_sources`; `detector` and `validation_share` of all sources.

    Raises:
        UsageError: a value is impossible, or the backbone has no such option.
        UnknownNameError: no such optimizer, augmentation, data set or detector.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    names = {option for backbone in BACKBONES.values() for option in backbone.options}
    options = {name: given[name] for name in given if name in names}
    data = recipe.data
    if name := given.get("dataset"):
        data = tuple(source for source in data if source.dataset == name) or (_source_of(name, recipe),)
    data = locate_sources(data, given.get("data", ()), given.get("detector"))
    if "validation_share" in given:
        data = tuple(replace(source, validation_share=given["validation_share"]) for source in data)
    network = replace(recipe.network, options={**recipe.network.options, **options})
    training = _changed_training(recipe.training, given)
    return replace(recipe, name=given.get("name", recipe.name), network=network, training=training, data=data)


def _source_of(dataset: str, recipe: Recipe) -> DataSource:
    """Returns a data set with the detector that it needs where a network wants aligned chips."""
    needed = lookup("dataset", dataset, DATASETS).detector
    return DataSource(dataset, detector=needed if isinstance(recipe.chip, AlignedChip) else DataSource.detector)


def _changed_training(training: TrainingConfig, given: Mapping[str, Any]) -> TrainingConfig:
    changed = {field.name: given[field.name] for field in fields(training) if field.name in given}
    if "augmentation" in changed:
        table = {"recipe": training.augmentation, **AUGMENTATIONS}
        changed["augmentation"] = lookup("augmentation", changed["augmentation"], table)
    if "optimizer" in changed:
        changed["optimizer"] = optimizer = SPELLINGS.get(changed["optimizer"], changed["optimizer"])
        if optimizer != training.optimizer and optimizer in USUAL_RATES:
            changed = {"learning_rate": USUAL_RATES[optimizer], **changed}
    return replace(training, **changed)
