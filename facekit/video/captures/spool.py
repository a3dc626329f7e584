"""Captures on disk that wait to be sent. They survive the process, and a server that is away."""

import errno
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from facekit.core.errors import FaceKitError, VideoError
from facekit.core.files import atomic_path, make_folder

SUFFIXES = (".jpg", ".json")  # in this order: who sees the JSON has the picture
WAITS = (1.0, 60.0)  # seconds before a second attempt: at first, and at most
MOST_FILES, MOST_BYTES = 10_000, 2_000_000_000  # that may wait
PATIENCE = 3.0  # seconds for the rest, at the end
_POLL = 1.0  # seconds between looks for what other processes put there
_ORPHANED = 600.0  # seconds after which a temporary file is that of a process that was killed


class UploadError(FaceKitError):
    """A file could not be sent. `is_lasting`: not before somebody changes something."""

    def __init__(self, message: str, is_lasting: bool) -> None:
        super().__init__(message)
        self.is_lasting = is_lasting


def write_capture(folder: Path, name: str, picture: bytes, facts: bytes) -> None:
    """Writes `name`.jpg, then `name`.json, each whole or not at all. Raises OSError."""
    for suffix, data in zip(SUFFIXES, (picture, facts), strict=True):
        with atomic_path(folder / (name + suffix)) as temporary:
            temporary.write_bytes(data)


class Spool:
    """A folder whose files a thread sends, the oldest first, each removed after the server has confirmed it.

    A file's name is fixed when it enters: an attempt whose answer was lost is repeated under the same name, which
    replaces it by itself. Of several processes with the same folder, the one that holds its lock sends for all; the
    system releases the lock of a process that ends, however it ends, and the next one goes on.

    Args:
        folder: made if need be; readable by the user alone.
        put: sends a file of this name and content; raises UploadError.
        note: is told, from the thread too, when sending fails and when it works again: one line each.
        waits: seconds before a second attempt, at first and at most; they double, with jitter.
        most_files: that may wait.

    Raises:
        FaceKitError: the folder cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        put: Callable[[str, bytes], None],
        note: Callable[[str], None],
        *,
        waits: tuple[float, float] = WAITS,
        most_files: int = MOST_FILES,
    ) -> None:
        self.folder = make_folder(folder)
        try:
            self.folder.chmod(0o700)  # people's pictures
            self._lock = open(self.folder / ".lock", "ab")
        except OSError as error:
            raise VideoError(f"Cannot write to the folder {folder}: {error.strerror or error}. Allow it.") from error
        self._put, self._note, self._waits, self._most_files = put, note, waits, most_files
        self._failures, self._is_lasting = 0, False  # in a row; and the last one
        self._told: set[bool] = set()  # whether of lasting ones, of others
        self._added, self._closing, self._abandoned = threading.Event(), threading.Event(), False
        self._sender = threading.Thread(target=self._run, name="upload", daemon=True)
        self._sender.start()

    def add(self, name: str, picture: bytes, facts: bytes) -> None:
        """Keeps a capture until it is sent.

        Raises:
            VideoError: too much waits. The oldest are not dropped for it: they were promised first.
            OSError: the disk does not take it.
        """
        sizes = []
        for path in self.folder.glob("[!.]*"):
            with suppress(FileNotFoundError):  # it has just been sent
                sizes.append(path.stat().st_size)
        if len(sizes) >= self._most_files or sum(sizes) >= MOST_BYTES:
            raise VideoError(f"{len(sizes)} files wait in {self.folder} to be sent, more are not taken")
        write_capture(self.folder, name, picture, facts)
        self._added.set()

    def close(self) -> None:
        """Tries once more, waits a little for the rest, and tells what waits for the next start."""
        self._closing.set()
        self._added.set()
        self._sender.join(PATIENCE)
        self._abandoned = True
        if waiting := len(self._names()):
            plural, verb = ("", "waits") if waiting == 1 else ("s", "wait")
            where = f"{waiting} capture{plural} {verb} in {self.folder}"
            self._note(f"{where} to be sent at the next start with the same target.")

    def _names(self) -> list[str]:
        """What waits, the oldest first. Names that begin with a point are the lock, and files being written."""
        files = self.folder.glob("[!.]*")
        return sorted({path.name.removesuffix(path.suffix) for path in files if path.suffix in SUFFIXES})

    def _run(self) -> None:
        with self._lock:
            while not _is_ours(self._lock):
                if self._closing.wait(_POLL):
                    return
            self._remove_orphans()
            while not self._abandoned:
                self._added.clear()
                is_last = self._closing.is_set()  # after clearing: else `close` may go unheard for a second
                is_done = self._send_all()
                if is_last:
                    return
                if is_done:
                    self._added.wait(_POLL)
                else:
                    self._closing.wait(self._pause())

    def _send_all(self) -> bool:
        """Whether all that waited was sent. Stops at the first failure: the next file would fail like it."""
        try:
            for name in self._names():
                for suffix in SUFFIXES:
                    if self._abandoned:
                        return False
                    self._send(self.folder / (name + suffix))
        except (UploadError, OSError) as error:
            self._failures += 1
            self._is_lasting = isinstance(error, UploadError) and error.is_lasting
            # One failure may be chance: its second attempt is soon.
            if self._is_lasting or self._failures > 1 or self._closing.is_set():
                self._tell(str(error))
            return False
        return True

    def _send(self, path: Path) -> None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return
        self._put(path.name, data)
        path.unlink(missing_ok=True)
        if self._told:
            self._note("Captures are sent again.")
        self._failures, self._told = 0, set()

    def _tell(self, reason: str) -> None:
        """Once of each kind until it works again: the words may name the file, or change with every attempt."""
        if self._is_lasting not in self._told:
            self._told.add(self._is_lasting)
            self._note(f"{reason.rstrip('.')}. Captures are kept in {self.folder} and sent later.")

    def _pause(self) -> float:
        first, most = self._waits
        # The exponent is bounded: a server may be away for days.
        pause = most if self._is_lasting else min(most, first * 2 ** min(self._failures - 1, 30))
        return pause * random.uniform(0.5, 1)  # many cameras must not come back in the same moment

    def _remove_orphans(self) -> None:
        for path in self.folder.glob(".*"):
            with suppress(FileNotFoundError):  # another process has just given it its name
                if path.suffix in SUFFIXES and path.stat().st_mtime < time.time() - _ORPHANED:
                    path.unlink()


def _is_ours(lock: IO[bytes]) -> bool:
    """Takes the lock of an open file, unless another process has it; where there are no locks, it is taken too."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Without locks (some network drives) two may send the same file: to the same name, so nothing is there twice.
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return True
