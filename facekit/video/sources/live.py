"""Live sources, which may stall, vanish and come back."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

from facekit.core.errors import FaceKitError, VideoError
from facekit.faces.images import Picture
from facekit.video.frames import Frame
from facekit.video.sources.source import Source, fitted, print_note

FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.5, 5.0  # pauses between attempts to reconnect; they double
STOP_POLL_SECONDS = 0.1  # interval at which waits check for a stop


class Stopped(Exception):
    """Raised when a wait is ended by `stop`."""


class Background:
    """A connection in a thread of its own, so that its calls have timeouts.

    A blocking read cannot be interrupted, only abandoned. The thread then closes the connection as soon as the read
    returns.

    Args:
        name: for messages.
        connect: opens the connection, which has `size`, `rate`, `read` and `close`; all of them may block and raise.
        stop: ends every wait.
        seconds: time that opening may take.

    Raises:
        VideoError: if it cannot be opened in time, or is stopped. It is closed then.
    """

    def __init__(self, name: str, connect: Callable[[], Any], stop: threading.Event, seconds: float) -> None:
        self.name, self.stop, self._connect = name, stop, connect
        self._requests: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True: read; False: close
        self._results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="facekit-connection", daemon=True).start()
        try:
            self.connection = self._wait(seconds)  # for its attributes: its methods must not be called
            return
        except Stopped:
            reason = "was stopped before it gave a picture"
        except TimeoutError:
            reason = f"gave no picture for {seconds:g} s. Check that it is on and can be reached"
        self.close()
        raise VideoError(f"{name} {reason}.", argument="source")

    def _run(self) -> None:
        try:
            with closing(self._connect()) as connection:
                self._results.put(connection)
                while self._requests.get():
                    self._results.put(connection.read())
        except Exception as error:
            self._results.put(error)

    def read(self, seconds: float) -> Picture | None:
        """Reads the next picture; None at the end. Raises as `_wait`, and as the connection."""
        self._requests.put(True)
        picture: Picture | None = self._wait(seconds)
        return picture

    def _wait(self, seconds: float) -> Any:
        """Waits for a result. Raises TimeoutError and Stopped; after any error only `close` may be called."""
        deadline = time.monotonic() + seconds
        while not self.stop.is_set():
            with suppress(queue.Empty):
                result = self._results.get(timeout=STOP_POLL_SECONDS)
                if isinstance(result, Exception):
                    raise result
                return result
            if time.monotonic() > deadline:
                raise TimeoutError
        raise Stopped

    def close(self) -> None:
        """Closes the connection as soon as it no longer blocks, without waiting for that."""
        self._requests.put(False)


class LiveSource(Source):
    """A camera or stream that is read in real time, and reconnected when it is lost or a picture takes too long.

    Size and rate of the first connection become those of all frames.
    """

    is_live = True

    def __init__(self, background: Background, reconnect: Callable[[], Background], read_timeout: float) -> None:
        self.name, self._stop = background.name, background.stop
        self.size, self.rate = background.connection.size, background.connection.rate
        self._background, self._reconnect, self._read_timeout = background, reconnect, read_timeout
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._captured, self._is_lost = time.monotonic(), False  # of the last picture

    def __iter__(self) -> Iterator[Frame]:
        index, first = 0, None
        while (picture := self._next()) is not None:
            captured = self._captured
            first = captured if first is None else first
            yield Frame(index, captured - first, fitted(picture, self.size), captured)  # another camera, or turned
            index += 1

    def seconds_lost(self) -> float:
        return time.monotonic() - self._captured if self._is_lost else 0.0

    def _next(self) -> Picture | None:
        """Reads the next picture, reconnecting as often as needed; None once stopped."""
        while not self._stop.is_set():
            reason = "gives no more pictures"
            try:
                if (picture := self._background.read(self._read_timeout)) is not None:
                    self._retry_seconds = FIRST_RETRY_SECONDS
                    self._captured, self._is_lost = time.monotonic(), False
                    return picture
            except Stopped:
                break
            except TimeoutError:
                reason = f"gave no picture for {self._read_timeout:g} s"
            except FaceKitError:
                pass  # a broken connection is treated like one that ended
            self._is_lost = True
            print_note(f"{self.name} {reason}. Trying again.")
            self._wait_until_back()
        return None

    def _wait_until_back(self) -> None:
        """Reconnects, trying until it succeeds or is stopped."""
        lost = time.monotonic()
        self._background.close()
        while not self._stop.wait(self._retry_seconds):
            self._retry_seconds = min(2 * self._retry_seconds, MAX_RETRY_SECONDS)
            with suppress(FaceKitError):
                self._background = self._reconnect()
                print_note(f"{self.name} is back after {time.monotonic() - lost:.1f} s.")
                return

    def close(self) -> None:
        self._background.close()
