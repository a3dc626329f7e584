"""facekit.core.lazy_imports: heavy libraries load without a word."""

import logging
from collections.abc import Callable

from facekit.core.lazy_imports import import_keras


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
