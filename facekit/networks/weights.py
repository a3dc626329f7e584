"""Weights files: one HDF5 with tensors keyed by their path, and the card as an attribute."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from facekit.core.errors import WeightsError
from facekit.core.files import atomic_path, writing
from facekit.networks.cards import ORIGINAL_CARD, Card, read_card
from facekit.networks.config import NetworkConfig
from facekit.networks.hdf5 import Tensors, hash_tensors, read_hdf5, write_hdf5
from facekit.networks.legacy import load_original_checkpoint
from facekit.networks.network import build_network
from facekit.networks.wide_resnet_checkpoints import load_wide_resnet_checkpoint


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
    """Fills a network with another's weights: those of the backbone, and of each head that is the same; of no branch.

    Heads and hidden layers are copied only if features, pooling and hidden layers are equal.

    Args:
        network: what is filled.
        path: weights file of the other network.
        config: of `network`.

    Returns:
        The card of those weights.

    Raises:
        WeightsError: the file cannot be used, or has another backbone.
    """
    source, card = load_trunk(path)
    wanted, received = config.backbone_text, card.network.backbone_text
    if wanted != received:  # even of the same shapes, it may scale its pixels in another way
        raise WeightsError(
            f"The weights to start from must be of {wanted}. Received: {path} of {received}. "
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
    card = replace(card, tensors_sha256=hash_tensors(tensors))
    with writing(path, WeightsError):
        write_hdf5(path, tensors, {"card": card.to_json()})
        with atomic_path(path.with_suffix(".json")) as temporary:
            temporary.write_text(card.to_json() + "\n", encoding="utf-8")
    return card


def read_tensors(path: Path) -> Tensors:
    """Reads all tensors of a weights file by their path. Raises WeightsError."""
    return read_hdf5(path)[0]


def load_network(path: str | Path) -> tuple[keras.Model, Card]:
    """Builds and fills the network of a weights file; checkpoints of older programs are accepted too.

    Raises:
        WeightsError: the file is missing, damaged, without its card, or does not match it.
    """
    path = Path(path)
    card = read_card(path)
    if card.is_checkpoint:
        network = build_network(card.network)
        load = load_original_checkpoint if card == ORIGINAL_CARD else load_wide_resnet_checkpoint
        load(network, path)
        return network, card
    tensors = read_tensors(path)
    if hash_tensors(tensors) != card.tensors_sha256:
        raise WeightsError(f"{path} is damaged: its tensors do not match its card. Fetch or train it again.")
    network = build_network(card.network)
    assign_tensors(network, tensors)
    return network, card


def load_trunk(path: str | Path) -> tuple[keras.Model, Card]:
    """Loads a weights file as `load_network` does, without the branches of the network."""
    whole, card = load_network(path)
    if not card.network.branches:
        return whole, card
    network = build_network(card.network.trunk)
    kept = {variable.path for variable in network.variables}
    assign_tensors(network, {name: value for name, value in network_tensors(whole).items() if name in kept})
    return network, replace(card, network=card.network.trunk)


def random_states(network: keras.Model) -> list[keras.Variable]:
    """Returns the states of dropout, which are no weights, but which a resumed training needs."""
    return [variable for variable in network.variables if not _kept(variable)]


def _kept(variable: keras.Variable) -> bool:
    return "seed_generator" not in variable.path
