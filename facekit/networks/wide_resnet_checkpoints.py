"""Checkpoints of age-gender-estimation, `weights.<epoch>-<loss>.hdf5`, as Keras 2 wrote them until 2019.

Their networks average windows of 8x8 of the last map, flatten them, and have heads without biases. They take the pixels
as OpenCV gives them: blue, green, red, 0..255.
"""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import UsageError, WeightsError
from facekit.faces.chips import BoxChip
from facekit.heads import GENDER, AgeHead, ClassHead
from facekit.networks.config import NetworkConfig
from facekit.networks.hdf5 import open_hdf5
from facekit.networks.legacy import read_names, root_group

if TYPE_CHECKING:
    import h5py
    import keras

AGE = AgeHead(youngest=0, oldest=100)
# Class 0 is female in IMDB-WIKI, and male in UTKFace, by whose weights the old demo showed the opposite gender.
IMDB_GENDER = ClassHead("gender", ("Female", "Male"))
MARGIN = 0.4  # that the old demo left around the detector's box
_HEADS = {"pred_gender", "pred_age"}  # since April 2018
_OLD_HEADS = {"dense_1", "dense_2"}
_LAYER = re.compile(r"(conv2d|batch_normalization)(?:_(\d+))?")
_WINDOWS = "windows"

Layers = dict[str, list[Any]]  # name -> its datasets, in the order in which they were saved


def wide_resnet_config(path: Path) -> NetworkConfig | None:
    """Returns the network of a checkpoint, by the names of its layers and the shapes of its tensors; None for another.

    Raises:
        WeightsError: it is damaged, or of the later edition, which has another network.
    """
    with open_hdf5(path) as file:
        shapes = {name: [tuple(values.shape) for values in layer] for name, layer in _layers(file).items()}
    heads = next((heads for heads in (_HEADS, _OLD_HEADS) if heads <= shapes.keys()), None)
    if heads is None:
        return None
    if not all(_LAYER.fullmatch(name) for name in shapes.keys() - heads):
        if heads == _OLD_HEADS:
            return None  # any program's, as below
        raise WeightsError(
            f"{path} is of age-gender-estimation's TensorFlow 2 edition, an EfficientNet, which cannot be read. "
            "Use weights of its WideResNet, or train."
        )
    try:
        return _config(shapes, heads, is_utk(path))
    except (UsageError, ValueError, IndexError, ArithmeticError) as error:
        if heads == _OLD_HEADS:
            return None
        raise WeightsError(f"{path} has layers of age-gender-estimation, but of no WideResNet: {error}") from error


def is_utk(path: Path) -> bool:
    """Tells whether a checkpoint was trained on UTKFace, which its name alone says."""
    return path.stem.endswith("_utk")


def wide_resnet_chip(path: Path, config: NetworkConfig) -> BoxChip:
    """Returns how the old demo cut faces for a checkpoint."""
    return BoxChip(size=int(config.input_size), margin=0.0 if is_utk(path) else MARGIN)  # type: ignore[arg-type]


def load_wide_resnet_checkpoint(network: "keras.Model", path: Path) -> None:
    """Fills the network of `wide_resnet_config` from its checkpoint.

    Raises:
        WeightsError: the file is damaged, or its tensors do not fit.
    """
    with open_hdf5(path) as file:
        layers = {name: [values[()] for values in layer] for name, layer in _layers(file).items()}
    try:
        _fill(network, layers)
    except (ValueError, IndexError, StopIteration) as error:
        raise WeightsError(f"{path} does not fit a WideResNet: {str(error).splitlines()[0]}") from error


def _config(shapes: dict[str, list[tuple[int, ...]]], heads: set[str], utk: bool) -> NetworkConfig:
    kernels = [shapes[name][0] for name in _in_order(shapes, "conv2d")]
    wide = [kernel for kernel in kernels if kernel[:2] == (3, 3)]
    width = wide[1][3] // 16
    inputs, outputs = zip(*(shapes[name][0] for name in heads), strict=True)
    if sorted(outputs) != [2, AGE.width]:
        raise ValueError(f"heads of {sorted(outputs)} classes instead of 2 and {AGE.width}.")
    return NetworkConfig(
        backbone="wide_resnet_raw",
        input_size=4 * math.isqrt(inputs[0] // (64 * width)),
        heads=(AGE, GENDER if utk else IMDB_GENDER),
        pooling=_WINDOWS,
        options={"depth": len(wide) - 1 + 4, "width": width},
    )


def _fill(network: "keras.Model", layers: Layers) -> None:
    """Assigns the tensors of convolutions and batch norms in the order in which their layers were made."""
    import keras

    for size in (3, 1):
        ours = [
            layer
            for layer in network.layers
            if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (size, size)
        ]
        theirs = [layers[name] for name in _in_order(layers, "conv2d") if layers[name][0].shape[0] == size]
        for layer, tensors in zip(ours, theirs, strict=True):
            layer.set_weights(tensors)
    (stem,) = network.get_layer("stem").get_weights()
    network.get_layer("stem").set_weights([stem[:, :, ::-1]])  # from blue, green, red to ours
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer, name in zip(norms, _in_order(layers, "batch_normalization"), strict=True):
        layer.set_weights(layers[name])
    for head in network.output:
        layer = network.get_layer(head)
        kernels = (tensors[0] for tensors in layers.values() if tensors[0].ndim == 2)
        kernel: NDArray[np.floating] = next(kernel for kernel in kernels if kernel.shape[1] == layer.units)
        layer.set_weights([kernel, np.zeros(layer.units, np.float32)])


def _in_order(layers: dict[str, Any], kind: str) -> list[str]:
    """Returns the names of one kind of layer by their numbers, which later networks of a process continue."""
    found = {int(match[2] or 0): name for name in layers if (match := _LAYER.fullmatch(name)) and match[1] == kind}
    return [found[number] for number in sorted(found)]


def _layers(file: "h5py.File") -> Layers:
    root = root_group(file)
    layers = {name: [root[name][weight] for weight in read_names(root[name], "weight_names")]
              for name in read_names(root, "layer_names")}  # fmt: skip
    return {name: datasets for name, datasets in layers.items() if datasets}
