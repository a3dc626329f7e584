"""Keras without TensorFlow's greetings."""

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType


def import_keras() -> ModuleType:
    """Imports Keras and finds its devices; what C++ prints meanwhile, whatever the log level, is kept off stderr."""
    if "keras" in sys.modules:
        return sys.modules["keras"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if not find_spec("tensorflow"):  # which Keras takes unless it is told otherwise
        others = [backend for backend in ("jax", "torch") if find_spec(backend)]
        os.environ.setdefault("KERAS_BACKEND", (others or ["tensorflow"])[0])  # what is missing, Keras tells
    with _silent(), _garbage_kept(), _without_matplotlib():
        import keras

        keras.ops.zeros(1)
        return keras


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
def _without_matplotlib() -> Iterator[None]:
    """Keras draws with it where it is there; we never have Keras draw, and importing it takes an eighth of all."""
    if "matplotlib" in sys.modules:
        yield
        return
    sys.modules["matplotlib"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["matplotlib"]


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
