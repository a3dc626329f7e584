"""The state of a run between two epochs: weights, optimiser and history in one file that is replaced whole."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras

from facekit.errors import TrainingError
from facekit.files import atomic_path
from facekit.weights import Tensors, assign_tensors, network_tensors, read_tensors

History = list[dict[str, float]]


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on.

    Args:
        tensors: "network/..." and "optimizer/..." by path.
        history: the figures of each epoch that is done.
        fingerprint: of the training chips' names; other data would be another run.
    """

    tensors: Tensors
    history: History
    fingerprint: str

    def restore(self, network: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        """Raises WeightsError if it was made by another network."""
        assign_tensors(network, self._part("network/"))
        saved = self._part("optimizer/")
        for number, variable in enumerate(optimizer.variables):
            variable.assign(saved[f"{number:04}"])

    def _part(self, prefix: str) -> Tensors:
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


def save_checkpoint(
    path: Path, network: keras.Model, optimizer: keras.optimizers.Optimizer, history: History, fingerprint: str
) -> None:
    """Writes the state after an epoch. Raises TrainingError, the former checkpoint in place."""
    try:
        with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
            for name, tensor in network_tensors(network).items():
                file[f"network/{name}"] = tensor
            for number, variable in enumerate(optimizer.variables):  # paths may be equal, the order never changes
                file[f"optimizer/{number:04}"] = keras.ops.convert_to_numpy(variable.value)
            file.attrs["fingerprint"] = fingerprint
            file.create_dataset("history", data=json.dumps(history))
    except OSError as error:
        raise TrainingError(f"Cannot write {path}: {error.strerror or error}. Make room, then --resume.") from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Raises WeightsError if the file is damaged."""
    tensors: dict[str, Any] = read_tensors(path)
    with h5py.File(path, "r") as file:
        fingerprint = str(file.attrs["fingerprint"])
    return Checkpoint(tensors, json.loads(tensors.pop("history")), fingerprint)
