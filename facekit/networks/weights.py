"""Weights files: one HDF5 with tensors keyed by their path, and the card as an attribute."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import WeightsError
from facekit.core.files import atomic_path, writing
from facekit.networks.cards import ORIGINAL_CARD, Card, open_weights, read_card
from facekit.networks.config import NetworkConfig
from facekit.networks.legacy import load_original_checkpoint
from facekit.networks.network import build_network

Tensors = dict[str, NDArray[np.generic]]


def network_tensors(network: keras.Model) -> Tensors:
    """Returns the weights of a network by their path, e.g. "stem/kernel"."""
    return {variable.path: variable.numpy() for variable in network.variables if _kept(variable)}


def assign_tensors(network: keras.Model, tensors: Tensors) -> None:
    """Fills a network with tensors.

    Raises:
        WeightsError: a tensor is missing, is left over or has another shape.
    """
    variables = {variable.path: variable for variable in network.variables if _kept(variable)}
    wrong = sorted(variables.keys() ^ tensors.keys()) or sorted(
        path for path, variable in variables.items() if tuple(variable.shape) != tensors[path].shape
    )
    if wrong:
        raise WeightsError(
            f"The weights belong to another network: {len(wrong)} tensors differ, first {', '.join(wrong[:3])}."
        )
    for path, variable in variables.items():
        variable.assign(tensors[path].astype(np.float32))


def load_matching(network: keras.Model, path: Path, config: NetworkConfig) -> Card:
    """Fills a network with another's weights: those of the backbone, and of each head that is the same.

    Hidden layers belong to the heads, which are the same only where their features are.

    Args:
        network: what is filled.
        path: weights file of the other network.
        config: of `network`.

    Returns:
        The card of those weights.

    Raises:
        WeightsError: the file cannot be used, or has another backbone.
    """
    source, card = load_network(path)
    if card.network.backbone != config.backbone:  # even of the same shapes, it may scale its pixels in another way
        raise WeightsError(
            f"The weights to start from must be of {config.backbone}. Received: {path} of {card.network.backbone}. "
            "Set the recipe's backbone to that."
        )
    alike = all(getattr(config, name) == getattr(card.network, name) for name in ("features", "pooling", "hidden"))
    names = config.top_layers | card.network.top_layers
    differ = {head.name for head in set(config.heads) ^ set(card.network.heads)}
    kept = names - differ if alike else set()
    tensors = {name: value for name, value in network_tensors(network).items() if name.split("/")[0] in names}
    for name, value in network_tensors(source).items():
        owner = name.split("/")[0]
        if owner not in names or owner in kept:
            tensors[name] = value
    assign_tensors(network, tensors)
    return card


def save_weights(tensors: Tensors, card: Card, path: Path) -> Card:
    """Writes tensors and card to `path`, whole or not at all, and a copy of the card beside it for people.

    Kernels are written as float16, which halves the file; biases and batch norm's statistics, which may be beyond its
    range, stay float32.

    Returns:
        The card with the hash of what was written.

    Raises:
        WeightsError: it cannot be written.
    """
    tensors = {name: tensor.astype(np.float16 if tensor.ndim > 1 else np.float32) for name, tensor in tensors.items()}
    card = replace(card, tensors_sha256=_hash(tensors))
    with writing(path, WeightsError):
        write_hdf5(path, tensors, {"card": card.to_json()})
        with atomic_path(path.with_suffix(".json")) as temporary:
            temporary.write_text(card.to_json() + "\n", encoding="utf-8")
    return card


def write_hdf5(path: Path, datasets: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
    """Writes an HDF5 file whole or not at all. Raises OSError."""
    encoded = io.BytesIO()  # in memory first: when HDF5 writes to the file itself, it hides why that failed
    with h5py.File(encoded, "w") as file:
        for name, value in datasets.items():
            file[name] = value
        file.attrs.update(attributes)
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded.getbuffer())


def read_tensors(path: Path) -> Tensors:
    """Reads all tensors of a weights file by their path."""
    tensors: Tensors = {}

    def collect(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            tensors[str(name)] = item[()]  # bytes where damage makes the name no UTF-8

    with open_weights(path) as file:
        file.visititems(collect)
    return tensors


def load_network(path: str | Path) -> tuple[keras.Model, Card]:
    """Builds and fills the network of a weights file; the original scripts' checkpoints are accepted too.

    Raises:
        WeightsError: the file is missing, damaged, without its card, or does not match it.
    """
    path = Path(path)
    card = read_card(path)
    network = build_network(card.network)
    if card == ORIGINAL_CARD:
        load_original_checkpoint(network, path)
        return network, card
    tensors = read_tensors(path)
    if _hash(tensors) != card.tensors_sha256:
        raise WeightsError(f"{path} is damaged: its tensors do not match its card. Fetch or train it again.")
    assign_tensors(network, tensors)
    return network, card


def random_states(network: keras.Model) -> list[keras.Variable]:
    """Returns the states of dropout, which are no weights, but which a resumed training needs."""
    return [variable for variable in network.variables if not _kept(variable)]


def _kept(variable: keras.Variable) -> bool:
    return "seed_generator" not in variable.path


def _hash(tensors: Tensors) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()
