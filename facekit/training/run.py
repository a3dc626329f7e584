"""A training from data to weights, top to bottom."""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from facekit.backbones import BACKBONES
from facekit.cards import Card, read_card
from facekit.datasets import load_faces
from facekit.datasets.splits import RULE, SIDES, split_sides
from facekit.errors import TrainingError
from facekit.evaluation import evaluate
from facekit.files import atomic_path
from facekit.network import build_network, freeze
from facekit.recipes.recipe import Recipe
from facekit.training.callbacks import EpochEnd, Progress
from facekit.training.checkpoints import History, load_checkpoint, save_checkpoint
from facekit.training.data import ResidentModel, batches, steps_per_epoch
from facekit.training.optimizer import make_optimizer
from facekit.training.precision import choose_policy, dtype_policy
from facekit.weights import Tensors, assign_tensors, load_matching, network_tensors, read_tensors, save_tensors


@dataclass(frozen=True)
class Settings:
    """What makes a run: written to its folder, so that --resume needs nothing else."""

    recipe: Recipe
    dataset: str
    data: str
    detector: str = "whole_image"
    precision: str = "auto"

    def save(self, path: Path) -> None:
        with atomic_path(path) as temporary:
            text = json.dumps({**asdict(self), "recipe": self.recipe.to_dict()}, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Settings":
        fields = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**fields, "recipe": Recipe.from_dict(fields["recipe"])})


class Run:
    """One training: `Run(settings, folder, weights_folder).train()`.

    Args:
        settings: what to train, on what.
        folder: for logs and the checkpoint; one that has a checkpoint is continued.
        weights_folder: gets <run>-best.h5 and <run>-last.h5, each with its card.
    """

    def __init__(self, settings: Settings, folder: Path, weights_folder: Path) -> None:
        self.settings, self.recipe, self.folder = settings, settings.recipe, folder
        self.best_path = weights_folder / f"{folder.name}-best.h5"
        self.last_path = weights_folder / f"{folder.name}-last.h5"
        self.checkpoint = folder / "checkpoint.h5"
        self.history: History = []

    def prepare(self) -> None:
        """Reads and splits the data, builds the network. Raises DataError, TrainingError, WeightsError."""
        settings, recipe = self.settings, self.recipe
        self.faces = load_faces(settings.dataset, settings.data, recipe.heads, recipe.input_size, settings.detector)
        sides = split_sides(self.faces, recipe.seed)
        self.places = {side: np.flatnonzero(sides == side) for side in SIDES}
        missing = [side for side, places in self.places.items() if not len(places)]
        if missing:
            raise TrainingError(
                f"Each side of the split needs pictures. Received {len(sides)}, none for {', '.join(missing)}."
            )
        self.labels = self.faces.labels(recipe.heads)
        self.steps = steps_per_epoch(recipe, len(self.places["train"]))
        with dtype_policy(choose_policy(settings.precision)) as self.policy:
            self.network = build_network(recipe.network)
        load_pretrained(self.network, recipe)
        freeze(self.network, recipe.trainable_from)

    def train(self) -> Card:
        """Trains to the end and returns the card of the best weights, with their figures on the test side."""
        recipe = self.recipe
        self.model = ResidentModel(self.network, self.faces.chips, self.labels, recipe.heads)
        self.faces = replace(self.faces, chips=self.faces.chips[:0])  # the model has its own copy
        self.optimizer = make_optimizer(recipe, self.network, self.steps * recipe.epochs)
        self.optimizer.build(self.network.trainable_variables)
        self.model.compile(optimizer=self.optimizer)
        if self.checkpoint.exists():
            self._restore()
        epoch = len(self.history)
        if epoch < recipe.epochs:
            self.model.fit(
                batches(recipe, self.places["train"], epoch),
                steps_per_epoch=self.steps,
                initial_epoch=epoch,
                epochs=recipe.epochs,
                shuffle=False,
                verbose=0,
                callbacks=[
                    Progress(recipe.epochs, self.steps, recipe.batch_size),
                    EpochEnd(self.folder, self.history, self._validate, self._save),
                ],
            )
        return self._finish()

    def _validate(self) -> dict[str, float]:
        raw = network_tensors(self.network)
        assign_tensors(self.network, self._averaged())
        figures = self._figures("validation")
        assign_tensors(self.network, raw)
        flat = {
            f"{head.name}_{name}": value
            for head in self.recipe.heads
            for name, value in figures[head.name].items()
            if value is not None
        }
        return {"loss": sum(value for name, value in flat.items() if name.endswith("cross_entropy")), **flat}

    def _figures(self, side: str) -> dict[str, Any]:
        places = self.places[side]
        probabilities = self.model.predict({"index": places.astype(np.int32)}, batch_size=64, verbose=0)
        return evaluate(self.recipe.heads, probabilities, {name: rows[places] for name, rows in self.labels.items()})

    def _averaged(self) -> Tensors:
        """The network's weights, trained ones as their moving average where the optimiser keeps it."""
        tensors = network_tensors(self.network)
        if self.optimizer.use_ema:
            averages = self.optimizer._model_variables_moving_average
            for variable, average in zip(self.network.trainable_variables, averages, strict=True):
                tensors[variable.path] = keras.ops.convert_to_numpy(average)
        return tensors

    def _save(self) -> None:
        """The checkpoint comes last: a run killed before it repeats the epoch, and writes the same again."""
        tensors, card = self._averaged(), self._card()
        save_tensors(tensors, card, self.last_path)
        if self.history[-1]["val_loss"] == min(epoch["val_loss"] for epoch in self.history):
            save_tensors(tensors, card, self.best_path)
        save_checkpoint(self.checkpoint, self.network, self.optimizer, self.history, self.fingerprint)

    def _finish(self) -> Card:
        tensors = read_tensors(self.best_path)
        assign_tensors(self.network, tensors)
        card = replace(read_card(self.best_path), figures={"split": "test", **self._figures("test")})
        return save_tensors(tensors, card, self.best_path)

    def _restore(self) -> None:
        checkpoint = load_checkpoint(self.checkpoint)
        if checkpoint.fingerprint != self.fingerprint:
            raise TrainingError(f"{self.settings.data} is not the data this run began with. Start a new run instead.")
        checkpoint.restore(self.network, self.optimizer)
        self.history += checkpoint.history
        print(f"Continuing after epoch {len(self.history)} of {self.recipe.epochs}.", file=sys.stderr)

    @property
    def fingerprint(self) -> str:
        """Hash of the training pictures' names, in order."""
        names = "\n".join(self.faces.records[place].key for place in self.places["train"])
        return hashlib.sha256(names.encode()).hexdigest()

    def _card(self) -> Card:
        return Card(
            name=self.folder.name,
            network=self.recipe.network,
            data={
                "dataset": self.settings.dataset,
                **{side: len(places) for side, places in self.places.items()},
                "dropped": self.faces.dropped,
                "split_rule": RULE,
                "seed": self.recipe.seed,
            },
            training={
                "recipe": self.recipe.to_dict(),
                "precision": self.policy,
                "backend": keras.backend.backend(),
                "history": self.history[-1],
            },
        )


def load_pretrained(network: keras.Model, recipe: Recipe) -> None:
    """Fills a network with what the recipe starts from.

    Raises:
        WeightsError: the weights are missing, or fit no part of the network.
    """
    if recipe.pretrained == "published":
        BACKBONES[recipe.backbone].load_pretrained(network)
    elif recipe.pretrained != "none":
        load_matching(network, Path(recipe.pretrained), recipe.heads)
