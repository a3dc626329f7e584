"""Runtimes by name: they run a network on batches of faces."""

import ctypes
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from facekit.core.errors import lookup

if TYPE_CHECKING:
    from facekit.networks.cards import Card
    from facekit.networks.runtimes.runtime import Runtime


def load_runtime(weights: Path, name: str = "auto") -> "Runtime":
    """Loads the network of a weights file into a runtime.

    Args:
        weights: file that a training wrote, or a checkpoint of the original scripts.
        name: a key of RUNTIMES. "auto" is Keras if it would compute on a GPU, if KERAS_BACKEND names another backend
            than TensorFlow, or if OpenVINO is not installed; else OpenVINO.

    Raises:
        WeightsError: the weights cannot be used.
        UnknownNameError: no such runtime.
        FaceKitError: the runtime's library is not installed.
    """
    return lookup("runtime", name, RUNTIMES)(weights)


def check_installed(weights: Path, card: "Card", name: str) -> None:
    """Checks that Keras is installed if a runtime needs it, before the network is loaded for the first face.

    Args: as for `load_runtime`, and the card of the weights.

    Raises:
        MissingExtraError: it is not.
    """
    if find_spec("keras"):
        return
    from facekit.core.lazy_imports import missing_extra
    from facekit.networks.runtimes.graphs import stored_graphs

    name = _automatic() if name == "auto" else name
    if name == "keras" or not any(path.is_file() for path in stored_graphs(weights, card)):
        raise missing_extra("keras", "train")


def _openvino(weights: Path) -> "Runtime":
    from facekit.networks.runtimes.openvino import OpenVinoRuntime

    return OpenVinoRuntime(weights)


def _keras(weights: Path) -> "Runtime":
    from facekit.core.lazy_imports import import_keras

    import_keras()
    from facekit.networks.runtimes.keras import KerasRuntime

    return KerasRuntime(weights)


def _auto(weights: Path) -> "Runtime":
    return _keras(weights) if _automatic() == "keras" else _openvino(weights)


def _automatic() -> str:
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    keras = backend != "tensorflow" or not find_spec("openvino") or _keras_has_gpu()
    return "keras" if keras else "openvino"


RUNTIMES: dict[str, Callable[[Path], "Runtime"]] = {"auto": _auto, "openvino": _openvino, "keras": _keras}


def _keras_has_gpu() -> bool:
    """Tells whether TensorFlow would find a GPU, without importing it, which takes seconds."""
    if not find_spec("nvidia") or not find_spec("nvidia.cudnn"):  # the extra `gpu` installs them
        return False
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:  # no driver is installed
        return False
    count = ctypes.c_int()  # 0 where CUDA_VISIBLE_DEVICES hides the GPUs
    return cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
