"""Runtimes by name: they run a network on batches of faces."""

import ctypes
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from facekit.core.errors import lookup

if TYPE_CHECKING:
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


def _openvino(weights: Path) -> "Runtime":
    from facekit.networks.runtimes.openvino import OpenVinoRuntime

    return OpenVinoRuntime(weights)


def _keras(weights: Path) -> "Runtime":
    from facekit.core.lazy_imports import import_keras

    import_keras()
    from facekit.networks.runtimes.keras import KerasRuntime

    return KerasRuntime(weights)


def _auto(weights: Path) -> "Runtime":
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    keras = backend != "tensorflow" or not find_spec("openvino") or _keras_has_gpu()
    return _keras(weights) if keras else _openvino(weights)


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
