"""facekit.core.lazy_imports: heavy libraries load without a word."""

import logging
import subprocess
import sys
from collections.abc import Callable

from checkout import ROOT

from facekit.core.lazy_imports import import_keras

# The power is one step of the interpreter: the thread is waiting for its turn when the next step begins.
READ_TOGETHER = """
import threading, time
from facekit.faces.blazeface import _graph

first, second = (_graph(shape)[0].get_input_tensor() for shape in (None, (1, 64, 64, 3)))


def read():
    time.sleep(0.05)
    second.data


thread = threading.Thread(target=read, daemon=True)
base, exponent = 3, 2_000_000
thread.start()
base**exponent; first.data
thread.join()
"""


def test_two_threads_read_their_first_tensors_together() -> None:
    subprocess.run([sys.executable, "-c", READ_TOGETHER], cwd=ROOT, check=True, timeout=60)


def test_tensorflow_does_not_warn_of_compiling() -> None:
    import_keras()
    import tensorflow as tf

    def warnings(function: Callable[[int], int]) -> list[str]:
        """What TensorFlow logs when a function is compiled for each of eight numbers."""
        records: list[logging.LogRecord] = []
        handler.emit = records.append  # type: ignore[method-assign]
        compiled = tf.function(function)
        for number in range(8):
            compiled(number)
        return [record.getMessage() for record in records]

    log, handler = logging.getLogger("tensorflow"), logging.Handler()
    log.addHandler(handler)
    try:
        assert warnings(lambda number: 2 * number) == []
        log.setLevel(logging.WARNING)
        assert "retracing" in warnings(lambda number: 3 * number)[0]  # it would have warned
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.ERROR)
