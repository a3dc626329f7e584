"""Exports networks as ONNX graphs: once by Keras, then from a cache; or to a file for other programs."""

import glob
import gzip
import hashlib
import json
import sys
import tempfile
import warnings
import zlib
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from facekit.core.errors import BackendError, FaceKitError, UsageError, WeightsError
from facekit.core.files import atomic_path, cache_folder, writing
from facekit.core.lazy_imports import discarded_stderr, from_extra, import_keras, missing_extra
from facekit.faces.batch import height_and_width
from facekit.faces.features import feature_width
from facekit.networks.cards import Card, read_card
from facekit.networks.hdf5 import read_hdf5
from facekit.networks.runtimes.packing import pack_graph, unpack_graph

if TYPE_CHECKING:
    import onnx

OPSET = 18  # the newest that tf2onnx writes
# Incremented when the same configuration and tensors give another graph, because a backbone or the export changed.
EXPORT = 1
_SEAL_LENGTH = 76
_export_lock = Lock()


def load_graph(weights: Path, card: Card) -> bytes:
    """Loads the graph of a weights file, from the cache or from what lies beside it; else exports it. Caches it.

    Args:
        weights: the file.
        card: its card.

    Returns:
        An ONNX model from `picture` (n, H, W, 3) float32 RGB 0..255, and `features` (n, F) if the network takes them,
        to the values (n, width) of each head, not calibrated.

    Raises:
        WeightsError: it is not cached, and the weights cannot be used.
        MissingExtraError: it must be exported, and what that needs is not installed.
        FaceKitError: it must be exported, and Keras does not run on TensorFlow.
    """
    packed, *cached = stored_graphs(weights, card)
    key = _key(weights, card)
    for path in cached:
        with suppress(OSError, EOFError, zlib.error):  # missing, damaged or truncated
            if graph := _unsealed(gzip.decompress(path.read_bytes()), key):
                return graph
    if packed.is_file():
        with suppress(OSError, EOFError, zlib.error, ValueError, LookupError):  # damaged, or of other tensors
            content = unpack_graph(packed.read_bytes(), read_hdf5(weights)[0])
            if graph := _unsealed(content, key):
                for path in cached:
                    _store(content, path)  # which is read faster
                return graph
    for package in ("keras", "onnx", "tf2onnx"):
        if not find_spec(package):
            raise missing_extra(package, "train")
    print(f"note: {weights.name} is exported for faster answers; this is done once.", file=sys.stderr, flush=True)
    graph = export_graph(weights)
    reason = _store(graph + _seal(graph, key), cached[0]) if cached else "you have no home folder; set XDG_CACHE_HOME"
    if reason:
        print(f"note: the export cannot be kept, and will be repeated: {reason}.", file=sys.stderr, flush=True)
    return graph


def pack_beside(weights: Path) -> Path:
    """Writes the graph of weights that are to be shipped beside them, so that they answer without Keras.

    It replaces those of weights that had the file's name before.

    Raises:
        WeightsError, FaceKitError: as for `export_graph`, or it cannot be written.
    """
    card = read_card(weights)
    key, graph = _key(weights, card), export_graph(weights)
    path, *_ = stored_graphs(weights, card)
    with writing(path, WeightsError), atomic_path(path) as temporary:
        temporary.write_bytes(pack_graph(graph + _seal(graph, key), read_hdf5(weights)[0]))
    for other in path.parent.glob(f"{glob.escape(weights.stem)}-{'[0-9a-f]' * 16}.packed"):
        if other != path:
            other.unlink()
    return path


def _unsealed(content: bytes, key: str) -> bytes | None:
    """Returns the graph in what was stored, None if it is damaged or another network's."""
    graph, seal = content[:-_SEAL_LENGTH], content[-_SEAL_LENGTH:]
    return graph if seal == _seal(graph, key) else None


def _seal(graph: bytes, key: str) -> bytes:
    """Returns the end of a graph's file, which tells the graph from a damaged one and from another network's.

    It is ONNX too, a field of `ModelProto`, to which fields may be appended: metadata "sha256" with 64 digits.
    """
    digest = hashlib.sha256(key.encode())
    digest.update(graph)
    return b"\x72\x4a\x0a\x06sha256\x12\x40" + digest.hexdigest().encode()


def stored_graphs(weights: Path, card: Card) -> list[Path]:
    """Returns where the graph of a weights file may be: packed beside it, and in the cache if the user has one."""
    name, cache = graph_name(weights, card), cache_folder()
    return [weights.with_name(f"{name}.packed"), *([cache / f"{name}.onnx.gz"] if cache else [])]


def _store(graph: bytes, path: Path) -> str | None:
    """Writes a graph to the cache; returns the reason if it cannot be written."""
    try:
        with atomic_path(path) as temporary:
            # gzip for its checksum: compressing would save little.
            temporary.write_bytes(gzip.compress(graph, 0, mtime=0))
    except OSError as error:
        return f"{path.parent}: {error.strerror or error}"
    return None


def graph_name(weights: Path, card: Card) -> str:
    """Returns the graph's name, which changes with anything that the graph is made from."""
    return f"{weights.stem}-{_key(weights, card)}"


def _key(weights: Path, card: Card) -> str:
    """Returns a hash of what the graph is made from."""
    tensors = card.tensors_sha256
    if not tensors:  # a checkpoint of the original scripts
        with open(weights, "rb") as file:
            tensors = hashlib.file_digest(file, "sha256").hexdigest()
    made_from = json.dumps([EXPORT, OPSET, tensors, card.network.to_dict()])
    return hashlib.sha256(made_from.encode()).hexdigest()[:16]


def export_graph(weights: Path) -> bytes:
    """Exports the graph with Keras.

    Raises:
        WeightsError: the weights cannot be used.
        FaceKitError: Keras does not run on TensorFlow, or temporary files cannot be written.
    """
    import onnx

    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            card = export_network(weights, path, "onnx", opset_version=OPSET)
            model = onnx.load(path)
    except OSError as error:
        reason = error.strerror or error
        raise FaceKitError(f"Cannot export {weights}: {reason}. Free some space for temporary files.") from error
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "n"
    model.graph.name = card.network.backbone
    _halve(model.graph)
    return model.SerializeToString()


def export_network(weights: Path, path: Path, kind: str, **options: Any) -> Card:
    """Lets Keras export the network of a weights file, without the messages of TensorFlow's C++ code.

    Args:
        weights: the file.
        path: what is written.
        kind: "onnx" or "tf_saved_model".
        options: for this kind, as `keras.Model.export` has them.

    Raises:
        WeightsError: the weights cannot be used.
        BackendError: Keras does not run on TensorFlow.
        OSError: it cannot be written.
    """
    keras = import_keras()
    if keras.backend.backend() != "tensorflow":
        raise BackendError(
            f"Keras exports networks only with the backend TensorFlow. Received: {keras.backend.backend()}. "
            "Set KERAS_BACKEND=tensorflow."
        )
    import tensorflow as tf  # type: ignore[import-untyped]

    from facekit.networks.network import network_input
    from facekit.networks.weights import load_network

    network, card = load_network(weights)
    height, width = height_and_width(card.network.input_size)
    specs = {"picture": keras.InputSpec(shape=(None, height, width, 3), dtype="float32", name="picture")}
    if card.network.features:
        n_features = feature_width(card.network.features)
        specs["features"] = keras.InputSpec(shape=(None, n_features), dtype="float32", name="features")
    signature = [network_input(specs)]
    # The lock: `catch_warnings` changes the whole process, and may not run in two threads at once.
    with _export_lock, warnings.catch_warnings(), discarded_stderr():
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)  # Keras's, for tf2onnx
        try:
            network.export(path, kind, verbose=False, input_signature=signature, **options)
        except tf.errors.OpError as error:  # e.g. "{{function_node ...}} path; File too large [Op:SaveV2]"
            raise OSError(error.message.rpartition("; ")[2].partition(" [Op:")[0]) from error
    return card


def _halve(graph: "onnx.GraphProto") -> None:
    """Stores kernels as float16 where nothing is lost, as in the weights file; runtimes unpack them."""
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
        raise UsageError(
            f"A graph's name must end in .onnx. Received: {output}. Choose another name.", argument="output"
        )
    with from_extra("train"):
        import onnx

    card = read_card(weights)
    model = onnx.load_from_string(load_graph(weights, card))
    onnx.helper.set_model_props(model, {"card": card.to_json(), "licence": card.licence})
    with writing(output, argument="output"), atomic_path(output) as temporary:
        temporary.write_bytes(model.SerializeToString())
    return card
