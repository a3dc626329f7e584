"""The state of a run between two epochs: weights, optimiser and history in one file that is replaced whole."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from facekit.cards import open_weights
from facekit.errors import TrainingError
from facekit.weights import Tensors, assign_tensors, network_tensors, random_states, read_tensors, write_hdf5

History = list[dict[str, float]]


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on.

    Args:
        tensors: "network/..." by path; "optimizer/..." and "random/...", the states of dropout, by number.
        history: the figures of each epoch that is done.
        fingerprint: of the training chips' names; other data would be another run.
    """

    tensors: Tensors
    history: History
    fingerprint: str

    def restore(self, network: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        """Raises WeightsError if it was made by another network."""
        assign_tensors(network, self._part("network/"))
        for name, variables in _ordered(network, optimizer).items():
            saved = self._part(f"{name}/")
            for number, variable in enumerate(variables):
                variable.assign(saved[f"{number:04}"])

    def _part(self, prefix: str) -> Tensors:
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


def save_checkpoint(
    path: Path, network: keras.Model, optimizer: keras.optimizers.Optimizer, history: History, fingerprint: str
) -> None:
    """Writes the state after an epoch. Raises TrainingError, the former checkpoint in place."""
    tensors = {f"network/{name}": tensor for name, tensor in network_tensors(network).items()}
    for name, variables in _ordered(network, optimizer).items():
        for number, variable in enumerate(variables):
            tensors[f"{name}/{number:04}"] = variable.numpy()
    try:
        write_hdf5(path, {**tensors, "history": json.dumps(history)}, {"fingerprint": fingerprint})
    except OSError as error:
        raise TrainingError(f"Cannot write {path}: {error.strerror or error}. Make room, then --resume.") from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Raises WeightsError if the file is damaged."""
    tensors: dict[str, Any] = read_tensors(path)
    with open_weights(path) as file:
        return Checkpoint(tensors, json.loads(tensors.pop("history")), str(file.attrs["fingerprint"]))


def _ordered(network: keras.Model, optimizer: keras.optimizers.Optimizer) -> dict[str, list[keras.Variable]]:
    """Variables whose paths may be equal or differ between two processes, but whose order is always the same."""
    return {"optimizer": optimizer.variables, "random": random_states(network)}
