"""What answers: chips -> probabilities by head."""

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
    """The network of a weights file, ready to answer.

    Args:
        weights: file that `face_train.py` wrote, or a checkpoint of the original scripts.
        name: one of RUNTIMES. "auto" is OpenVINO, or Keras where that would compute on a GPU, where KERAS_BACKEND asks
            for another backend than TensorFlow, or where OpenVINO is not installed.

    Raises:
        WeightsError: the weights cannot be used.
        UnknownNameError: no such runtime.
        FaceKitError: what the runtime needs is not installed.
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
    """Whether TensorFlow would find one, told without the seconds that its import takes."""
    if not find_spec("nvidia") or not find_spec("nvidia.cudnn"):  # from the extra `gpu`
        return False
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:  # no driver
        return False
    count = ctypes.c_int()  # which CUDA_VISIBLE_DEVICES may make zero
    return cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
