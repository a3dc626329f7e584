"""Pictures as videos: folders of them, animations, and single ones."""

import re
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from PIL import Image

from facekit.core.errors import PictureError, VideoError
from facekit.faces.images import Picture, find_pictures, read_picture
from facekit.video.frames import Frame
from facekit.video.sources.source import Source, fitted, plausible_rate, print_note

FOLDER_RATE = Fraction(25)  # frames per second
ANIMATED_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")  # others may hold several pictures, but not to be played
MIN_FRAME_MILLISECONDS, DEFAULT_FRAME_MILLISECONDS = 11, 100  # browsers show frames of less time for the default


class PictureFolder(Source):
    """A folder of pictures in natural order (2.png before 10.png), as a video of 25 frames per second.

    The frames have the first picture's size; others are fitted into it, with black borders. Pictures that cannot be
    read are skipped, and leave a gap in time.
    """

    rate = FOLDER_RATE

    def __init__(self, folder: Path, stop: threading.Event) -> None:
        self.name = str(folder)
        self._stop = stop
        self._paths = sorted(find_pictures([str(folder)]), key=natural_order)
        if self._paths == [folder]:
            raise VideoError(
                f"A folder must hold pictures (.jpg, .png, .webp ...). Received: {folder}, which has none. "
                "Add some, or name a video file.",
                argument="source",
            )
        first = next((picture for path in self._paths if (picture := self._read(path)) is not None), None)
        if first is None:
            raise VideoError(
                f"None of the {len(self._paths)} pictures in {folder} can be read. Copy them again.", argument="source"
            )
        self.size = (first.shape[1], first.shape[0])
        self.n_frames = len(self._paths)
        self.duration = float(self.n_frames / self.rate)

    def __iter__(self) -> Iterator[Frame]:
        for index, path in list(enumerate(self._paths))[:: self.step]:
            if self._stop.is_set():
                return
            picture = self._read(path, is_noted=True)
            if picture is not None:
                yield Frame(index, float(index / FOLDER_RATE), fitted(picture, self.size), time.monotonic())

    def close(self) -> None:
        """Does nothing: no file is open between pictures."""

    @staticmethod
    def _read(path: Path, is_noted: bool = False) -> Picture | None:
        try:
            return read_picture(path)
        except PictureError as error:
            if is_noted:
                print_note(f"Skipped: {error}")
        return None


def natural_order(path: Path) -> list[tuple[str, int]]:
    """Returns a key that sorts by name, with numbers in it by value."""
    return [(text, int(digits or 0)) for digits, text in re.findall(r"(\d+)|(\D+)", path.name.lower())]


class Animation(Source):
    """An animation, played once at its own frame times; a still picture is a video of one frame."""

    def __init__(self, path: Path, stop: threading.Event) -> None:
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
            print_note(f"{path} is a still picture: a video of one frame.")

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
