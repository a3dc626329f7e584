"""Pipeline of stages that run concurrently, each in its own thread, on items that stay in order."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Self

POLL_SECONDS = 0.1  # interval at which a waiting caller checks for a stop
SHUTDOWN_SECONDS = 3.0  # time that the threads get to end; a camera's driver may hang forever


@dataclass(frozen=True)
class _End:
    """Marker after the last item, with the error that ended the sequence, if any."""

    error: BaseException | None = None


class Pipeline:
    """Passes items through stages; iterating yields the last stage's results in order.

    At most `in_flight` items are between the first stage and the caller, whose item counts until it requests the next
    one: this bounds memory and latency. Further items wait before the first stage: the source blocks, or, with
    `drop_old`, all but its newest item are dropped.

    Errors of a stage or the source are raised to the caller, after all earlier results. The source is read in a thread
    of its own. Setting `stop` ends the iteration soon.

    Args:
        stages: name -> function of an item, or of the previous stage's result; called from one thread only.
    """

    def __init__(
        self,
        source: Iterable[Any],
        stages: Mapping[str, Callable[[Any], Any]],
        drop_old: bool,
        in_flight: int,
        stop: threading.Event,
    ) -> None:
        self.on_idle: Callable[[], bool] = lambda: True  # called while the iteration waits; False ends the iteration
        self.dropped = 0  # number of items that newer ones replaced; may be set to leave some out
        self.stop = stop
        self._drop_old = drop_old
        self._changed = threading.Condition()
        self._waiting: deque[Any] = deque(maxlen=1)  # between the source's thread and the first stage's
        self._last: _End | None = None  # follows it
        self._slots = threading.Semaphore(in_flight)
        get: Callable[[], Any] = self._admit
        self._threads = [threading.Thread(target=self._read, args=(source,), name="capture", daemon=True)]
        for name, function in stages.items():
            queue: SimpleQueue[Any] = SimpleQueue()
            self._threads.append(
                threading.Thread(target=self._work, args=(get, function, queue), name=name, daemon=True)
            )
            get = queue.get
        self._results = queue

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._end(_End())
        self._slots.release()
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def __iter__(self) -> Iterator[Any]:
        while not self.stop.is_set():
            try:
                item = self._results.get(timeout=POLL_SECONDS)
            except Empty:
                if not self.on_idle():
                    self.stop.set()
                continue
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
                with self._changed:
                    self._changed.wait_for(lambda: self._last or self._drop_old or not self._waiting)
                    if self._last:
                        break
                    self.dropped += len(self._waiting)
                    self._waiting.append(item)
                    self._changed.notify_all()
        except BaseException as error:
            end = _End(error)
        self._end(end)

    def _end(self, end: _End) -> None:
        """Sets the end, which follows the waiting item. Only the first call has an effect."""
        with self._changed:
            self._last = self._last or end
            self._changed.notify_all()

    def _admit(self) -> Any:
        """Waits for a free slot, then for an item or the end."""
        self._slots.acquire()
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._last)
            item = self._waiting.popleft() if self._waiting else self._last
            self._changed.notify_all()
            return item

    def _work(self, get: Callable[[], Any], function: Callable[[Any], Any], results: "SimpleQueue[Any]") -> None:
        while not isinstance(item := get(), _End) and not self.stop.is_set():
            try:
                results.put(function(item))
            except BaseException as error:
                item = _End(error)
                break
        results.put(item if isinstance(item, _End) else _End())
