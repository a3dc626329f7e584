"""What happens between the steps of `fit`: progress, validation, logs, weights and checkpoints."""

import csv
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from tqdm import tqdm

from facekit.core.errors import TrainingError
from facekit.core.files import atomic_path
from facekit.training.checkpoints import History
from facekit.training.curves import draw_curves


class Progress(keras.callbacks.Callback):
    """One bar an epoch, with chips a second and the loss of each head; stops when a loss is no number.

    Adds `seconds` and `chips_per_second` to the epoch's figures; the rate leaves out the first step of all, which
    compiles. Losses are fetched once a second: each time, the accelerator has to finish what it was given.

    Args:
        epochs, steps, batch_size: of the training, of an epoch, of a step.
        first_step: of the first epoch, where a resumed training goes on.
    """

    def __init__(self, epochs: int, steps: int, batch_size: int, first_step: int = 0) -> None:
        super().__init__()
        self.epochs, self.steps, self.batch_size, self.first_step = epochs, steps, batch_size, first_step
        self.compiled = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.title = f"Epoch {epoch + 1}/{self.epochs}"
        self.begun = time.perf_counter()
        self._count_from(self.first_step)
        self.first_step = 0

    def _count_from(self, step: int) -> None:
        """The bar's rate and ours begin here."""
        self.first = self.done = step
        self.started = self.shown = time.perf_counter()
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
            self._show(logs)
            self.bar.close()
            self._count_from(self.done)
            self.compiled = True
        elif time.perf_counter() - self.shown > 1:
            self._show(logs)

    def _show(self, logs: dict[str, Any] | None) -> None:
        losses = {name: float(value) for name, value in (logs or {}).items()}  # waits for the step
        if not math.isfinite(losses.get("loss", 0)):
            raise TrainingError(
                "The loss is no longer a number. Lower --learning-rate or use --precision float32; "
                "the weights of the epochs before are safe."
            )
        self.shown = time.perf_counter()
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in losses.items()}, refresh=False)
        self.bar.update(self.done * self.batch_size - self.bar.n)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._show(logs)
        self.bar.close()
        logs = {} if logs is None else logs  # the same for all callbacks
        logs["seconds"] = self.shown - self.begun
        if self.done > self.first:
            logs["chips_per_second"] = (self.done - self.first) * self.batch_size / (self.shown - self.started)


class EpochEnd(keras.callbacks.Callback):
    """Adds the validation's figures to the training's, logs both, saves the run, and stops it when it is in vain.

    Args:
        folder: of the run; gets history.csv, curves.png and TensorBoard's events.
        history: of the epochs before; the epoch's figures are appended.
        validate: gives the validation's figures.
        finish: called last, to save what the run needs to go on.
        patience: see `out_of_patience`.
    """

    def __init__(
        self,
        folder: Path,
        history: History,
        validate: Callable[[], dict[str, float]],
        finish: Callable[[], None],
        patience: int | None = None,
    ) -> None:
        super().__init__()
        self.folder, self.history, self.validate, self.finish = folder, history, validate, finish
        self.patience = patience

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
        try:
            for name, value in figures.items():
                self.writer.add_scalar(name, value, epoch + 1)
            self.writer.flush()
            write_history(self.folder / "history.csv", self.history)
            draw_curves(self.folder / "curves.png", self.history)
        except OSError as error:
            raise TrainingError(
                f"Cannot write to {self.folder}: {error.strerror or error}. Free the space, then --resume."
            ) from error
        self.finish()
        print_epoch(self.history)
        if out_of_patience(self.history, self.patience):
            self.model.stop_training = True
            tqdm.write(f"Stopped: {self.patience} epochs without a lower validation loss.", sys.stderr)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.writer.close()


def out_of_patience(history: History, patience: int | None) -> bool:
    """Whether the last `patience` epochs all had a validation loss no lower than an earlier one; never for None."""
    losses = [epoch["val_loss"] for epoch in history]
    return bool(losses) and patience is not None and len(losses) - 1 - losses.index(min(losses)) >= patience


def write_history(path: Path, history: History) -> None:
    """A table with one row an epoch; what an epoch lacks is left empty."""
    names = list(dict.fromkeys(name for figures in history for name in figures))
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        table.writerows(history)


def print_epoch(history: History) -> None:
    """One line on the epoch that is done."""
    pace = {"chips_per_second": "{:,.0f} chips/s", "seconds": "{:.0f} s", "val_seconds": "validation {:.0f} s"}
    figures = history[-1]
    losses = [f"{name} {value:.3f}" for name, value in figures.items() if name not in ("epoch", "learning_rate", *pace)]
    times = [text.format(figures[name]) for name, text in pace.items() if name in figures]
    tqdm.write(f"Epoch {figures['epoch']:.0f}: {'  '.join(losses)}  {', '.join(times)}", sys.stderr)
