"""Keras without TensorFlow's greetings, and OpenVINO without its reports."""

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType

from facekit.core.errors import FaceKitError


def import_keras() -> ModuleType:
    """Imports Keras and finds its devices; what C++ prints meanwhile, whatever the log level, is kept off stderr."""
    if "keras" in sys.modules:
        return sys.modules["keras"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if not find_spec("tensorflow"):  # which Keras takes unless it is told otherwise
        others = [backend for backend in ("jax", "torch") if find_spec(backend)]
        os.environ.setdefault("KERAS_BACKEND", (others or ["tensorflow"])[0])  # what is missing, Keras tells
    # Keras draws with matplotlib where it is there; we never have Keras draw, and importing it takes an eighth of all.
    with _silent(), _garbage_kept(), _without("matplotlib"):
        import keras

        keras.ops.zeros(1)
        return keras


def import_openvino() -> ModuleType:
    """Imports OpenVINO without its converter of models, which we do not use.

    The converter, when it is imported, reports that to Google Analytics and leaves a number for this user in the home
    folder; and it takes twice as long as all the rest.

    Raises:
        FaceKitError: it is not installed, or does not load.
    """
    try:
        with _without("openvino.tools.ovc"):
            import openvino
    except ImportError as error:
        raise FaceKitError(
            f"OpenVINO does not load: {error}. Run: pip install openvino, or answer with --runtime keras"
        ) from error
    return openvino


@contextmanager
def _silent() -> Iterator[None]:
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)


@contextmanager
def _without(name: str) -> Iterator[None]:
    """A module that can be done without seems not to be installed."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """Imports leave next to no garbage, but Python looks for it again and again among all that they make."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
        gc.freeze()
        gc.unfreeze()  # moves all to the oldest generation, which is searched seldom
        atexit.register(gc.freeze)  # else it is searched once more at the end, which takes half a second
