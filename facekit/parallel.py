"""Work on many pictures in several processes, each with an estimator: in order, in bounded memory.

A process that a picture ends costs that picture only.
"""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from facekit.core.errors import FaceKitError, PictureError, UsageError
from facekit.core.lazy_imports import openvino_core
from facekit.faces.images import Item, count_pixels

if TYPE_CHECKING:
    from facekit.estimator import FaceEstimator

Result = TypeVar("Result")
Source = TypeVar("Source", bound=Item)
# For each process, so many pictures and pixels are handed out at a time. A larger picture waits until it is alone.
_PICTURES, _PIXELS = 4, 32_000_000

_estimator: "FaceEstimator"  # of a worker process


def count_cores() -> int:
    """Returns the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers:
    """Processes, each with a copy of an estimator that answers on one core. Leaving the context ends them at once.

    They import the main module of the program, as `multiprocessing` does: a script must start its work under
    `if __name__ == "__main__"`.

    Args:
        estimator: is copied.
        count: number of processes.

    Raises:
        UsageError: there is no worker, or the estimator runs on Keras.
    """

    def __init__(self, estimator: "FaceEstimator", count: int) -> None:
        if count < 1:
            raise UsageError(
                f"workers must be at least 1. Received: {count}. Leave it out for the default.", argument="workers"
            )
        if estimator.runtime == "keras":
            raise UsageError(
                "Several workers need the runtime openvino. Received: keras. Use one worker.", argument="workers"
            )
        estimator.keep_graphs()
        self._count = count
        self._pool = ProcessPool(count, initializer=_start, initargs=(estimator,), context=get_context("spawn"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    def map(
        self, work: Callable[["FaceEstimator", Any], Result], items: Iterable[tuple[Source, Any]]
    ) -> Iterator[tuple[Source, Result | PictureError]]:
        """Yields each picture with what `work` returns for it, in order.

        Args:
            work: a function of a module, called with the estimator and a task; both are pickled, as is what it returns.
            items: pictures, and the task for each.

        Returns:
            An iterator; a picture that ended two processes has a PictureError in place of a result.

        Raises:
            FaceKitError: no process can be started.
        """
        waiting: deque[_Waiting[Source, Result]] = deque()
        n_pixels = 0
        try:
            for item, task in items:
                pixels = count_pixels(item)
                full = self._count * _PICTURES
                while waiting and (len(waiting) >= full or n_pixels + pixels > self._count * _PIXELS):
                    first = waiting.popleft()
                    n_pixels -= first.n_pixels
                    yield first.item, first.result()
                with _interrupts_held():
                    waiting.append(_Waiting(item, pixels, partial(self._pool.schedule, _work, (work, task))))
                n_pixels += pixels
            for last in waiting:
                yield last.item, last.result()
        except BrokenProcessPool as error:
            raise FaceKitError(
                f"The worker processes end at once: {error}. Use one worker.", argument="workers"
            ) from error


class _Waiting(Generic[Source, Result]):
    """A picture that was handed out."""

    def __init__(self, item: Source, n_pixels: int, schedule: Callable[[], "ProcessFuture[Result]"]) -> None:
        self.item, self.n_pixels, self._schedule = item, n_pixels, schedule
        self._future = schedule()

    def result(self) -> Result | PictureError:
        """Waits. What ended a process may have been another picture's want of memory: the picture is tried again."""
        with suppress(ProcessExpired):
            return self._future.result()
        try:
            return self._schedule().result()
        except ProcessExpired as error:
            name = self.item if isinstance(self.item, str | Path) else f"one of type {type(self.item).__name__}"
            return PictureError(
                f"A picture must not end the process that reads it. Received: {name}, "
                f"which ended two (exit status {error.exitcode}). Leave it out."
            )


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Starts processes that Ctrl-C does not reach while they are being set up; the program itself ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(estimator: "FaceEstimator") -> None:
    """Sets a worker process up."""
    global _estimator
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a file that is being written is removed
    openvino_core().set_property("CPU", {"INFERENCE_NUM_THREADS": 1})
    _estimator = estimator


def _work(work: Callable[["FaceEstimator", Any], Result], task: Any) -> Result:
    return work(_estimator, task)
