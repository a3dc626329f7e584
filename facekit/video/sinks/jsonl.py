"""Writes scenes as JSON Lines, one line per frame."""

import json
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from facekit.core.errors import FaceKitError
from facekit.core.files import writing
from facekit.video.frames import Scene


class JsonLines:
    """A JSON Lines file, or stdout. Each line is flushed: a killed process loses at most the last one.

    Args:
        path: an existing file is replaced, missing folders are created; "-" for stdout.

    Raises:
        FaceKitError: if the file cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self._is_stdout = str(path) == "-"
        self._name = "stdout" if self._is_stdout else str(path)
        with writing(self._name, argument="jsonl"):
            self._file = sys.stdout if self._is_stdout else _open(Path(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_stdout:
            return
        with suppress(FaceKitError) if error else nullcontext(), writing(self._name, argument="jsonl"):
            self._file.close()  # tries once more to write what is buffered

    def write(self, scene: Scene) -> None:
        """Writes the line of a scene.

        Raises:
            FaceKitError: if it cannot be written, e.g. on a full disk.
            BrokenPipeError: if the reader of a pipe has closed it.
        """
        line = json.dumps(scene.to_dict()) + "\n"
        try:
            with writing(self._name, argument="jsonl"):
                self._file.write(line)
                self._file.flush()
        except FaceKitError as error:
            if isinstance(error.__cause__, BrokenPipeError):
                raise error.__cause__ from None
            raise


def _open(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return open(path, "w", encoding="utf-8", newline="\n")
