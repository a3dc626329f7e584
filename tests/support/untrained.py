"""Weights files of networks that have learnt nothing: small, and the same each time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facekit.core.lazy_imports import import_keras
from facekit.faces.chips import AlignedChip, ChipConfig
from facekit.heads import GENDER, Head, NumberHead
from facekit.networks.cards import Card
from facekit.networks.config import NetworkConfig

# A network that takes the picture and its landmarks, and answers age as a number.
TWO_INPUTS = NetworkConfig(
    backbone="dlib_resnet", input_size=103, heads=(GENDER, NumberHead("age", 0, 116, "years")), features="landmarks"
)


def save_untrained(config: NetworkConfig, path: Path) -> Card:
    """Writes a weights file with random tensors, the same each time."""
    import_keras().utils.set_random_seed(0)
    from facekit.networks.network import build_network
    from facekit.networks.weights import network_tensors, save_weights

    return save_weights(network_tensors(build_network(config)), Card(name=path.stem, network=config), path)


def save_mobilenet(path: Path, heads: Sequence[Head], chip: ChipConfig | None = None, seed: int = 0) -> Path:
    """Writes the weights of a mobilenet at 32 px, whose answers differ clearly from face to face."""
    import_keras().utils.set_random_seed(seed)
    from facekit.networks.network import build_network
    from facekit.networks.weights import network_tensors, save_weights

    config = NetworkConfig(backbone="mobilenet", input_size=32, heads=tuple(heads))
    tensors = network_tensors(build_network(config))
    names = {head.name for head in heads}
    random = np.random.default_rng(seed)
    for name, tensor in tensors.items():
        if tensor.ndim > 1:  # He's initialisation; a depthwise kernel (3, 3, C, 1) sees one channel
            fan_in = np.prod(tensor.shape[:2] if tensor.shape[-1] == 1 else tensor.shape[:-1])
            scale = 20 if name.split("/")[0] in names else 1
            tensors[name] = random.normal(0, scale * np.sqrt(2 / fan_in), tensor.shape).astype(np.float32)
    save_weights(tensors, Card(name=path.stem, network=config, chip=chip or AlignedChip()), path)
    return path
