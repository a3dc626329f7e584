"""What was seen in a video as JSON Lines: a line a frame."""

import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from facekit.core.errors import FaceKitError
from facekit.video.frames import Scene


class JsonLines:
    """A file of JSON Lines, or stdout. Each line is handed over at once: who kills the program loses at most its end.

    Args:
        path: what is there is replaced; missing folders are made; "-" for stdout.

    Raises:
        FaceKitError: it cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        try:
            self._file = self._open()
        except OSError as error:
            raise self._cannot_write(error) from error

    def _open(self) -> TextIO:
        if self._path == "-":
            return sys.stdout
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        return open(self._path, "w", encoding="utf-8", newline="\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is sys.stdout:
            return
        try:
            self._file.close()  # tries once more to hand over what could not be written
        except OSError as failure:
            if error is None:
                raise self._cannot_write(failure) from failure

    def write(self, scene: Scene) -> None:
        """Adds the scene's line.

        Raises:
            FaceKitError: it cannot be written, as where the disk is full.
            BrokenPipeError: nobody reads stdout any more.
        """
        try:
            self._file.write(json.dumps(scene.to_dict()) + "\n")
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> FaceKitError:
        reason = error.strerror or error
        name = "to stdout" if self._path == "-" else self._path
        return FaceKitError(f"Cannot write {name}: {reason}. Free the space or name another with --jsonl.")
