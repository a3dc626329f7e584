"""Stages that work at the same time, each in its own thread, on frames that stay in their order."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

POLL = 0.1  # seconds: how soon a waiting caller sees that it shall stop
PATIENCE = 3.0  # seconds that the threads get to end; a camera's driver may hang for ever


@dataclass(frozen=True)
class _End:
    """Comes after the last item; with the error that made it the last."""

    error: BaseException | None = None


class Pipeline:
    """Items pass the stages one after the other; iterating gives what the last one made of each, in order.

    At most `in_flight` items are between the first stage and the caller, who counts until it asks for the next; so
    memory is bounded, and so is the age of what comes out. What the source gives meanwhile waits before the first
    stage: the source is held up, or, if it `drops`, all but its newest item are forgotten.

    What a stage or the source raises is raised to the caller, after all that came before it.

    Args:
        source: gives the items; read in a thread of its own.
        stages: name -> function of an item, or of what the stage before made of it; only called from one thread.
        drops: whether old items give way to new ones, as a camera's must.
        in_flight: how many items the stages and the caller hold together.
        stop: ends the iteration soon, once it is set by anyone.

    Attributes:
        idle: called where one iterates, every `POLL` seconds while nothing comes; its False ends the iteration.
    """

    def __init__(
        self,
        source: Iterable[Any],
        stages: Mapping[str, Callable[[Any], Any]],
        *,
        drops: bool,
        in_flight: int,
        stop: threading.Event,
    ) -> None:
        self.idle: Callable[[], bool] = lambda: True
        self._stop = stop
        self._intake = _Intake(drops)
        self._slots = threading.Semaphore(in_flight)
        first: Callable[[], Any] = self._admit
        self._threads = [threading.Thread(target=self._read, args=(source,), name="capture", daemon=True)]
        for name, function in stages.items():
            queue: SimpleQueue[Any] = SimpleQueue()
            self._threads.append(
                threading.Thread(target=self._work, args=(first, function, queue), name=name, daemon=True)
            )
            first = queue.get
        self._results = queue

    @property
    def dropped(self) -> int:
        """How many items gave way to newer ones."""
        return self._intake.dropped

    @property
    def is_stopped(self) -> bool:
        return self._stop.is_set()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._intake.end(_End())
        self._slots.release()
        deadline = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def __iter__(self) -> Iterator[Any]:
        while not self._stop.is_set():
            try:
                item = self._results.get(timeout=POLL)
            except Empty:
                if self.idle():
                    continue
                return
            if isinstance(item, _End):
                if item.error:
                    raise item.error
                return
            yield item
            self._slots.release()

    def _read(self, source: Iterable[Any]) -> None:
        end = _End()
        try:
            for item in source:
                if not self._intake.put(item):
                    break
        except BaseException as error:
            end = _End(error)
        self._intake.end(end)

    def _admit(self) -> Any:
        self._slots.acquire()
        return self._intake.get()

    def _work(self, get: Callable[[], Any], function: Callable[[Any], Any], results: "SimpleQueue[Any]") -> None:
        while not isinstance(item := get(), _End) and not self._stop.is_set():
            try:
                results.put(function(item))
            except BaseException as error:
                item = _End(error)
                break
        results.put(item if isinstance(item, _End) else _End())


class _Intake:
    """A place for one item, between the source's thread and the first stage's."""

    def __init__(self, drops: bool) -> None:
        self._drops = drops
        self._changed = threading.Condition()
        self._items: deque[Any] = deque(maxlen=1)
        self._end: _End | None = None
        self.dropped = 0

    def put(self, item: Any) -> bool:
        """Waits until the place is free, unless it drops what lies there. False once the end has come."""
        with self._changed:
            self._changed.wait_for(lambda: self._end or self._drops or not self._items)
            if self._end:
                return False
            self.dropped += len(self._items)
            self._items.append(item)
            self._changed.notify_all()
            return True

    def end(self, end: _End) -> None:
        """Comes after what lies there. The first end holds."""
        with self._changed:
            self._end = self._end or end
            self._changed.notify_all()

    def get(self) -> Any:
        """The item, or the end; waits for one of them."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._end)
            item = self._items.popleft() if self._items else self._end
            self._changed.notify_all()
            return item
