"""What cameras and streams share: they may stall or vanish, and come back."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from fractions import Fraction
from typing import Any, Generic, Protocol, TypeVar

from facekit.core.errors import FaceKitError, VideoError
from facekit.core.opencv import import_cv2
from facekit.faces.images import Picture
from facekit.video.frames import Frame
from facekit.video.sources.source import Note, Source

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds between attempts to reach what is gone
GLANCE = 0.1  # seconds between looks at whether to stop


class Connection(Protocol):
    """An open camera or stream. Its methods may block for long; they are called from one thread.

    Attributes:
        size: width, height of its pictures, pixels.
        rate: frames a second, nominally.
    """

    size: tuple[int, int]
    rate: Fraction

    def read(self) -> Picture | None:
        """The next picture, RGB; None at the end. Raises VideoError where it fails."""

    def close(self) -> None:
        """Releases it."""


C = TypeVar("C", bound=Connection)


class Stopped(Exception):
    """The wait was ended by the user."""


class Background(Generic[C]):
    """A connection that a thread of its own opens, reads and closes, so that nobody waits longer than they want.

    A blocking read cannot be interrupted from outside; it can be left alone. The thread then closes the connection as
    soon as the read returns.

    Args:
        connect: opens it; may block, and raise.
        stop: ends every wait.
    """

    def __init__(self, connect: Callable[[], C], stop: threading.Event) -> None:
        self._connect, self._stop = connect, stop
        self._asked: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True: read; False: close
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="facekit-connection", daemon=True).start()

    def _run(self) -> None:
        try:
            with closing(self._connect()) as connection:
                self._answers.put(connection)
                while self._asked.get():
                    self._answers.put(connection.read())
        except Exception as error:
            self._answers.put(error)

    def opened(self, seconds: float) -> C:
        """The connection, whose methods are not to be called. Raises as `_wait`, and what `connect` raises."""
        connection: C = self._wait(seconds)
        return connection

    def read(self, seconds: float) -> Picture | None:
        """The connection's next picture; None at its end. Raises as `_wait`, and what the connection raises."""
        self._asked.put(True)
        picture: Picture | None = self._wait(seconds)
        return picture

    def _wait(self, seconds: float) -> Any:
        """Raises TimeoutError after these seconds, and Stopped. After any error there is only `close`."""
        deadline = time.monotonic() + seconds
        while not self._stop.is_set():
            with suppress(queue.Empty):
                answer = self._answers.get(timeout=GLANCE)
                if isinstance(answer, Exception):
                    raise answer
                return answer
            if time.monotonic() > deadline:
                raise TimeoutError
        raise Stopped

    def close(self) -> None:
        """Closes the connection as soon as it does not block; does not wait for that."""
        self._asked.put(False)


class LiveSource(Source):
    """A camera or a stream that is read as it comes, and reached again where it is lost.

    Args:
        name: for messages.
        connect: opens it anew.
        background: the first connection, opened.
        size, rate: of its pictures.
        patience: seconds that a picture may take before it counts as lost.
        opening: seconds that opening may take.
        stop, note: as of `open_source`.
    """

    is_live = True

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connection],
        background: Background[Any],
        *,
        size: tuple[int, int],
        rate: Fraction,
        patience: float,
        opening: float,
        stop: threading.Event,
        note: Note,
    ) -> None:
        self.name = name
        self._connect, self._connection = connect, background
        self._patience, self._opening = patience, opening
        self._stop, self._note = stop, note
        self._pause = FIRST_PAUSE
        self.size, self.rate = size, rate

    def __iter__(self) -> Iterator[Frame]:
        cv2 = import_cv2()
        number, first = 0, None
        while (picture := self._next()) is not None:
            captured = time.monotonic()
            first = captured if first is None else first
            if picture.shape[1::-1] != self.size:  # it came back as another, or turned
                picture = cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA)
            yield Frame(number, captured - first, picture, captured)
            number += 1

    def _next(self) -> Picture | None:
        """The next picture, however long that takes; None once it is to stop."""
        while True:
            reason = "gives no more pictures"
            try:
                picture = self._connection.read(self._patience)
                if picture is not None:
                    self._pause = FIRST_PAUSE
                    return picture
            except Stopped:
                return None
            except TimeoutError:
                reason = f"gave no picture for {self._patience:g} s"
            except FaceKitError:
                pass  # a connection that broke is no news beside one that ended
            self._note(f"{self.name} {reason}. Trying again.")
            if not self._reconnect():
                return None

    def _reconnect(self) -> bool:
        """Tries until it is back; False once it is to stop."""
        lost = time.monotonic()
        self._connection.close()
        while not self._stop.wait(self._pause):
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            self._connection = Background(self._connect, self._stop)
            try:
                self._connection.opened(self._opening)
            except (FaceKitError, TimeoutError, Stopped):
                self._connection.close()
                continue
            self._note(f"{self.name} is back after {time.monotonic() - lost:.1f} s.")
            return True
        return False

    def close(self) -> None:
        self._connection.close()


def open_first(name: str, background: Background[C], seconds: float) -> C:
    """The first connection.

    Raises:
        VideoError: it cannot be opened, not in time, or is to stop.
    """
    try:
        return background.opened(seconds)
    except TimeoutError:
        reason = f"gave no picture for {seconds:g} s. Check that it is on and can be reached"
    except Stopped:
        reason = "was stopped before it gave a picture"
    except FaceKitError:
        background.close()
        raise
    background.close()
    raise VideoError(f"{name} {reason}.")
