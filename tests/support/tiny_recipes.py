"""Tiny forms of recipes: the same heads, losses, optimizer, augmentation and kinds of data, in two steps."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from made import MADE
from tiny import TinyRun, changed, prepared, progress_until

from facekit.networks.config import NetworkConfig
from facekit.recipes.recipe import Recipe
from facekit.training.settings import Settings

SIDE = 32  # pixels
SHARE = 0.3  # of each drawn side: none of a few dozen pictures may be empty


def tiny_recipe(recipe: Recipe, folder: Path, *, own_backbone: bool = False) -> Recipe:
    """Returns the tiny form of a recipe: two epochs of random weights on a few dozen made chips, without a teacher.

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
            path=str(MADE[source.dataset](folder / source.dataset, n=24)),
            detector="whole_image",
            validation_share=SHARE,
            test_share=SHARE,
        )
        for source in recipe.data
    )
    changes = {"pretrained": "none", "teacher_weight": 0.0, "epochs": 2, "batch_size": 6}
    return changed(recipe, network=network, data=data, **changes)


@contextmanager
def eagerly() -> Iterator[None]:
    """TensorFlow computes without compiling, which takes longer than a few steps."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def train_and_resume(recipe: Recipe, folder: Path) -> TinyRun:
    """Trains until the second epoch begins, as a killed run does, and lets another run resume it."""
    options = Settings(recipe, "float32", "device")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr("facekit.training.run.Progress", progress_until(lambda: None, lambda: 1 // 0))
        prepared(options, folder).train()
    resumed = prepared(options, folder)
    resumed.train()
    return resumed
