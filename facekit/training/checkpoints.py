"""Checkpoints: the state of a run between two steps, in one file that is replaced whole."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from facekit.core.errors import TrainingError, WeightsError
from facekit.core.files import writing
from facekit.evaluation.history import History
from facekit.networks.hdf5 import Tensors, read_hdf5, write_hdf5
from facekit.networks.weights import assign_tensors, network_tensors, random_states


@dataclass(frozen=True)
class Checkpoint:
    """State that a run needs to continue.

    Args:
        tensors: "network/..." by path; by number "optimizer/...", "random/...", the states of dropout, and
            "losses/...", the means of the epoch so far.
        history: the figures of each epoch that is done.
        step: how many of the epoch after these are done.
    """

    tensors: Tensors
    history: History
    step: int

    def restore(self, model: keras.Model) -> None:
        """Sets the state of a `ResidentModel`. Raises WeightsError if it was made by another network."""
        assign_tensors(model.network, self._part("network/"))
        for name, variables in _ordered(model).items():
            saved = self._part(f"{name}/")
            for number, variable in enumerate(variables):
                variable.assign(saved[f"{number:04}"])

    def _part(self, prefix: str) -> Tensors:
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


def save_checkpoint(path: Path, model: keras.Model, history: History, step: int) -> None:
    """Writes the state of a `ResidentModel`. Raises TrainingError and leaves the former checkpoint in place."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()  # JAX keeps the state to itself during an epoch
    tensors: dict[str, Any] = {f"network/{name}": tensor for name, tensor in network_tensors(model.network).items()}
    for name, variables in _ordered(model).items():
        for number, variable in enumerate(variables):
            tensors[f"{name}/{number:04}"] = variable.numpy()
    with writing(path, TrainingError):
        write_hdf5(path, {**tensors, "history": json.dumps(history), "step": step}, {})


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint. Raises WeightsError if it is damaged."""
    tensors, _ = read_hdf5(path)
    try:
        history, step = json.loads(bytes(tensors.pop("history"))), int(tensors.pop("step"))
    except (KeyError, TypeError, ValueError) as error:  # another file under this name, or an old one that is damaged
        raise WeightsError(f"{path} is damaged or not a checkpoint. Start a new run.") from error
    return Checkpoint(tensors, history, step)


def _ordered(model: keras.Model) -> dict[str, list[keras.Variable]]:
    """Lists variables whose paths may differ between two processes, but whose order does not."""
    return {
        "optimizer": model.optimizer.variables,
        "random": random_states(model.network),
        "losses": model.metrics_variables,
    }
