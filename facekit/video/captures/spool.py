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
from facekit.video.sources.source import print_note

SUFFIXES = (".jpg", ".json")  # in this order, so that a JSON file's picture is always there
RETRY_SECONDS = (1.0, 60.0)  # first and longest pause between attempts; pauses double, with jitter
MAX_FILES, MAX_BYTES = 10_000, 2_000_000_000  # upper bounds of what may wait
CLOSE_SECONDS = 3.0  # time that remaining uploads get at the end
POLL_SECONDS = 1.0  # interval at which files of other processes are noticed
ORPHAN_SECONDS = 600.0  # age from which a temporary file belongs to a killed process


class UploadError(FaceKitError):
    """A failed upload; another attempt may succeed soon."""


class RefusedError(UploadError):
    """An upload that will fail until somebody changes something."""


class Folder:
    """A folder that exists, for captures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str, picture: bytes, metadata: bytes) -> None:
        """Writes `name`.jpg, then `name`.json, each atomically. Raises OSError."""
        for suffix, data in zip(SUFFIXES, (picture, metadata), strict=True):
            with atomic_path(self.folder / (name + suffix)) as temporary:
                temporary.write_bytes(data)

    def close(self) -> None:
        """Does nothing: captures are written at once."""


class Spool(Folder):
    """A folder whose files a thread uploads, the oldest first, each deleted once the server has confirmed it.

    A file's name never changes: an upload whose response was lost is repeated under the same name, and replaces itself.
    If several processes share a folder, the one that holds its lock uploads for all; the system releases the lock of a
    process that ends, however it ends, and another one takes over.

    Args:
        folder: created if missing; readable by the user only.
        put: uploads a file of this name and content; raises UploadError.
    """

    def __init__(self, folder: Path, put: Callable[[str, bytes], None]) -> None:
        super().__init__(make_folder(folder))
        with writing(folder, VideoError, argument="capture_to"):
            self.folder.chmod(0o700)  # it holds pictures of people
            self._lock = open(self.folder / ".lock", "ab")
        self._put = put
        self._failures, self._is_refused = 0, False  # consecutive failures; whether the last one was a refusal
        self._reported: set[bool] = set()  # whether refusals and other failures were reported
        self._added, self._closing, self._abandoned = threading.Event(), threading.Event(), False
        self._sender = threading.Thread(target=self._run, name="upload", daemon=True)
        self._sender.start()

    def add(self, name: str, picture: bytes, metadata: bytes) -> None:
        """Stores a capture until it is uploaded. Raises VideoError if too much waits already."""
        sizes = []
        for path in self.folder.glob("[!.]*"):
            with suppress(FileNotFoundError):  # it has just been uploaded
                sizes.append(path.stat().st_size)
        if len(sizes) >= MAX_FILES or sum(sizes) >= MAX_BYTES:
            raise VideoError(f"{len(sizes)} files wait in {self.folder} to be uploaded, and no more fit")
        super().add(name, picture, metadata)
        self._added.set()

    def close(self) -> None:
        """Tries once more, waits a few seconds for the rest, and reports what waits for the next start."""
        self._closing.set()
        self._added.set()
        self._sender.join(CLOSE_SECONDS)
        self._abandoned = True
        if waiting := len(self._names()):
            captures = "1 capture waits" if waiting == 1 else f"{waiting} captures wait"
            print_note(f"{captures} in {self.folder} to be uploaded at the next start with the same target.")

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
                    first, longest = RETRY_SECONDS
                    # The exponent is bounded, as a server may be down for days.
                    pause = longest if self._is_refused else min(longest, first * 2 ** min(self._failures - 1, 30))
                    # The jitter keeps many cameras from reconnecting at the same moment.
                    self._closing.wait(pause * random.uniform(0.5, 1))

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
            self._is_refused = isinstance(error, RefusedError)
            # A single failure is not reported, as the next attempt is soon, and of each kind only one until uploads
            # work again, as every attempt may have another message.
            is_news = self._is_refused or self._failures > 1 or self._closing.is_set()
            if is_news and self._is_refused not in self._reported:
                self._reported.add(self._is_refused)
                print_note(f"{str(error).rstrip('.')}. Captures are kept in {self.folder} and uploaded later.")
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
            print_note("Captures are uploaded again.")
        self._failures, self._reported = 0, set()

    def _remove_orphans(self) -> None:
        for path in self.folder.glob(".*"):
            with suppress(FileNotFoundError):  # another process has just renamed it
                if path.suffix in SUFFIXES and path.stat().st_mtime < time.time() - ORPHAN_SECONDS:
                    path.unlink()
