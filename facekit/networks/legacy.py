"""Weights files of Keras 2: those of keras-vggface and of keras-facenet, and the original script's checkpoints."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from facekit.core.errors import WeightsError
from facekit.core.files import PROJECT
from facekit.networks.hdf5 import Tensors, open_hdf5

if TYPE_CHECKING:
    import h5py
    import keras

RELEASE = "https://github.com/rcmalli/keras-vggface/releases/download/v2.0/"
# File's name -> SHA-256. The release publishes none, so only the tensors' names and shapes are checked.
RELEASE_SHA256: dict[str, str] = {}
# The same weights: alone, or with the architecture.
FACENET_FILES = ("facenet_keras_weights.h5", "facenet_keras.h5")
FACENET_TOP = {"Bottleneck", "Bottleneck_BatchNorm"}  # the embedding, which some files lack
# Names of the heads in the original script, misspelt there, and ours.
ORIGINAL_HEADS = {"predications_age": "age", "predications_gender": "gender", "predications_race": "race"}


def vggface_weights_path(model: str, include_top: bool) -> Path:
    """Returns the path of keras-vggface's released weights; downloads them from its GitHub release if they are missing.

    Args:
        model: "vgg16", "resnet50" or "senet50".
        include_top: whether the file holds the top as well.

    Raises:
        WeightsError: they are missing and cannot be downloaded.
    """
    name = f"rcmalli_vggface_tf_{'' if include_top else 'notop_'}{model}.h5"
    path = PROJECT / "vggface_weights" / name
    if not path.is_file():
        from facekit.core.download import fetch  # not at the top: reading any card imports this module

        try:
            fetch(RELEASE + name, path, RELEASE_SHA256.get(name))
        except WeightsError as error:
            raise WeightsError(
                f"{error} Put {name} into {path.parent}, or start from random weights: pretrained none.",
                argument="pretrained",
            ) from error
    return path


def load_vggface(model: "keras.Model", path: str | Path) -> None:
    """Fills a `VGGFace` network from a released file; the layers after its global pooling keep their weights.

    Raises:
        WeightsError: the file is missing or damaged, or does not have exactly the model's weights.
    """
    # Layers come in the order of the data flow.
    released = takewhile(lambda layer: layer.name not in ("global_avg_pool", "global_max_pool"), _layers(model))
    _fill(released, model.name, path, {})


def load_released_vggface(model: "keras.Model", variant: str) -> None:
    """Fills a `VGGFace` network from the released weights of a variant. Raises WeightsError."""
    load_vggface(model, vggface_weights_path(variant, include_top=False))


def facenet_weights_path() -> Path:
    """Returns the path of FaceNet's Keras weights in `vggface_weights/`. Raises WeightsError if nobody put them there.

    They are not downloaded: their project keeps them where a browser has to confirm it.
    """
    folder = PROJECT / "vggface_weights"
    for name in FACENET_FILES:
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(
        f"No {' or '.join(FACENET_FILES)} in {folder}. Fetch either where the README of nyoki-mtl/keras-facenet on "
        "GitHub says, and put it there, or start from random weights: pretrained none.",
        argument="pretrained",
    )


def load_facenet(model: "keras.Model", path: str | Path | None = None) -> None:
    """Fills `inception_resnet_v1`, or a network that was built on it, from a file of nyoki-mtl/keras-facenet.

    Args:
        model: the network.
        path: of the file; None for the one in `vggface_weights/`.

    Raises:
        WeightsError: the file is missing or damaged, or does not have exactly the weights before the embedding.
    """
    body = takewhile(lambda layer: layer.name != "pooled", _layers(model))
    _fill(body, "facenet", path or facenet_weights_path(), {}, ignored=FACENET_TOP)


def is_original_checkpoint(path: str | Path) -> bool:
    """Tells whether the file is a checkpoint of the original training script, by the names of its heads."""
    try:
        with open_hdf5(Path(path)) as file:
            return ORIGINAL_HEADS.keys() <= set(read_names(root_group(file), "layer_names"))
    except WeightsError:
        return False


def load_original_checkpoint(network: "keras.Model", path: str | Path) -> None:
    """Fills a network from a checkpoint of the original training script, saved with or without its architecture.

    Args:
        network: `vggface_backbone(200, "resnet50", scaling="wrapped")` and heads "age", "gender" and "race" (Dense).
        path: `face_weights.*.utk.h5`.

    Raises:
        WeightsError: the file is missing or damaged, or does not have exactly the network's weights.
    """
    _fill(_layers(network), network.name, path, ORIGINAL_HEADS)


def _fill(
    layers: "Iterable[keras.Layer]",
    network: str,
    path: str | Path,
    renamed: Mapping[str, str],
    ignored: Collection[str] = (),
) -> None:
    """Assigns the tensors of a file to the layers that have their names.

    Args:
        layers: that are filled.
        network: its name, for errors.
        path: of the file.
        renamed: names of layers in the file -> ours.
        ignored: layers of the file that are not needed.
    """
    weights = {f"{layer.name}/{weight.name}": weight for layer in layers for weight in layer.weights}
    tensors = {name: v for name, v in _read_tensors(path, renamed).items() if name.split("/")[0] not in ignored}
    problems = [
        _list("missing", weights.keys() - tensors.keys()),
        _list("left over", tensors.keys() - weights.keys()),
        _list(
            "of another shape",
            {name for name in weights.keys() & tensors.keys() if tuple(weights[name].shape) != tensors[name].shape},
        ),
    ]
    if any(problems):
        raise WeightsError(f"{path} does not fit {network}: {'; '.join(filter(None, problems))}.")
    for name, weight in weights.items():
        weight.assign(tensors[name])


def _list(problem: str, names: set[str]) -> str:
    """Describes the tensors that have a problem by their number and the first three names; "" for none."""
    shown = ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} {problem} ({shown})" if names else ""


def _layers(network: "keras.Model") -> "Iterator[keras.Layer]":
    """Yields the layers of a network, and those of networks nested in it."""
    for layer in network.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        else:
            yield layer


def _read_tensors(path: str | Path, renamed: Mapping[str, str]) -> Tensors:
    """Reads the tensors of a legacy file by our names, such as "conv1_7x7_s2_bn/gamma"."""
    with open_hdf5(Path(path)) as file:
        root = root_group(file)
        return {
            f"{renamed.get(layer, layer).replace('/', '_')}/{leaf.removesuffix(':0')}": dataset[()]
            for group in read_names(root, "layer_names")
            for layer, leaf, dataset in _group(group, root[group])
        }


def root_group(file: "h5py.File") -> "h5py.Group":
    """Returns the group of the layers: a whole model, unlike mere weights, has one."""
    return file.get("model_weights", file)


def _group(name: str, group: "h5py.Group") -> "Iterator[tuple[str, str, h5py.Dataset]]":
    """Yields layer, leaf and values of each tensor of a layer, or of a network that was nested as one layer."""
    names = read_names(group, "weight_names")
    # Some files' weight names have suffixes (conv1_1_1/kernel:0): the group's name is the layer's.
    nested = len({weight.rpartition("/")[0] for weight in names}) > 1
    for weight in names:
        scope, _, leaf = weight.rpartition("/")
        yield scope if nested else name, leaf, group[weight]


def read_names(group: "h5py.Group", attribute: str) -> list[str]:
    """Reads names from an attribute: bytes or text, depending on the writer."""
    names = group.attrs.get(attribute, [])
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
