"""What happens between the steps of `fit`: progress, validation, logs, weights and checkpoints."""

import csv
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from tqdm import tqdm

from facekit.errors import TrainingError
from facekit.files import atomic_path
from facekit.training.checkpoints import History


class Progress(keras.callbacks.Callback):
    """One bar an epoch, with chips a second and the loss of each head; stops when a loss is no number."""

    def __init__(self, epochs: int, steps: int, batch_size: int) -> None:
        super().__init__()
        self.epochs, self.steps, self.batch_size = epochs, steps, batch_size

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar = tqdm(
            total=self.steps * self.batch_size,
            desc=f"Epoch {epoch + 1}/{self.epochs}",
            unit=" chips",
            leave=False,
            mininterval=1,
            disable=None,  # on terminals only
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {name: float(value) for name, value in (logs or {}).items()}
        if not math.isfinite(logs.get("loss", 0)):
            raise TrainingError(
                "The loss is no longer a number. Lower --learning-rate or use --precision float32; "
                "the weights of the epochs before are safe."
            )
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in logs.items()}, refresh=False)
        self.bar.update(self.batch_size)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar.close()


class EpochEnd(keras.callbacks.Callback):
    """Adds the validation's figures to the training's, logs both, and saves the run.

    Args:
        folder: of the run; gets history.csv and TensorBoard's events.
        history: of the epochs before; the epoch's figures are appended.
        validate: gives the validation's figures.
        finish: called last, to save what the run needs to go on.
    """

    def __init__(
        self,
        folder: Path,
        history: History,
        validate: Callable[[], dict[str, float]],
        finish: Callable[[], None],
    ) -> None:
        super().__init__()
        self.folder, self.history, self.validate, self.finish = folder, history, validate, finish

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        from tensorboard.summary import Writer

        self.writer = Writer(str(self.folder))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        figures = {"epoch": epoch + 1.0, **{name: float(value) for name, value in (logs or {}).items()}}
        figures["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        figures |= {f"val_{name}": value for name, value in self.validate().items()}
        self.history.append({name: round(value, 6) for name, value in figures.items()})
        try:
            for name, value in figures.items():
                self.writer.add_scalar(name, value, epoch + 1)
            self.writer.flush()
            write_history(self.folder / "history.csv", self.history)
        except OSError as error:
            raise TrainingError(
                f"Cannot write to {self.folder}: {error.strerror or error}. Free the space, then --resume."
            ) from error
        self.finish()
        print_epoch(self.history)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.writer.close()


def write_history(path: Path, history: History) -> None:
    """A table with one row an epoch."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(history[0]))
        table.writeheader()
        table.writerows(history)


def print_epoch(history: History) -> None:
    """One line on the epoch that is done."""
    figures = history[-1]
    names = [name for name in figures if name not in ("epoch", "learning_rate")]
    line = "  ".join(f"{name} {figures[name]:.3f}" for name in names)
    tqdm.write(f"Epoch {figures['epoch']:.0f}: {line}", sys.stderr)
