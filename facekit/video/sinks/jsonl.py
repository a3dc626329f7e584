"""Writes scenes as JSON Lines, one line per frame."""

import json
from pathlib import Path
from typing import Self

from facekit.core.errors import FaceKitError
from facekit.core.files import writing
from facekit.video.frames import Scene
from facekit.video.sinks.fragments import FragmentFile


class JsonLines:
    """A JSON Lines file, or stdout. Each line is written at once; on a full disk, the file ends after a whole line.

    Args:
        path: an existing file is replaced, missing folders are created; "-" for stdout.

    Raises:
        FaceKitError: if the file cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self._name = "stdout" if str(path) == "-" else str(path)
        with writing(self._name, argument="jsonl"):
            self._file = None if str(path) == "-" else FragmentFile(Path(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def write(self, scene: Scene) -> None:
        """Writes the line of a scene.

        Raises:
            FaceKitError: if it cannot be written, e.g. on a full disk.
            BrokenPipeError: if the reader of a pipe has closed it.
        """
        line = json.dumps(scene.to_dict()) + "\n"
        try:
            with writing(self._name, argument="jsonl"):
                if self._file:
                    self._file.append(line.encode())
                else:
                    print(line, end="", flush=True)
        except FaceKitError as error:
            if isinstance(error.__cause__, BrokenPipeError):
                raise error.__cause__ from None
            raise
