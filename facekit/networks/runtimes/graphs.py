"""Weights -> the graph of their network in ONNX, from Keras once and then from a cache; and the same as a file."""

import gzip
import hashlib
import json
import os
import sys
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facekit.core.errors import FaceKitError, UsageError
from facekit.core.files import atomic_path
from facekit.core.lazy_imports import import_keras
from facekit.networks.cards import Card, read_card

if TYPE_CHECKING:
    import onnx

OPSET = 18  # the newest that tf2onnx writes
# Raised when the same configuration and tensors give another graph, because a backbone or the export changed.
EXPORT = 1


def load_graph(weights: Path, card: Card) -> bytes:
    """The graph of a weights file: what lies beside it, or in the cache; else exported, and kept in the cache.

    Args:
        weights: the file.
        card: what it says of itself.

    Returns:
        ONNX from `picture`, (n, S, S, 3) float32 RGB 0..255, to each head's probabilities (n, classes), not calibrated.

    Raises:
        WeightsError: it must be exported, and the weights cannot be used.
        FaceKitError: it must be exported, and Keras does not run on TensorFlow.
    """
    name = graph_name(weights, card)
    cache = cache_folder()
    for path in (weights.parent / name, *([cache / name] if cache else [])):
        try:
            if graph := gzip.decompress(path.read_bytes()):
                return graph
        except (OSError, EOFError, zlib.error):  # not there, damaged, or cut off
            pass
    print(f"note: {weights.name} is exported for faster answers; this is done once.", file=sys.stderr, flush=True)
    graph = export_graph(weights)
    reason = _keep(graph, cache / name) if cache else "you have no home folder; set XDG_CACHE_HOME"
    if reason:
        print(f"note: what was exported cannot be kept, and will be again: {reason}.", file=sys.stderr, flush=True)
    return graph


def _keep(graph: bytes, path: Path) -> str | None:
    """Writes it; why it cannot be written, such as a full disk, is no error."""
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(gzip.compress(graph, 0, mtime=0))  # for its checksum: packing it would save little
    except OSError as error:
        return f"{path.parent}: {error.strerror or error}"
    return None


def graph_name(weights: Path, card: Card) -> str:
    """The name of its file, which is another one when anything that it is made from is."""
    tensors = card.tensors_sha256
    if not tensors:  # a checkpoint of the original scripts
        with open(weights, "rb") as file:
            tensors = hashlib.file_digest(file, "sha256").hexdigest()
    made_from = json.dumps([EXPORT, OPSET, tensors, card.network.to_dict()])
    return f"{weights.stem}-{hashlib.sha256(made_from.encode()).hexdigest()[:16]}.onnx.gz"


def cache_folder() -> Path | None:
    """Where this system keeps what can be made again; XDG_CACHE_HOME, where it is set, on any system.

    None for a user without a home folder, as in a container that runs under another number.
    """
    variables = ("XDG_CACHE_HOME", *(["LOCALAPPDATA"] if sys.platform == "win32" else []))
    if named := next(filter(None, map(os.environ.get, variables)), None):
        return Path(named) / "facekit"
    usual = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    try:
        return Path.home() / usual / "facekit"
    except RuntimeError:
        return None


def export_graph(weights: Path) -> bytes:
    """The graph, written by Keras.

    Raises:
        WeightsError: the weights cannot be used.
        FaceKitError: Keras does not run on TensorFlow, or there is no room for temporary files.
    """
    keras = import_keras()
    if keras.backend.backend() != "tensorflow":
        raise FaceKitError(
            f"Keras exports networks with TensorFlow as its backend. Received: {keras.backend.backend()}. "
            "Set KERAS_BACKEND=tensorflow, or answer with --runtime keras."
        )
    import onnx

    from facekit.networks.weights import load_network

    network, card = load_network(weights)
    side = card.network.input_size
    picture = keras.InputSpec(shape=(None, side, side, 3), dtype="float32", name="picture")
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)  # of Keras for tf2onnx
            path = Path(folder) / "network.onnx"
            network.export(path, "onnx", verbose=False, input_signature=[picture], opset_version=OPSET)
            model = onnx.load(path)
    except OSError as error:
        raise FaceKitError(f"Cannot export {weights}: {error.strerror or error}. Free the space.") from error
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "n"
    model.graph.name = card.network.backbone
    _halve(model.graph)
    return model.SerializeToString()


def _halve(graph: "onnx.GraphProto") -> None:
    """Stores kernels as float16 where nothing is lost, as in the weights file: what reads the graph unpacks them."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim > 1 and values.dtype == np.float32:
            with np.errstate(over="ignore"):
                half = values.astype(np.float16)
            if np.array_equal(half, values):
                name = tensor.name
                tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_half"))
                casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def write_onnx(weights: Path, output: Path) -> Card:
    """Writes the graph for other programs, whole or not at all, with `card` (JSON) and `licence` as its metadata.

    Returns:
        The card.

    Raises:
        UsageError: the name does not end in .onnx.
        WeightsError: the weights cannot be used.
        FaceKitError: the file cannot be written, or Keras does not run on TensorFlow.
    """
    if output.suffix.lower() != ".onnx":  # a slip would replace a photograph, or the weights
        raise UsageError(f"A graph's name must end in .onnx. Received: {output}. Name another with --output.")
    import onnx

    card = read_card(weights)
    model = onnx.load_from_string(load_graph(weights, card))
    onnx.helper.set_model_props(model, {"card": card.to_json(), "licence": card.licence})
    try:
        with atomic_path(output) as temporary:
            temporary.write_bytes(model.SerializeToString())
    except OSError as error:
        raise FaceKitError(
            f"Cannot write {output}: {error.strerror or error}. Free the space or name another with --output."
        ) from error
    return card
