"""Clean shutdown on signals."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Ctrl-C, a request to terminate, and a closed terminal, which Windows does not report.
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interrupted(KeyboardInterrupt):
    """A program that a signal ended in good order.

    Args:
        number: of the signal.
        resume: name of what can be resumed; None for nothing.
    """

    def __init__(self, number: int, resume: str | None = None) -> None:
        super().__init__()
        self.number, self.resume = number, resume


@contextmanager
def handled_signals(on_signal: Callable[[int], None]) -> Iterator[None]:
    """Calls `on_signal` with the number of the first of SIGNALS; a second one ends the program at once."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return

    def handle(number: int, frame: Any) -> None:
        restore()
        on_signal(number)

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    active = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup ignores SIGHUP
    previous = {number: signal.signal(number, handle) for number in active}
    try:
        yield
    finally:
        restore()
