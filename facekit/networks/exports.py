"""Exports the network of a weights file for programs without facekit."""

import os
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from facekit.core.errors import UsageError
from facekit.core.files import atomic_path, writing
from facekit.core.lazy_imports import import_keras
from facekit.networks.cards import Card
from facekit.networks.runtimes.graphs import OPSET, export_network, write_onnx


def write_keras(weights: Path, output: Path) -> Card:
    """Writes a plain Keras model, whole or not at all; its zip archive also holds `card.json`.

    Returns:
        The card.

    Raises:
        UsageError: the name does not end in .keras.
        WeightsError: the weights cannot be used.
        FaceKitError: the file cannot be written.
    """
    if output.suffix.lower() != ".keras":
        raise UsageError(
            f"A Keras model's name must end in .keras. Received: {output}. Choose another name.", argument="output"
        )
    import_keras()
    from facekit.networks.weights import load_network

    network, card = load_network(weights)
    with writing(output, argument="output"), atomic_path(output) as temporary:
        network.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr("card.json", card.to_json())
    return card


def write_saved_model(weights: Path, output: Path) -> Card:
    """Writes TensorFlow's SavedModel, a folder, whole or not at all; its `assets.extra` hold `card.json`.

    Returns:
        The card.

    Raises:
        UsageError: the folder exists.
        WeightsError: the weights cannot be used.
        FaceKitError: the folder cannot be written, or Keras does not run on TensorFlow.
    """
    if output.exists():
        raise UsageError(
            f"A SavedModel needs a new folder. Received: {output}, which exists. Choose another name.",
            argument="output",
        )
    with writing(output, argument="output"):
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as folder:
            model = Path(folder) / "model"
            card = export_network(weights, model, "tf_saved_model")
            (model / "assets.extra").mkdir()
            (model / "assets.extra" / "card.json").write_text(card.to_json(), encoding="utf-8")
            os.rename(model, output)
    return card


@dataclass(frozen=True)
class ExportFormat:
    """A format of networks.

    Args:
        title: for people.
        ending: of the usual name, after that of the weights.
        write: weights file, output -> card.
    """

    title: str
    ending: str
    write: Callable[[Path, Path], Card]


FORMATS = {
    "onnx": ExportFormat(f"ONNX opset {OPSET}", ".onnx", write_onnx),
    "keras": ExportFormat("Keras", ".keras", write_keras),
    "saved_model": ExportFormat("TensorFlow SavedModel", "_saved_model", write_saved_model),
}
