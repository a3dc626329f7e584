"""The state of a run between two steps: weights, optimiser and history in one file that is replaced whole."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from facekit.core.errors import TrainingError
from facekit.networks.cards import open_weights
from facekit.networks.weights import Tensors, assign_tensors, network_tensors, random_states, read_tensors, write_hdf5

History = list[dict[str, float]]
SAVE_EVERY = 300.0  # seconds that a kill may cost: far longer than saving takes, far shorter than an epoch may be


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on.

    Args:
        tensors: "network/..." by path; by number "optimizer/...", "random/...", the states of dropout, and
            "losses/...", the means of the epoch so far.
        history: the figures of each epoch that is done.
        step: how many of the epoch after these are done.
        fingerprint: of the pictures' names; other data would be another run.
    """

    tensors: Tensors
    history: History
    step: int
    fingerprint: str

    def restore(self, model: keras.Model) -> None:
        """Raises WeightsError if it was made by another network."""
        assign_tensors(model.network, self._part("network/"))
        for name, variables in _ordered(model).items():
            saved = self._part(f"{name}/")
            for number, variable in enumerate(variables):
                variable.assign(saved[f"{number:04}"])

    def _part(self, prefix: str) -> Tensors:
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


class MidEpoch(keras.callbacks.Callback):
    """Saves the run every few minutes, and lets the epoch that was interrupted go on with its losses.

    Args:
        step: from which the first epoch goes on.
        steps: of an epoch.
        save: called with the number of steps that are done.
    """

    def __init__(self, step: int, steps: int, save: Callable[[int], None]) -> None:
        super().__init__()
        self.step, self.steps, self.save = step, steps, save

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.losses = [variable.numpy() for variable in self.model.metrics_variables] if self.step else []
        self.saved = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for variable, value in zip(self.model.metrics_variables, self.losses, strict=False):  # `fit` has set them to 0
            variable.assign(value)
        self.losses = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.step += 1
        due = self.step < self.steps and time.monotonic() - self.saved >= SAVE_EVERY
        if due and math.isfinite(float((logs or {}).get("loss", 0))):  # else `Progress` stops the run
            self.save(self.step)
            self.saved = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.step, self.saved = 0, time.monotonic()  # `EpochEnd` has saved it


def save_checkpoint(path: Path, model: keras.Model, history: History, step: int, fingerprint: str) -> None:
    """Writes the state of a `ResidentModel`. Raises TrainingError, the former checkpoint in place."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()  # JAX keeps the state to itself during an epoch
    tensors: dict[str, Any] = {f"network/{name}": tensor for name, tensor in network_tensors(model.network).items()}
    for name, variables in _ordered(model).items():
        for number, variable in enumerate(variables):
            tensors[f"{name}/{number:04}"] = variable.numpy()
    try:
        write_hdf5(path, {**tensors, "history": json.dumps(history), "step": step}, {"fingerprint": fingerprint})
    except OSError as error:
        raise TrainingError(f"Cannot write {path}: {error.strerror or error}. Make room, then --resume.") from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Raises WeightsError if the file is damaged."""
    tensors: dict[str, Any] = read_tensors(path)
    with open_weights(path) as file:
        history, step = json.loads(tensors.pop("history")), int(tensors.pop("step"))
        return Checkpoint(tensors, history, step, str(file.attrs["fingerprint"]))


def _ordered(model: keras.Model) -> dict[str, list[keras.Variable]]:
    """Variables whose paths may be equal or differ between two processes, but whose order is always the same."""
    return {
        "optimizer": model.optimizer.variables,
        "random": random_states(model.network),
        "losses": model.metrics_variables,
    }
