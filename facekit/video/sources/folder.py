"""Folders of pictures, as the frames of a video."""

import re
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from facekit.core.errors import PictureError, VideoError
from facekit.faces.images import Picture, decode_picture, find_pictures
from facekit.video.frames import Frame
from facekit.video.sources.source import Note, Source, fitted


class PictureFolder(Source):
    """A folder of pictures in natural order (2.png before 10.png), as a video of 25 frames per second.

    The frames have the first picture's size; others are fitted into it, with black borders. Pictures that cannot be
    read are skipped, and leave a gap in time.

    Raises:
        VideoError: if there is no readable picture.
    """

    is_live = False
    rate = Fraction(25)

    def __init__(self, folder: Path, stop: threading.Event, note: Note) -> None:
        self.name = str(folder)
        self._stop, self._note = stop, note
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
            picture = self._read(path, self._note)
            if picture is not None:
                yield Frame(index, float(index / self.rate), fitted(picture, self.size), time.monotonic())

    def close(self) -> None:
        """Does nothing: no file is open between pictures."""

    @staticmethod
    def _read(path: Path, note: Note = lambda _: None) -> Picture | None:
        try:
            return decode_picture(path.read_bytes(), str(path))
        except PictureError as error:
            note(f"Skipped: {error}")
        except OSError as error:
            note(f"Skipped: cannot read {path}: {error.strerror}.")
        return None


def natural_order(path: Path) -> list[tuple[str, int]]:
    """Returns a key that sorts by name, with numbers in it by value."""
    return [(text, int(digits or 0)) for digits, text in re.findall(r"(\d+)|(\D+)", path.name.lower())]
