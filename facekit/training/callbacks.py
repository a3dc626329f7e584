"""Keras callbacks of a training: progress, validation, logs and checkpoints."""

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from tqdm import tqdm

from facekit.core.errors import TrainingError
from facekit.core.files import writing
from facekit.evaluation.curves import draw_curves
from facekit.evaluation.history import History, write_history
from facekit.training.interruption import Interruption

SAVE_EVERY = 300.0  # seconds that a kill may cost: far longer than saving takes, far shorter than some epochs


class Progress(keras.callbacks.Callback):
    """Shows one bar an epoch, with chips a second and the loss of each head; stops when a loss is not a number.

    Adds `seconds` and `chips_per_second` to the epoch's figures; the rate leaves out the very first step, which
    compiles. Losses are fetched once a second: each time, the accelerator has to finish its work.

    Args:
        epochs, steps, batch_size: of the training, of an epoch, of a step.
        first_step: of the first epoch, where a resumed training continues.
    """

    def __init__(self, epochs: int, steps: int, batch_size: int, first_step: int = 0) -> None:
        super().__init__()
        self.epochs, self.steps, self.batch_size, self.first_step = epochs, steps, batch_size, first_step
        self.compiled = False
        self.bar = tqdm(disable=True)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.title = f"Epoch {epoch + 1}/{self.epochs}"
        self.begun = time.perf_counter()
        self._count_from(self.first_step)
        self.first_step = 0

    def _count_from(self, step: int) -> None:
        """Starts the bar and its rate at a step."""
        self.first = self.done = step
        self.started = self.updated = time.perf_counter()
        self.bar = tqdm(
            total=self.steps * self.batch_size,
            initial=step * self.batch_size,
            desc=self.title,
            unit=" chips",
            leave=False,
            mininterval=1,
            disable=None,  # on terminals only
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.done += 1
        if not self.compiled:
            self._update(logs)
            self.bar.close()
            self._count_from(self.done)
            self.compiled = True
        elif time.perf_counter() - self.updated > 1:
            self._update(logs)

    def close(self) -> None:
        """Clears the bar, for what is printed after it."""
        self.bar.close()

    def _update(self, logs: dict[str, Any] | None) -> None:
        losses = {name: float(value) for name, value in (logs or {}).items()}  # waits for the step
        if not math.isfinite(losses.get("loss", 0)):
            raise TrainingError(
                "The loss is no longer a number. Lower the learning rate or use the precision float32; "
                "the weights of the epochs before are safe."
            )
        self.updated = time.perf_counter()
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in losses.items()}, refresh=False)
        self.bar.update(self.done * self.batch_size - self.bar.n)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._update(logs)
        self.bar.close()
        logs = {} if logs is None else logs  # the same for all callbacks
        logs["seconds"] = self.updated - self.begun
        if self.done > self.first:
            logs["chips_per_second"] = (self.done - self.first) * self.batch_size / (self.updated - self.started)


class EpochEnd(keras.callbacks.Callback):
    """Validates after each epoch, logs the figures of both sides, and saves the run.

    Args:
        folder: of the run; gets history.csv, curves.png and TensorBoard's events.
        history: of the epochs before; the epoch's figures are appended.
        validate: returns the validation's figures.
        save: called last, to save weights and checkpoint.
    """

    def __init__(
        self,
        folder: Path,
        history: History,
        validate: Callable[[], dict[str, float]],
        save: Callable[[], None],
    ) -> None:
        super().__init__()
        self.folder, self.history, self.validate, self.save = folder, history, validate, save

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        from tensorboard.summary import Writer

        self.writer = Writer(str(self.folder))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        figures = {"epoch": epoch + 1.0, **{name: float(value) for name, value in (logs or {}).items()}}
        figures["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        begun = time.perf_counter()
        figures |= {f"val_{name}": value for name, value in self.validate().items()}
        figures["val_seconds"] = time.perf_counter() - begun
        self.history.append({name: float(f"{value:.6g}") for name, value in figures.items()})
        with writing(self.folder, TrainingError):
            for name, value in figures.items():
                self.writer.add_scalar(name, value, epoch + 1)
            self.writer.flush()
            write_history(self.folder / "history.csv", self.history)
            draw_curves(self.folder / "curves.png", self.history)
        print_epoch(self.history)
        self.save()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.writer.close()


class MidEpoch(keras.callbacks.Callback):
    """Saves the run every few minutes and after a signal; continues the mean losses of an epoch that was interrupted.

    Args:
        step: from which the first epoch continues.
        steps: of an epoch.
        save: called with the number of steps that are done.
        interruption: waits for the next step after the first one.
    """

    def __init__(self, step: int, steps: int, save: Callable[[int], None], interruption: Interruption) -> None:
        super().__init__()
        self.step, self.steps, self.save, self.interruption = step, steps, save, interruption

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.losses = [variable.numpy() for variable in self.model.metrics_variables] if self.step else []
        self.saved = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for variable, value in zip(self.model.metrics_variables, self.losses, strict=False):  # `fit` has set them to 0
            variable.assign(value)
        self.losses = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.step += 1
        self.interruption.unsaved = True
        due = self.step < self.steps and time.monotonic() - self.saved >= SAVE_EVERY
        due = due or self.interruption.is_requested
        if due and math.isfinite(float((logs or {}).get("loss", 0))):  # else `Progress` stops the run
            self.save(self.step)
            self.saved = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.step, self.saved = 0, time.monotonic()  # `EpochEnd` has saved it


def print_epoch(history: History) -> None:
    """Prints one line about the last epoch."""
    rates = {"chips_per_second": "{:,.0f} chips/s", "seconds": "{:.0f} s", "val_seconds": "validation {:.0f} s"}
    figures = history[-1]
    losses = [
        f"{name} {value:.3f}" for name, value in figures.items() if name not in ("epoch", "learning_rate", *rates)
    ]
    times = [text.format(figures[name]) for name, text in rates.items() if name in figures]
    tqdm.write(f"Epoch {figures['epoch']:.0f}: {'  '.join(losses)}  {', '.join(times)}", sys.stderr)
