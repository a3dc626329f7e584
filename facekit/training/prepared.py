"""A training that can start, and its summary for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from facekit.training.precision import POLICIES, candidates, choose_precision, copy_in
from facekit.training.resident import steps_per_epoch
from facekit.training.settings import Settings
from facekit.training.storage import Storage
from facekit.training.throughput import expected_time, measure_throughput


@dataclass(frozen=True)
class Prepared:
    """A training that can start.

    Args:
        settings: with the storage that was chosen, and the precision once it is `measured`: a resumed run keeps them.
        devices: where the network runs.
        storage: where the chips are.
        network: with its initial weights.
        started_from: how these were trained, if they are those of a weights file.
        data: faces, labels and sides.
        rates: precision -> chips a second, of those that were measured.
    """

    settings: Settings
    devices: Devices
    storage: Storage
    network: keras.Model
    started_from: dict[str, Any] | None
    data: TrainingData
    rates: Mapping[str, float] = field(default_factory=dict)

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
            "precision": POLICIES[self.settings.precision],
            "backend": keras.backend.backend(),
            "history": figures,
            "started_from": self.started_from,
        }
        network, chip = self.recipe.network, self.recipe.chip
        return Card(name=name, network=network, chip=chip, data=self.data.describe(self.recipe), training=training)

    def summary(self) -> str:
        """Says in a few lines what is trained on."""
        recipe, training, data = self.recipe, self.recipe.training, self.data
        rows = {
            "heads": ", ".join(map(str, recipe.network.heads)),
            "pictures": ", ".join(f"{len(index):,} {side}" for side, index in data.sides.items()),
            "labels": ", ".join(f"{np.sum(rows != MISSING):,} {name}" for name, rows in data.labels.items()),
            "dropped": ", ".join(f"{count:,} {reason}" for reason, count in data.all_dropped.items()) or "none",
            "steps": f"{self.steps:,} of {training.batch_size} an epoch, {training.epochs} epochs",
            "devices": f"{self.devices.count}",
            "chips": f"{self.storage}",
        }
        return _table(rows)

    def measured(self) -> "Prepared":
        """Times training steps in the run's precision, or for "auto" in each, of which it takes the faster."""
        faces, recipe = self.data.faces, self.recipe
        few = self.data.sides["train"][: 4 * recipe.training.batch_size]
        features = None if faces.features is None else faces.features[few]
        labels = {name: rows[few] for name, rows in self.data.labels.items()}
        with self.devices.scope():
            built, *others = candidates(self.settings.precision)
            networks = {built: self.network, **{name: copy_in(name, recipe, self.network) for name in others}}
            on_device = self.settings.data_in == "device"
            rates = measure_throughput(recipe, networks, faces.chips[few], labels, features, on_device=on_device)
        chosen = choose_precision(rates)
        return replace(self, settings=replace(self.settings, precision=chosen), network=networks[chosen], rates=rates)

    def speed(self) -> str:
        """Says which precision is used and, where it was measured, how long the training takes."""
        training, sides, precision = self.recipe.training, self.data.sides, self.settings.precision
        rates = ", ".join(f"{name} {rate:,.1f} chips/s" for name, rate in self.rates.items())
        rows = {"precision": f"{precision} ({rates})" if rates else precision}
        if rates:
            chips = self.steps * training.batch_size, len(sides["validation"])
            before = ", and the teacher's answers before" if training.teacher_weight else ""
            rows["time"] = expected_time(training, *chips, self.rates[precision]) + before
        return _table(rows)


def network_summary(recipe: Recipe, network: keras.Model) -> str:
    """Says in a few lines what is trained."""
    training = recipe.training
    total = network.count_params()
    trainable = sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    kept = 4 * (total + trainable * (3 if training.ema else 2))  # float32; two moments and the average
    start = f"from {training.pretrained} weights"
    rows = {
        "recipe": recipe.name,
        "network": f"{recipe.network.backbone_text}, {size_text(recipe.network.input_size)} px, {start}",
        "parameters": f"{total:,}, of which {trainable:,} are trained",
        "memory": f"{kept / 1e9:.2f} GB of weights and moments beside the chips",
    }
    return _table(rows)


def _table(rows: Mapping[str, str]) -> str:
    return "\n".join(f"{title:<12}{text}" for title, text in rows.items())
