"""A training, top to bottom: prepare -> fit -> finish."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras

from facekit.core.errors import TrainingError
from facekit.core.files import writing
from facekit.core.lazy_imports import import_cv2
from facekit.core.signals import Interrupted, handled_signals
from facekit.datasets.source import find_data
from facekit.evaluation.evaluate import save_tested, tested_card
from facekit.networks.cards import Card
from facekit.networks.network import freeze, keep_heads
from facekit.networks.runtimes.keras import KerasRuntime
from facekit.networks.weights import save_weights
from facekit.recipes.recipe import Recipe
from facekit.training.callbacks import EpochEnd, MidEpoch, Progress
from facekit.training.data import read_data
from facekit.training.devices import Devices
from facekit.training.files import RunFiles
from facekit.training.first_chips import save_first_chips
from facekit.training.initial_weights import load_initial_weights, with_backbone_of_start
from facekit.training.interruption import Interruption
from facekit.training.precision import build_in, candidates
from facekit.training.prefetch import augmented
from facekit.training.prepared import Prepared, network_summary
from facekit.training.records import check_records
from facekit.training.resident import Targets, batches, make_targets
from facekit.training.settings import Settings
from facekit.training.storage import Storage
from facekit.training.teacher import load_describers, teach
from facekit.training.tensorboard import NetworkLog
from facekit.training.throughput import LONGEST
from facekit.training.trainer import Trainer


class Run:
    """One training, in a folder of its own. A folder that has a checkpoint is continued.

    Args:
        settings: what to train, and how.
        files: its folder, and its weights, each with its card.
    """

    def __init__(self, settings: Settings, files: RunFiles) -> None:
        self.settings, self.files = settings, files
        self._interruption = Interruption()

    @property
    def folder(self) -> Path:
        return self.files.path

    @property
    def best_path(self) -> Path:
        return self.files.best

    @property
    def last_path(self) -> Path:
        return self.files.last

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Ends the block after Ctrl-C, SIGTERM or SIGHUP: with a checkpoint if any step is unsaved, else at once.

        A second signal ends it at once. The folder is unlocked at the end.

        Raises:
            Interrupted: a signal came. It names the run if that can be resumed.
        """
        try:
            with handled_signals(self._interruption.request):
                yield
        except KeyboardInterrupt:
            run = self.files.resumed_by if self.files.can_be_resumed else None
            raise Interrupted(self._interruption.number or signal.SIGINT, run) from None
        finally:
            self.files.close()

    def prepare(self, report: Callable[[str], None] = lambda lines: None, *, timed: bool = False) -> Prepared:
        """Builds the network, reads and splits the data, and chooses the precision.

        Args:
            report: is called with lines for people, as soon as they are known.
            timed: whether to measure how long the training takes even where its precision is given.

        Raises:
            DataError, TrainingError, WeightsError: the data, the training or the initial weights cannot be used.
        """
        settings, recipe = self.settings, with_backbone_of_start(self.settings.recipe)
        training = recipe.training

        # The machine: devices, where the chips are kept, and the number formats to choose from.
        devices = Devices(settings.devices, training.batch_size)
        storage = Storage(settings.data_in, self.folder.parent)
        precisions = candidates(settings.precision)
        for source in recipe.data:
            find_data(source)  # missing data is reported before anything takes long

        with devices.scope():
            network = build_in(precisions[0], recipe)
        started_from = _load_weights(network, recipe)
        report(network_summary(recipe, network))

        # The faces, cut and resized once, with their labels and sides. Heads without training labels are removed.
        _note("Reading the data.")
        data = read_data(recipe, storage.allocate)
        for note in data.notes:
            _note(f"note: {note}.")
        recipe = data.learnable(recipe)
        network = keep_heads(network, recipe.network)
        devices.check(min(training.batch_size, len(data.sides["train"])))  # all of them, where one batch is more
        if storage.store != "device":
            import_cv2()  # the threads of `augmented` need it
        settings = replace(settings, recipe=recipe, data_in=storage.store)
        prepared = Prepared(settings, devices, storage, network, started_from, data)
        report(prepared.summary())

        # The faster number format, and the time that the training takes.
        prepared = _measured(prepared) if timed or len(precisions) > 1 else prepared
        report(prepared.speed())
        return prepared

    def train(self, prepared: Prepared) -> Card:
        """Trains to the end.

        Returns:
            The card of the best weights, with their figures on the test side.

        Raises:
            FinishedError: the run is finished.
            TrainingError: another process has the run, a resumed run began with other data, the loss is not a number,
                or the disk is full.
        """
        try:
            return self.finish(self.fit(prepared))
        finally:
            self.files.close()

    def fit(self, prepared: Prepared) -> Trainer:
        """Trains all epochs, or those that are left where the run was interrupted."""
        self.files.open()  # which takes another name if a run started in the same second has this one
        _note(f"Run {self.folder}, weights {self.best_path}.")
        asked = replace(prepared.settings, recipe=self.settings.recipe)  # a resumed run removes the same heads again
        asked.save(self.files.settings)
        check_records(self.files.records, self.files.checkpoint, prepared.data, prepared.recipe)
        targets = self._targets(prepared)
        self._save_first_chips(prepared)
        with prepared.devices.scope():
            trainer = Trainer(prepared, targets, self.files.checkpoint, self._interruption)
            trainer.restore()
            if trainer.step == prepared.steps:
                self._end_epoch(trainer)  # of which only the validation is left
            elif trainer.step:
                self._fit_epochs(trainer, len(trainer.history) + 1)  # the rest of the one that was interrupted
            if len(trainer.history) < prepared.recipe.training.epochs:
                self._fit_epochs(trainer, prepared.recipe.training.epochs)
        return trainer

    def _targets(self, prepared: Prepared) -> Targets:
        """Encodes the labels as targets, mixed with a teacher's answers where the recipe has a teacher."""
        recipe, data, answers = prepared.recipe, prepared.data, None
        index = data.sides["train"]
        if recipe.training.teacher_weight:
            answers = teach(self.files.teacher, data.faces, recipe, index)
        return make_targets(recipe, data.labels, answers, index)

    def _save_first_chips(self, prepared: Prepared) -> None:
        """Writes chips.png: what the network sees first."""
        recipe, data = prepared.recipe, prepared.data
        (batch,) = next(batches(recipe, data.sides["train"], range(1), 0, data.sampling_weights(recipe)))
        with writing(self.folder, TrainingError):
            save_first_chips(self.folder / "chips.png", recipe.network.heads, batch, data.faces.chips, data.labels)

    def _fit_epochs(self, trainer: Trainer, epochs: int) -> None:
        """Trains until so many epochs are done; after each, validates, logs and saves."""
        prepared, data, recipe = trainer.prepared, trainer.data, trainer.prepared.recipe
        epoch, step = len(trainer.history), trainer.step
        weights = data.sampling_weights(recipe)
        drawn = batches(recipe, data.sides["train"], range(epoch, epochs), step, weights)
        with closing(Progress(recipe.training.epochs, prepared.steps, recipe.training.batch_size, step)) as progress:
            trainer.model.fit(
                drawn if trainer.chips is None else augmented(drawn, trainer.chips),
                steps_per_epoch=prepared.steps - step,
                initial_epoch=epoch,
                epochs=epochs,
                shuffle=False,
                verbose=0,
                callbacks=[
                    progress,
                    *self._epoch_end(trainer),
                    MidEpoch(step, prepared.steps, trainer.save_checkpoint, self._interruption),
                ],
            )
        trainer.step = 0

    def _end_epoch(self, trainer: Trainer) -> None:
        """Ends an epoch whose steps are done: validates, logs and saves."""
        callbacks = keras.callbacks.CallbackList(self._epoch_end(trainer), model=trainer.model)
        callbacks.on_train_begin()
        callbacks.on_epoch_end(len(trainer.history), trainer.model.get_metrics_result())
        callbacks.on_train_end()
        trainer.step = 0

    def _epoch_end(self, trainer: Trainer) -> list[keras.callbacks.Callback]:
        """Makes the callbacks that log an epoch; the one that saves it comes last, as a signal ends the run there."""
        prepared = trainer.prepared
        logs = [NetworkLog(self.folder, prepared.network)] if prepared.recipe.training.histograms else []
        return [*logs, EpochEnd(self.folder, trainer.history, trainer.validate, partial(self._save_epoch, trainer))]

    def _save_epoch(self, trainer: Trainer) -> None:
        """Saves weights, then the checkpoint: a run killed before it repeats the epoch, and writes the same again."""
        tensors, card = trainer.averaged(), trainer.prepared.card(self.folder.name, trainer.history[-1])
        save_weights(tensors, card, self.last_path)
        if trainer.history[-1]["val_loss"] == min(epoch["val_loss"] for epoch in trainer.history):
            save_weights(tensors, card, self.best_path)
        trainer.save_checkpoint(0)

    def finish(self, trainer: Trainer) -> Card:
        """Calibrates and tests the best weights as people get them: read from their file, in float32.

        Then the run is finished, and cannot be resumed.
        """
        data = trainer.data
        validation, test = ((trainer.side_faces(side), data.side_labels(side)) for side in ("validation", "test"))
        card = save_tested(
            tested_card(KerasRuntime(self.best_path), validation, test, data.all_dropped), self.best_path
        )
        self.files.finish()
        return card


def _load_weights(network: keras.Model, recipe: Recipe) -> dict[str, Any] | None:
    """Fills a network with its initial weights, and freezes some layers; returns how these were trained."""
    started_from = load_initial_weights(network, recipe)
    if recipe.training.pretrained != "none":  # random layers must learn
        freeze(network, recipe.training.trainable_from)
    if recipe.training.teacher_weight:
        load_describers()  # missing ones are reported before the data is read
    return started_from


def _measured(prepared: Prepared) -> Prepared:
    _note(f"Measuring the speed: {LONGEST:.0f} seconds at most after compiling.")
    return prepared.measured()


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
