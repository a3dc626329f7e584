"""Base class of frame sources, and helpers of theirs."""

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from fractions import Fraction

import cv2
import numpy as np

from facekit.faces.images import Picture
from facekit.video.frames import Frame

DEFAULT_RATE = Fraction(30)  # frames per second
MAX_PLAUSIBLE_RATE = 240  # frames per second; some files announce 1000, as their times are in milliseconds


class Source(AbstractContextManager["Source"], ABC):
    """Base class of frame sources. Iterating reads it once, to its end; leaving its `with` block closes it.

    If one thread iterates and another leaves the block, the iteration must have ended: set the `stop` of `open_source`.
    """

    name: str  # for messages; a stream's has no user name or password
    is_live: bool = False  # whether frames arrive whether or not they are read; their times are then those of arrival
    size: tuple[int, int]  # width, height of all upright frames, pixels
    rate: Fraction  # nominal frames per second; frames of files may be unevenly spaced too
    n_frames: int | None = None  # announced; None if unknown
    duration: float | None = None  # announced, seconds; None if unknown
    sound: str | None = None  # path or address of a file with its sound, for av.open; None if there is none
    start: float = 0.0  # time of the first frame in that file, seconds
    step: int = 1  # the iteration may leave out frames whose index is no multiple of it; set by `keep_each`

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames until the source ends or is stopped.

        Raises:
            VideoError: if reading fails for good, or the source ends long before its announced end.
        """

    @abstractmethod
    def close(self) -> None:
        """Closes the source."""

    def keep_each(self, n: int) -> None:
        """Allows the iteration to leave out all but each n-th frame; `rate` and `n_frames` follow."""
        self.step, self.rate = n, self.rate / n
        self.n_frames = self.n_frames and math.ceil(self.n_frames / n)

    def seconds_lost(self) -> float:
        """Returns the time since the last picture of a live source that is lost; 0 while it is not lost."""
        return 0.0

    def __exit__(self, *_: object) -> None:
        self.close()


def print_note(message: str) -> None:
    """Prints a message to stderr."""
    print(message, file=sys.stderr)


def plausible_rate(rate: float | Fraction | None) -> Fraction:
    """Returns a rate as an exact fraction, or the default if it is implausible."""
    if rate is None or not 0 < float(rate) <= MAX_PLAUSIBLE_RATE:
        return DEFAULT_RATE
    exact = Fraction(rate)
    ntsc = Fraction(1000 * round(exact * 1.001), 1001)  # 29.97 and its like, which some files round to 9 digits
    return ntsc if abs(exact / ntsc - 1) < 5e-7 else exact.limit_denominator(100_000)


def fitted(picture: Picture, size: tuple[int, int]) -> Picture:
    """Scales a picture to fit into `size` (width, height), centred, with black borders."""
    width, height = size
    if picture.shape[1::-1] == size:
        return picture
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    frame = np.zeros((height, width, 3), np.uint8)
    resized = cv2.resize(picture, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    frame[top : top + inner[1], left : left + inner[0]] = resized
    return frame
