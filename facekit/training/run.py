"""A training from data to weights, top to bottom."""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import TrainingError
from facekit.core.opencv import import_cv2
from facekit.datasets import find_data, load_faces
from facekit.datasets.splits import RULE, SIDES, count_dropped, split_sides
from facekit.evaluation.evaluate import judged_card, save_judged
from facekit.evaluation.metrics import evaluate
from facekit.heads import MISSING
from facekit.networks.cards import Card
from facekit.networks.network import build_network, freeze
from facekit.networks.runtimes.keras import KerasRuntime
from facekit.networks.weights import Tensors, assign_tensors, network_tensors, save_weights
from facekit.training.callbacks import EpochEnd, Progress, out_of_patience
from facekit.training.checkpoints import History, MidEpoch, load_checkpoint, save_checkpoint
from facekit.training.chip_grid import save_first_chips
from facekit.training.devices import Devices
from facekit.training.initial_weights import load_start
from facekit.training.optimizer import make_optimizer, slow_statistics
from facekit.training.precision import POLICIES, choose_precision, dtype_policy
from facekit.training.prefetch import augmented
from facekit.training.resident import (
    Batch,
    ResidentModel,
    Targets,
    answer,
    batches,
    steps_per_epoch,
    take_rows,
    targets_of,
)
from facekit.training.sampling import sampling_weights
from facekit.training.settings import Settings
from facekit.training.storage import Storage
from facekit.training.teacher import load_sources, teach
from facekit.training.throughput import expected_time, measure_pace


class Run:
    """One training: `prepare`, then `train`.

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
        self.step = 0  # of the epoch after these, where a resumed run goes on

    def prepare(self) -> None:
        """Builds the network, reads and splits the data. Raises DataError, TrainingError, WeightsError."""
        settings, recipe = self.settings, self.recipe
        self.devices = Devices(settings.devices, recipe.batch_size)
        self.storage = Storage(settings.data_in, self.folder.parent)
        # What is measured once holds for the whole run, however often it is resumed.
        self.settings = replace(settings, precision=choose_precision(settings.precision))
        keras.utils.set_random_seed(recipe.seed)  # of new layers and dropout
        find_data(settings.dataset, settings.data)  # what is missing is told before anything takes long
        with dtype_policy(POLICIES[self.settings.precision]) as self.policy, self.devices.scope():
            self.network = build_network(recipe.network)
        self.started_from = load_start(self.network, recipe, settings.dataset)
        if recipe.pretrained != "none":  # random layers must learn
            freeze(self.network, recipe.trainable_from)
        if recipe.teacher_share:
            load_sources()  # missing ones are told now
        self.faces = load_faces(
            settings.dataset, settings.data, recipe.heads, recipe.input_size, settings.detector, self.storage.allocate
        )
        self.settings = replace(self.settings, data_in=self.storage.place)
        if self.storage.place != "device":
            import_cv2()  # the threads need it
        sides = split_sides(self.faces, recipe.seed)
        self.places = {side: np.flatnonzero(sides == side) for side in SIDES}
        self.dropped = count_dropped(self.faces, sides)
        missing = [side for side, places in self.places.items() if not len(places)]
        if missing:
            raise TrainingError(
                f"All sides of the split need pictures. Received {len(sides)}, none for {', '.join(missing)}: add some."
            )
        self.devices.check(min(recipe.batch_size, len(self.places["train"])))  # all of them, where one batch is more
        self.labels = self.faces.labels(recipe.heads)
        self.steps = steps_per_epoch(recipe, len(self.places["train"]))

    def train(self) -> Card:
        """Trains to the end and returns the card of the best weights, with their figures on the test side.

        Raises:
            TrainingError: the loss is no number, the disk is full, or the data is not what a resumed run began with.
        """
        self.settings.save(self.folder / "settings.json")
        self.chips = None if self.settings.data_in == "device" else self.faces.chips
        targets = self._targets()
        self._show_first(next(self._batches(range(1)))[0])
        with self.devices.scope():
            self._learn(targets)
        return self._finish()

    def _learn(self, targets: Targets) -> None:
        recipe, resident = self.recipe, self.chips is None
        self.model = ResidentModel(self.network, targets, recipe.heads, self.faces.chips if resident else None)
        self.faces = replace(self.faces, chips=np.empty(0, np.uint8))  # a view of them would keep all in memory
        slow_statistics(recipe, self.network, self.steps * recipe.epochs)
        self.optimizer = make_optimizer(recipe, self.network, self.steps * recipe.epochs)
        self.optimizer.build(self.network.trainable_variables)
        self.model.compile(optimizer=self.optimizer)
        if self.checkpoint.exists():
            self._restore()
        if self.step:
            self._fit(len(self.history) + 1)
        if len(self.history) < recipe.epochs and not out_of_patience(self.history, recipe.patience):
            self._fit(recipe.epochs)

    def _targets(self) -> Targets:
        """What the network is to answer: the labels, softened by a teacher where the recipe wants one."""
        recipe, answers = self.recipe, None
        if recipe.teacher_share:
            path, places = self.folder / "teacher.h5", self.places["train"]
            answers = teach(path, self.fingerprint, self.faces, recipe.heads, places, recipe.seed)
        return targets_of(recipe.heads, self.labels, answers, recipe.teacher_share)

    def _batches(self, epochs: range, first_step: int = 0) -> Iterator[tuple[Batch]]:
        recipe, places, weights = self.recipe, self.places["train"], None
        if recipe.balance:
            head = recipe.heads[0]
            weights = sampling_weights(head, self.labels[head.name][places], recipe.balance)
        return batches(recipe, places, epochs, first_step, weights)

    def _show_first(self, batch: Batch) -> None:
        try:
            save_first_chips(self.folder / "chips.png", self.recipe.heads, batch, self.faces.chips, self.labels)
        except OSError as error:
            raise TrainingError(
                f"Cannot write to {self.folder}: {error.strerror or error}. Free the space and start again."
            ) from error

    def _fit(self, epochs: int) -> None:
        """Trains on, from the middle of an epoch if `step` says so, until so many epochs are done."""
        recipe, epoch, step = self.recipe, len(self.history), self.step
        drawn = self._batches(range(epoch, epochs), step)
        self.model.fit(
            drawn if self.chips is None else augmented(drawn, self.chips),
            steps_per_epoch=self.steps - step,
            initial_epoch=epoch,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=[
                Progress(recipe.epochs, self.steps, recipe.batch_size, step),
                EpochEnd(self.folder, self.history, self._validate, self._save, recipe.patience),
                MidEpoch(step, self.steps, self._save_checkpoint),
            ],
        )
        self.step = 0

    def summary(self, timed: bool = False) -> str:
        """What `train` would do, in a few lines; `timed` measures how long it would take."""
        recipe = self.recipe
        total = self.network.count_params()
        trainable = sum(int(np.prod(variable.shape)) for variable in self.network.trainable_variables)
        kept = 4 * (total + trainable * (3 if recipe.ema else 2))  # float32; two moments and the average
        rows = {
            "network": f"{recipe.backbone}, {recipe.input_size} px, from {recipe.pretrained} weights",
            "heads": ", ".join(f"{head.name} ({len(head.classes)})" for head in recipe.heads),
            "parameters": f"{total:,}, of which {trainable:,} are trained",
            "pictures": ", ".join(f"{len(places):,} {side}" for side, places in self.places.items()),
            "labels": ", ".join(f"{np.sum(rows != MISSING):,} {name}" for name, rows in self.labels.items()),
            "dropped": ", ".join(f"{count:,} {reason}" for reason, count in self.dropped.items()) or "none",
            "steps": f"{self.steps:,} of {recipe.batch_size} an epoch, {recipe.epochs} epochs",
            "precision": self.policy,
            "devices": f"{self.devices.count}",
            "chips": f"{self.storage}",
            "memory": f"{kept / 1e9:.2f} GB of weights and moments beside the chips",
            "run": f"{self.folder}, weights {self.best_path}",
        }
        if timed:
            rows["time"] = self._time()
        return "\n".join(f"{title:<12}{text}" for title, text in rows.items())

    def _time(self) -> str:
        places = self.places["train"]
        few = places[: 4 * self.recipe.batch_size]
        on_device = self.settings.data_in == "device"
        with self.devices.scope():
            pace, steps = measure_pace(self.recipe, self.network, self.faces.chips[few], self._labels(few), on_device)
        training = self.steps * self.recipe.batch_size
        time = expected_time(self.recipe, training, len(self.places["validation"]), pace)
        before = ", and the teacher's answers before" if self.recipe.teacher_share else ""
        return f"{time} ({pace:,.0f} chips/s measured over {steps} steps){before}"

    def _validate(self) -> dict[str, float]:
        raw = network_tensors(self.network)
        assign_tensors(self.network, self._averaged())
        places = self.places["validation"]
        probabilities = answer(self.model, places, self.chips)
        figures = evaluate(self.recipe.heads, probabilities, self._labels(places))
        assign_tensors(self.network, raw)
        flat = {
            f"{head.name}_{name}": value
            for head in self.recipe.heads
            for name, value in figures[head.name].items()
            if value is not None
        }
        return {"loss": sum(value for name, value in flat.items() if name.endswith("cross_entropy")), **flat}

    def _labels(self, places: NDArray[np.integer]) -> dict[str, NDArray[np.int16]]:
        return {name: labels[places] for name, labels in self.labels.items()}

    def _chips(self, places: NDArray[np.integer]) -> NDArray[np.uint8]:
        if self.chips is None:
            return keras.ops.convert_to_numpy(take_rows(self.model.chips, places.astype(np.int32)))
        return self.chips[places]

    def _averaged(self) -> Tensors:
        """The network's weights, trained ones as their moving average where the optimiser keeps it."""
        tensors = network_tensors(self.network)
        if self.optimizer.use_ema:
            averages = self.optimizer._model_variables_moving_average
            for variable, average in zip(self.network.trainable_variables, averages, strict=True):
                tensors[variable.path] = average.numpy()
        return tensors

    def _save(self) -> None:
        """The checkpoint comes last: a run killed before it repeats the epoch, and writes the same again."""
        tensors, card = self._averaged(), self._card()
        save_weights(tensors, card, self.last_path)
        if self.history[-1]["val_loss"] == min(epoch["val_loss"] for epoch in self.history):
            save_weights(tensors, card, self.best_path)
        self._save_checkpoint(0)

    def _save_checkpoint(self, step: int) -> None:
        save_checkpoint(self.checkpoint, self.model, self.history, step, self.fingerprint)

    def _finish(self) -> Card:
        """Calibrates and judges the best weights as people get them: read from their file, in float32."""
        validation, test = (
            (self._chips(self.places[side]), self._labels(self.places[side])) for side in ("validation", "test")
        )
        card = judged_card(KerasRuntime(self.best_path), validation, test, self.dropped)
        return save_judged(card, self.best_path)

    def _restore(self) -> None:
        checkpoint = load_checkpoint(self.checkpoint)
        if checkpoint.fingerprint != self.fingerprint:
            raise TrainingError(f"{self.settings.data} is not the data this run began with. Start a new run instead.")
        checkpoint.restore(self.model)
        self.history += checkpoint.history
        self.step = checkpoint.step
        steps = f", {self.step} of {self.steps} steps into the next" if self.step else ""
        print(f"Continuing after epoch {len(self.history)} of {self.recipe.epochs}{steps}.", file=sys.stderr)

    @property
    def fingerprint(self) -> str:
        """Hash of the pictures' names, in order."""
        names = "\n".join(record.key for record in self.faces.records)
        return hashlib.sha256(names.encode()).hexdigest()

    def _card(self) -> Card:
        return Card(
            name=self.folder.name,
            network=self.recipe.network,
            data={
                "dataset": self.settings.dataset,
                "detector": self.settings.detector,
                **{side: len(places) for side, places in self.places.items()},
                "dropped": self.dropped,
                "split_rule": RULE,
                "seed": self.recipe.seed,
            },
            training={
                "recipe": {**self.recipe.to_dict(), "pretrained": Path(self.recipe.pretrained).name},
                "precision": self.policy,
                "backend": keras.backend.backend(),
                "history": self.history[-1],
                "started_from": self.started_from,
            },
        )
