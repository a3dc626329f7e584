"""Tiny forms of recipes: the same heads, losses, optimizer, augmentation and kinds of data, in two steps."""

from dataclasses import replace
from pathlib import Path

import pytest
from made import MADE
from tiny import TinyRun, changed, prepared, progress_until

from facekit.networks.config import NetworkConfig
from facekit.recipes.recipe import Recipe
from facekit.training.settings import Settings

SIDE = 32  # pixels
SHARE = 1 / 3  # of each drawn side: none of a dozen pictures may be empty


def tiny_recipe(recipe: Recipe, folder: Path, *, own_backbone: bool = False) -> Recipe:
    """Returns the tiny form of a recipe: two epochs from random weights on a dozen made chips, without a teacher.

    Args:
        recipe: keeps its heads, inputs and top, losses, optimizer, schedule, augmentation, sampling, chip rule, and
            which data sets it reads and how it splits them.
        folder: gets the data.
        own_backbone: whether it keeps its backbone and input size; else these are tiny.
    """
    network = recipe.network
    if not own_backbone:
        fields = {**network.to_dict(), "backbone": "tiny", "input_size": SIDE}
        fields.pop("options", None)  # of its backbone
        network = NetworkConfig.from_dict(fields)
    data = tuple(
        replace(
            source,
            path=str(MADE[source.dataset](folder / source.dataset)),
            detector="whole_image",
            validation_share=SHARE,
            test_share=SHARE,
        )
        for source in recipe.data
    )
    changes = {"pretrained": "none", "teacher_weight": 0.0, "epochs": 2, "batch_size": 2}
    return changed(recipe, network=network, data=data, **changes)


def train_and_resume(recipe: Recipe, folder: Path) -> TinyRun:
    """Trains until the second epoch begins, as a killed run does, and lets another run resume it."""
    options = Settings(recipe, "float32", "device")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr("facekit.training.run.Progress", progress_until(lambda: None, lambda: 1 // 0))
        prepared(options, folder).train()
    resumed = prepared(options, folder)
    resumed.train()
    return resumed
