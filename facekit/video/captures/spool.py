"""Queue of captures on disk that wait to be uploaded; it survives the process and an unreachable server."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from facekit.core.errors import FaceKitError, VideoError
from facekit.core.files import atomic_path, make_folder, writing
from facekit.core.locks import acquire_lock

SUFFIXES = (".jpg", ".json")  # in this order, so that a JSON file's picture is always there
RETRY_SECONDS = (1.0, 60.0)  # first and longest pause between attempts
MAX_FILES, MAX_BYTES = 10_000, 2_000_000_000  # upper bounds of what may wait
CLOSE_SECONDS = 3.0  # time that remaining uploads get at the end
POLL_SECONDS = 1.0  # interval at which files of other processes are noticed
ORPHAN_SECONDS = 600.0  # age from which a temporary file belongs to a killed process


class UploadError(FaceKitError):
    """A failed upload.

    Args:
        message: one line for people.
        is_permanent: whether it will fail until somebody changes something.
        argument: as of FaceKitError.
    """

    def __init__(self, message: str, *, is_permanent: bool, argument: str | None = None) -> None:
        super().__init__(message, argument=argument)
        self.is_permanent = is_permanent


def write_capture(folder: Path, name: str, picture: bytes, metadata: bytes) -> None:
    """Writes `name`.jpg, then `name`.json, each atomically. Raises OSError."""
    for suffix, data in zip(SUFFIXES, (picture, metadata), strict=True):
        with atomic_path(folder / (name + suffix)) as temporary:
            temporary.write_bytes(data)


class Spool:
    """A folder whose files a thread uploads, the oldest first, each deleted once the server has confirmed it.

    A file's name never changes: an upload whose response was lost is repeated under the same name, and replaces itself.
    If several processes share a folder, the one that holds its lock uploads for all; the system releases the lock of a
    process that ends, however it ends, and another one takes over.

    Args:
        folder: created if missing; readable by the user only.
        put: uploads a file of this name and content; raises UploadError.
        note: receives one-line messages when uploads fail and when they work again, from the thread too.
        retry_seconds: first and longest pause between attempts; pauses double, with jitter.
        max_files: upper bound of waiting files.

    Raises:
        FaceKitError: if the folder cannot be created.
    """

    def __init__(
        self,
        folder: Path,
        put: Callable[[str, bytes], None],
        note: Callable[[str], None],
        *,
        retry_seconds: tuple[float, float] = RETRY_SECONDS,
        max_files: int = MAX_FILES,
    ) -> None:
        self.folder = make_folder(folder)
        with writing(folder, VideoError, argument="capture_to"):
            self.folder.chmod(0o700)  # it holds pictures of people
            self._lock = open(self.folder / ".lock", "ab")
        self._put, self._note, self._retry_seconds, self._max_files = put, note, retry_seconds, max_files
        self._failures, self._is_permanent = 0, False  # consecutive failures; whether the last one is permanent
        self._reported: set[bool] = set()  # kinds of failures reported: permanent, temporary
        self._added, self._closing, self._abandoned = threading.Event(), threading.Event(), False
        self._sender = threading.Thread(target=self._run, name="upload", daemon=True)
        self._sender.start()

    def add(self, name: str, picture: bytes, metadata: bytes) -> None:
        """Stores a capture until it is uploaded.

        Raises:
            VideoError: if too much is waiting; older captures are not dropped for newer ones.
            OSError: if the disk cannot be written.
        """
        sizes = []
        for path in self.folder.glob("[!.]*"):
            with suppress(FileNotFoundError):  # it has just been uploaded
                sizes.append(path.stat().st_size)
        if len(sizes) >= self._max_files or sum(sizes) >= MAX_BYTES:
            raise VideoError(f"{len(sizes)} files wait in {self.folder} to be uploaded, and no more fit")
        write_capture(self.folder, name, picture, metadata)
        self._added.set()

    def close(self) -> None:
        """Tries once more, waits a few seconds for the rest, and reports what waits for the next start."""
        self._closing.set()
        self._added.set()
        self._sender.join(CLOSE_SECONDS)
        self._abandoned = True
        if waiting := len(self._names()):
            plural, verb = ("", "waits") if waiting == 1 else ("s", "wait")
            where = f"{waiting} capture{plural} {verb} in {self.folder}"
            self._note(f"{where} to be uploaded at the next start with the same target.")

    def _names(self) -> list[str]:
        """Lists the waiting captures, the oldest first. Names with a leading dot are the lock and unfinished files."""
        files = self.folder.glob("[!.]*")
        return sorted({path.name.removesuffix(path.suffix) for path in files if path.suffix in SUFFIXES})

    def _run(self) -> None:
        with self._lock:
            # Without locks two processes may upload the same file: under the same name, so only once.
            while not acquire_lock(self._lock):
                if self._closing.wait(POLL_SECONDS):
                    return
            self._remove_orphans()
            while not self._abandoned:
                self._added.clear()
                is_last = self._closing.is_set()  # read after clearing, or `close` may go unnoticed for a second
                is_done = self._upload_all()
                if is_last:
                    return
                if is_done:
                    self._added.wait(POLL_SECONDS)
                else:
                    self._closing.wait(self._retry_pause())

    def _upload_all(self) -> bool:
        """Uploads all waiting files, up to the first failure. Tells whether all succeeded."""
        try:
            for name in self._names():
                for suffix in SUFFIXES:
                    if self._abandoned:
                        return False
                    self._upload(self.folder / (name + suffix))
        except (UploadError, OSError) as error:
            self._failures += 1
            self._is_permanent = isinstance(error, UploadError) and error.is_permanent
            # A single temporary failure is not reported: the next attempt is soon.
            if self._is_permanent or self._failures > 1 or self._closing.is_set():
                self._report(str(error))
            return False
        return True

    def _upload(self, path: Path) -> None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return
        self._put(path.name, data)
        path.unlink(missing_ok=True)
        if self._reported:
            self._note("Captures are uploaded again.")
        self._failures, self._reported = 0, set()

    def _report(self, reason: str) -> None:
        """Reports one failure of each kind until uploads work again, as every attempt may have another message."""
        if self._is_permanent not in self._reported:
            self._reported.add(self._is_permanent)
            self._note(f"{reason.rstrip('.')}. Captures are kept in {self.folder} and uploaded later.")

    def _retry_pause(self) -> float:
        first, longest = self._retry_seconds
        # The exponent is bounded, as a server may be down for days.
        pause = longest if self._is_permanent else min(longest, first * 2 ** min(self._failures - 1, 30))
        return pause * random.uniform(0.5, 1)  # so that many cameras do not reconnect at the same moment

    def _remove_orphans(self) -> None:
        for path in self.folder.glob(".*"):
            with suppress(FileNotFoundError):  # another process has just renamed it
                if path.suffix in SUFFIXES and path.stat().st_mtime < time.time() - ORPHAN_SECONDS:
                    path.unlink()
