"""Keras without TensorFlow's greetings."""

import os
import sys
from types import ModuleType


def import_keras() -> ModuleType:
    """Imports Keras and finds its devices; what C++ prints meanwhile, whatever the log level, is kept off stderr."""
    if "keras" in sys.modules:
        return sys.modules["keras"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import keras

        keras.ops.zeros(1)
        return keras
    finally:
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)
