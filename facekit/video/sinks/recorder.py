"""Records annotated frames into video files, on and off."""

import time
from contextlib import AbstractContextManager
from math import inf
from pathlib import Path

from facekit.core.files import unused_path
from facekit.faces.images import Picture
from facekit.video.frames import Scene
from facekit.video.sinks.sound import Sound
from facekit.video.sinks.writer import VideoWriter
from facekit.video.sources.source import Source


class Recorder(AbstractContextManager["Recorder"]):
    """Writes a new file, under an unused name, each time it is switched on. Leaving its `with` block ends the last one.

    With a path, an .mp4 file, it records from the start; without, into the current folder. Paths of ended files are
    added to `files`. All methods raise VideoError if the file cannot be written.
    """

    def __init__(self, source: Source, path: str | Path | None, files: list[Path]) -> None:
        self._source, self._path, self._files = source, path, files
        self._writer: VideoWriter | None = None
        if path:
            self.toggle()

    @property
    def is_recording(self) -> bool:
        return self._writer is not None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        writer, self._writer = self._writer, None
        if writer:
            try:
                writer.__exit__(kind, error, trace)
            finally:
                if writer.path.exists():  # a file without a frame was removed
                    self._files.append(writer.path)

    def toggle(self) -> None:
        """Switches recording on or off."""
        if self._writer:
            self.__exit__(None, None, None)
            return
        path = unused_path(Path(self._path or time.strftime("recording-%Y-%m-%d-%H%M%S.mp4")))
        source = self._source
        self._writer = VideoWriter(path, source.size, source.rate, variable=source.is_live, sound=Sound(source))

    def write(self, scene: Scene, drawn: Picture) -> None:
        """Writes a frame while recording."""
        if self._writer:
            self._writer.write(drawn, scene.frame.time)

    def finish(self) -> None:
        """Writes the sound that lasts longer than the source's pictures."""
        if self._writer and self._writer.n_written:
            self._writer.write_sound(inf)
