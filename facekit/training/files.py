"""The files of a run: no other run has them, one process at a time writes them, and one says that it is finished."""

import glob
from contextlib import suppress
from pathlib import Path
from typing import IO

from facekit.core.errors import FinishedError, TrainingError
from facekit.core.files import remove_temporaries, unused_path, write_text, writing
from facekit.core.locks import acquire_lock


class RunFiles:
    """The folder of a run, and its weights.

    Args:
        path: of the folder.
        weights_folder: gets <run>-best.h5 and <run>-last.h5.
        is_new: whether it must not exist yet; if it does, `open` takes the first of path-2, path-3, ...
    """

    def __init__(self, path: Path, weights_folder: Path, is_new: bool = False) -> None:
        self.path, self.weights_folder, self.is_new = path, weights_folder, is_new
        self._lock: IO[bytes] | None = None

    @property
    def best(self) -> Path:
        return self.weights_folder / f"{self.path.name}-best.h5"

    @property
    def last(self) -> Path:
        return self.weights_folder / f"{self.path.name}-last.h5"

    @property
    def settings(self) -> Path:
        return self.path / "settings.json"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.h5"

    @property
    def records(self) -> Path:
        return self.path / "records.csv.gz"

    @property
    def teacher(self) -> Path:
        return self.path / "teacher.h5"

    @property
    def finished(self) -> Path:
        return self.path / "finished.txt"

    @property
    def can_be_resumed(self) -> bool:
        return self.settings.exists() and not self.finished.exists()

    @property
    def resumed_by(self) -> str:
        """Name that `resumed_run` takes: the folder's path where the weights lie beside it, else its name in logs/."""
        return str(self.path) if self.path.parent == self.weights_folder else self.path.name

    def open(self) -> None:
        """Makes the folder if it is missing, locks it for this process, and removes what killed writes left.

        Raises:
            FinishedError: the run is finished.
            TrainingError: another process trains the run, or the folder cannot be made.
        """
        if self._lock:
            return
        with writing(self.path, TrainingError):
            self._make()
            lock = open(self.path / ".lock", "ab")
        if not acquire_lock(lock):
            lock.close()
            raise TrainingError(f"Run {self.path.name} is going in another process. Wait for its end, or stop it.")
        self._lock = lock
        remove_temporaries(self.path)
        for weights in (self.best, self.last):
            remove_temporaries(self.weights_folder, glob.escape(weights.stem))
        if self.finished.exists():
            self._remove_state()
            self.close()
            raise FinishedError(self.finished.read_text(encoding="utf-8").strip())

    def _make(self) -> None:
        if not self.is_new:
            self.path.mkdir(parents=True, exist_ok=True)
        while self.is_new:
            path = unused_path(self.path)
            with suppress(FileExistsError):  # another process was faster: the next number
                path.mkdir(parents=True)
                self.path, self.is_new = path, False

    def finish(self) -> None:
        """Marks the run as finished, and removes what only a resumed run needs."""
        write_text(str(self.finished), f"Run {self.path.name} is finished. Its weights are {self.best}.\n")
        self._remove_state()

    def _remove_state(self) -> None:
        for path in (self.checkpoint, self.teacher):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Releases the lock."""
        if self._lock:
            self._lock.close()
        self._lock = None
