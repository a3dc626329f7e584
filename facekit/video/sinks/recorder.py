"""Writes drawn frames into video files, whenever it is switched on."""

import time
from pathlib import Path
from types import TracebackType
from typing import Self

from facekit.core.files import unused_path
from facekit.faces.images import Picture
from facekit.video.frames import Scene
from facekit.video.sinks.writer import VideoWriter
from facekit.video.sources.source import Source


class Recorder:
    """Makes a new file, whose name was not taken, each time it is switched on. Leaving its `with` block ends the last.

    Args:
        video: whose size and rate the files have.
        path: .mp4; it is written from the start. None: nothing is, until `toggle`, then in the current folder.
        files: gets the paths of what is written, each when it ends.

    Raises:
        VideoError: the file cannot be written.
    """

    def __init__(self, video: Source, path: str | Path | None, files: list[Path]) -> None:
        self._video, self._path, self._files = video, path, files
        self._writer: VideoWriter | None = None
        if path:
            self.toggle()

    @property
    def is_recording(self) -> bool:
        return self._writer is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        writer, self._writer = self._writer, None
        if writer:
            try:
                writer.__exit__(kind, error, trace)
            finally:
                if writer.path.exists():  # not without a frame
                    self._files.append(writer.path)

    def toggle(self) -> None:
        """Switches it on or off. Raises VideoError if the file cannot be written."""
        if self._writer:
            self.__exit__(None, None, None)
            return
        path = unused_path(Path(self._path or time.strftime("recording-%Y-%m-%d-%H%M%S.mp4")))
        self._writer = VideoWriter(path, self._video.size, self._video.rate, variable=self._video.is_live)

    def write(self, scene: Scene, drawn: Picture) -> None:
        """Writes a frame, if it is on. Raises VideoError."""
        if self._writer:
            self._writer.write(drawn, scene.frame.time)
