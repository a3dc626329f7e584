"""Ends a training on a signal: at once if nothing is lost by that, else when its state is saved."""

import os
from contextlib import suppress
from typing import Any

import keras


class Interruption:
    """The signal that asks a training to end.

    Attributes:
        number: of the signal; None if none came.
        unsaved: whether steps are done that no checkpoint has.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.unsaved = False

    @property
    def is_requested(self) -> bool:
        return self.number is not None

    def request(self, number: int) -> None:
        """Handles a signal. Raises KeyboardInterrupt unless something is unsaved."""
        self.number = number
        if not self.unsaved:
            raise KeyboardInterrupt
        with suppress(OSError):  # a closed terminal; past `sys.stderr`, which may be in use
            os.write(2, b"\nSaving after this step. A second signal ends the run at once.\n")

    def saved(self) -> None:
        """Notes that a checkpoint has all steps. Raises KeyboardInterrupt if a signal has waited for that."""
        self.unsaved = False
        if self.is_requested:
            raise KeyboardInterrupt


class StopsPredicting(keras.callbacks.Callback):
    """Cuts `predict` short after a signal."""

    def __init__(self, interruption: Interruption) -> None:
        super().__init__()
        self.interruption = interruption

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.stop_predicting = self.interruption.is_requested
