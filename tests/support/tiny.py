"""A training of a second: a network of two convolutions, its recipe, and runs of it."""

from pathlib import Path

import keras

from facekit.networks.backbones import Backbone
from facekit.recipes.recipe import Recipe
from facekit.training.run import Run
from facekit.training.settings import Settings

TINY = Recipe(
    name="tiny", backbone="tiny", input_size=32, dropout=0.5, epochs=1, batch_size=12, warmup_steps=4, ema=0.8
)


def tiny_backbone(size: int) -> keras.Model:
    """Two convolutions with batch norm."""
    inputs = keras.Input((size, size, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for number in (1, 2):
        x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name=f"conv{number}")(x)
        x = keras.layers.BatchNormalization(name=f"norm{number}")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


TINY_BACKBONE = Backbone(tiny_backbone, lambda network: None, smallest_size=16)


def settings(recipe: Recipe, data: Path, **changes: str) -> Settings:
    return Settings(recipe, **{"dataset": "utkface", "data": str(data), "precision": "float32", **changes})


def prepared(options: Settings, folder: Path) -> Run:
    run = Run(options, folder / "logs" / "run", folder / "weights")
    run.prepare()
    return run
