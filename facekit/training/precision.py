"""Chooses the number format that trains faster on this machine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from facekit.core.errors import lookup

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # Keras's names


def choose_precision(precision: str) -> str:
    """Measures which of POLICIES is faster for "auto"; returns others as they are. Raises UnknownNameError."""
    lookup("precision", precision, {"auto": "", **POLICIES})
    return min(POLICIES, key=_seconds) if precision == "auto" else precision


@contextmanager
def dtype_policy(name: str) -> Iterator[str]:
    """Gives layers made inside a policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield name
    finally:
        keras.config.set_dtype_policy(before)


def _seconds(precision: str) -> float:
    """Times a few convolutions like those of the networks: processors without bfloat16 units emulate it slowly."""
    with dtype_policy(POLICIES[precision]):
        model = keras.Sequential([keras.layers.Conv2D(128, 3, padding="same") for _ in range(4)])
    model(batch := np.ones((16, 32, 32, 128), np.float32))  # builds
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        keras.ops.convert_to_numpy(keras.ops.cast(model(batch), "float32"))
        best = min(best, time.perf_counter() - start)
    return best
