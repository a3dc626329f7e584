"""Writes scenes as JSON Lines, one line per frame."""

import json
from contextlib import AbstractContextManager
from pathlib import Path

from facekit.core.files import writing
from facekit.video.frames import Scene
from facekit.video.sinks.fragments import FragmentFile


class JsonLines(AbstractContextManager["JsonLines"]):
    """A JSON Lines file, or stdout for "-". Each line is written at once; a full disk ends it after a whole line."""

    def __init__(self, path: str | Path) -> None:
        self._name = "stdout" if str(path) == "-" else str(path)
        with writing(self._name, argument="jsonl"):
            self._file = None if str(path) == "-" else FragmentFile(Path(path))

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def write(self, scene: Scene) -> None:
        """Writes the line of a scene. Raises FaceKitError if it cannot be written, as on a full disk."""
        line = json.dumps(scene.to_dict()) + "\n"
        with writing(self._name, argument="jsonl"):
            if self._file:
                self._file.append(line.encode())
            else:
                print(line, end="", flush=True)
