"""Animated and still pictures, as videos."""

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from PIL import Image

from facekit.core.errors import PictureError, VideoError
from facekit.faces.images import read_picture
from facekit.video.frames import Frame
from facekit.video.sources.source import Note, Source, fitted, plausible_rate

ANIMATED_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")  # others may hold several pictures, but not to be played
MIN_FRAME_MILLISECONDS, DEFAULT_FRAME_MILLISECONDS = 11, 100  # browsers show frames of less time for the default


class Animation(Source):
    """An animation, played once at its own frame times; a still picture is a video of one frame.

    Raises:
        VideoError: if it is no picture.
    """

    is_live = False

    def __init__(self, path: Path, stop: threading.Event, note: Note) -> None:
        self.name, self._stop = str(path), stop
        try:
            first = read_picture(path)
        except PictureError as error:
            raise VideoError(str(error), argument="source") from error
        self.size = (first.shape[1], first.shape[0])
        self._image = Image.open(path)
        self._image.load()  # WebP's times are known after that
        self.n_frames = getattr(self._image, "n_frames", 1) if self._image.format in ANIMATED_FORMATS else 1
        self.rate = plausible_rate(Fraction(1000, self._milliseconds()))
        if self.n_frames == 1:
            note(f"{path} is a still picture: a video of one frame.")

    def __iter__(self) -> Iterator[Frame]:
        milliseconds = 0
        for index in range(self.n_frames or 1):
            if self._stop.is_set():
                return
            try:
                self._image.seek(index)
                picture = read_picture(self._image)
            except Exception as error:  # decoders raise OSError, SyntaxError, ValueError and more on broken files
                raise VideoError(
                    f"{self.name} is damaged or cut off: it ends after {index} of {self.n_frames} frames. "
                    "Copy it again.",
                    argument="source",
                ) from error
            yield Frame(index, milliseconds / 1000, fitted(picture, self.size), time.monotonic())
            milliseconds += self._milliseconds()

    def _milliseconds(self) -> int:
        """Returns the time of the current frame."""
        announced = round(self._image.info.get("duration", 0))
        return announced if announced >= MIN_FRAME_MILLISECONDS else DEFAULT_FRAME_MILLISECONDS

    def close(self) -> None:
        self._image.close()
