"""A training of a second: a network of two convolutions, its recipe, and runs of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import keras

from facekit.core.files import PROJECT
from facekit.datasets.source import DataSource
from facekit.faces.batch import InputSize, height_and_width
from facekit.heads import AGE, GENDER, RACE
from facekit.networks.backbones import Backbone
from facekit.networks.cards import Card
from facekit.networks.config import NetworkConfig
from facekit.recipes.recipe import Recipe, TrainingConfig
from facekit.training.callbacks import Progress
from facekit.training.checkpoints import History
from facekit.training.files import RunFiles
from facekit.training.prepared import Prepared
from facekit.training.run import Run
from facekit.training.settings import Settings
from facekit.training.trainer import Trainer

TINY = Recipe(
    name="tiny",
    network=NetworkConfig(backbone="tiny", input_size=32, heads=(AGE, GENDER, RACE)),
    training=TrainingConfig(dropout=0.5, epochs=1, batch_size=12, warmup_steps=4, ema=0.8),
)


def tiny_backbone(size: InputSize) -> keras.Model:
    """Two convolutions with batch norm."""
    inputs = keras.Input((*height_and_width(size), 3), name="picture")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for number in (1, 2):
        x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name=f"conv{number}")(x)
        x = keras.layers.BatchNormalization(name=f"norm{number}")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


TINY_BACKBONE = Backbone(tiny_backbone, lambda network: None, smallest_size=16)


def changed(recipe: Recipe, **changes: Any) -> Recipe:
    """Returns the recipe with other fields, wherever they belong: to it, its network or its training."""
    for part in ("network", "training"):
        names = {field.name for field in fields(getattr(recipe, part))} & changes.keys()
        if names:
            values = {name: changes.pop(name) for name in names}
            recipe = replace(recipe, **{part: replace(getattr(recipe, part), **values)})
    return replace(recipe, **changes)


def settings(recipe: Recipe, data: Path, dataset: str = "utkface", **changes: str) -> Settings:
    """Returns the settings of a training in float32 on one data set."""
    recipe = replace(recipe, data=(DataSource(dataset, str(data)),))
    return Settings(recipe, **{"precision": "float32", **changes})


class TinyRun(Run):
    """A run that keeps what it prepared and its trainer, for tests to look at."""

    prepared: Prepared
    trainer: Trainer

    def prepare(self) -> Prepared:
        self.prepared = super().prepare()
        return self.prepared

    def fit(self, prepared: Prepared) -> Trainer:
        self.trainer = super().fit(prepared)
        return self.trainer

    def train(self, prepared: Prepared | None = None) -> Card:
        return super().train(prepared or self.prepared)

    @property
    def recipe(self) -> Recipe:
        return self.settings.recipe

    @property
    def history(self) -> History:
        return self.trainer.history

    @property
    def network(self) -> keras.Model:
        return self.prepared.network


def prepared(options: Settings, folder: Path) -> TinyRun:
    """Returns a prepared run with its logs and weights in a folder."""
    run = TinyRun(options, RunFiles(folder / "logs" / "run", folder / "weights"))
    run.prepare()
    return run


def progress_until(end: Callable[[], object], between: Callable[[], object] = lambda: None) -> type[Progress]:
    """Returns a Progress that calls `between` after the first epoch, and `end` in the second step of the second."""

    class ProgressUntil(Progress):
        def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            super().on_epoch_begin(epoch, logs)
            self.epoch = epoch
            if epoch == 1:
                between()

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            super().on_train_batch_end(batch, logs)
            if (self.epoch, batch) == (1, 1):
                end()

    return ProgressUntil


_KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from facekit.core.lazy_imports import import_keras
import_keras()
import tiny
from facekit.networks.backbones import BACKBONES
from facekit.training import callbacks, run
from facekit.training.settings import Settings

folder = Path(sys.argv[1])
run.Progress = tiny.progress_until(
    lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: shutil.copytree(folder / "killed", folder / "after an epoch")
)
callbacks.SAVE_EVERY = 0
callbacks.draw_curves = lambda path, history: None
BACKBONES["tiny"] = tiny.TINY_BACKBONE
tiny.prepared(Settings.load(folder / "settings.json"), folder / "killed").train()
"""


def train_until_killed(options: Settings, folder: Path) -> None:
    """Trains in a process that saves after each step, and gets SIGKILL in the second step of the second epoch.

    Args:
        options: of the training.
        folder: gets the folder of the run, "killed", and a copy of what it was after the first epoch, "after an epoch".
    """
    options.save(folder / "settings.json")
    path = os.pathsep.join([str(PROJECT), str(PROJECT / "tests" / "support")])
    command = [sys.executable, "-c", _KILLED, folder]
    killed = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
