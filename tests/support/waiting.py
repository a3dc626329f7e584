"""Waits for other threads and processes."""

import time
from collections.abc import Callable

LIMIT = 60.0  # seconds; generous, as a loaded machine needs it, and no test that passes waits for so long


def wait_for(is_true: Callable[[], object]) -> None:
    """Waits until a condition holds. Fails after LIMIT."""
    end = time.monotonic() + LIMIT
    while not is_true():
        assert time.monotonic() < end, f"waited {LIMIT:g} s in vain"
        time.sleep(0.005)
