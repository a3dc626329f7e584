"""A training that can start, and its summary for people."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from facekit.faces.batch import size_text
from facekit.heads import MISSING
from facekit.networks.cards import Card
from facekit.recipes.recipe import Recipe
from facekit.training.data import TrainingData
from facekit.training.devices import Devices
from facekit.training.resident import steps_per_epoch
from facekit.training.settings import Settings
from facekit.training.storage import Storage
from facekit.training.throughput import expected_time, measure_throughput


@dataclass(frozen=True)
class Prepared:
    """A training that can start.

    Args:
        settings: with the precision and the storage that were chosen: a resumed run keeps them.
        devices: where the network runs.
        storage: where the chips are.
        policy: Keras's name of the precision.
        network: with its initial weights.
        started_from: how these were trained, if they are those of a weights file.
        data: faces, labels and sides.
    """

    settings: Settings
    devices: Devices
    storage: Storage
    policy: str
    network: keras.Model
    started_from: dict[str, Any] | None
    data: TrainingData

    @property
    def recipe(self) -> Recipe:
        return self.settings.recipe

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return steps_per_epoch(self.recipe, len(self.data.sides["train"]))

    def card(self, name: str, figures: dict[str, float]) -> Card:
        """Makes the card of the weights after an epoch.

        Args:
            name: of the weights.
            figures: of the epoch, as in history.csv.
        """
        recipe = self.recipe.to_dict()
        recipe["training"]["pretrained"] = Path(recipe["training"]["pretrained"]).name
        for source in recipe["data"]:
            source["path"] = source["path"] and Path(source["path"]).name  # no folder of this machine
        training = {
            "recipe": recipe,
            "precision": self.policy,
            "backend": keras.backend.backend(),
            "history": figures,
            "started_from": self.started_from,
        }
        network, chip = self.recipe.network, self.recipe.chip
        return Card(name=name, network=network, chip=chip, data=self.data.describe(self.recipe), training=training)

    def summary(self, run: str, timed: bool = False) -> str:
        """Says in a few lines what the training does.

        Args:
            run: where it writes.
            timed: whether to measure how long it takes.
        """
        recipe, training, data = self.recipe, self.recipe.training, self.data
        total = self.network.count_params()
        trainable = sum(int(np.prod(variable.shape)) for variable in self.network.trainable_variables)
        kept = 4 * (total + trainable * (3 if training.ema else 2))  # float32; two moments and the average
        network = f"{recipe.network.backbone}, {size_text(recipe.network.input_size)} px"
        rows = {
            "network": f"{network}, from {training.pretrained} weights",
            "heads": ", ".join(map(str, recipe.network.heads)),
            "parameters": f"{total:,}, of which {trainable:,} are trained",
            "pictures": ", ".join(f"{len(index):,} {side}" for side, index in data.sides.items()),
            "labels": ", ".join(f"{np.sum(rows != MISSING):,} {name}" for name, rows in data.labels.items()),
            "dropped": ", ".join(f"{count:,} {reason}" for reason, count in data.all_dropped.items()) or "none",
            "steps": f"{self.steps:,} of {training.batch_size} an epoch, {training.epochs} epochs",
            "precision": self.policy,
            "devices": f"{self.devices.count}",
            "chips": f"{self.storage}",
            "memory": f"{kept / 1e9:.2f} GB of weights and moments beside the chips",
            "run": run,
        }
        if timed:
            rows["time"] = self._time()
        return "\n".join(f"{title:<12}{text}" for title, text in rows.items())

    def _time(self) -> str:
        """Measures the throughput on a few batches, and says how long the training takes."""
        training, faces, sides = self.recipe.training, self.data.faces, self.data.sides
        few = sides["train"][: 4 * training.batch_size]
        features = None if faces.features is None else faces.features[few]
        labels = {name: rows[few] for name, rows in self.data.labels.items()}
        on_device = self.settings.data_in == "device"
        with self.devices.scope():
            rate, steps = measure_throughput(
                self.recipe, self.network, faces.chips[few], labels, features, on_device=on_device
            )
        time = expected_time(training, self.steps * training.batch_size, len(sides["validation"]), rate)
        before = ", and the teacher's answers before" if training.teacher_weight else ""
        return f"{time} ({rate:,.0f} chips/s measured over {steps} steps){before}"
