"""What gives frames."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from facekit.core.errors import VideoError
from facekit.video.frames import Frame

Note = Callable[[str], None]  # takes a line for the user

USUAL_RATE = Fraction(30)  # frames a second, where a source does not tell
MOST_FRAMES_A_SECOND = 240  # that is believed: some files say 1000 because their times are in milliseconds


class Source(ABC):
    """Where frames come from. Iterating reads it once, to its end; leaving its `with` block releases it.

    One thread may iterate, and another leave the block once that has ended: set the `stop` of `open_source`, and wait.

    Attributes:
        name: for messages; of a stream, without what may be a password.
        is_live: whether it goes on whether or not somebody reads it: then frames have the times at which they came.
        rate: frames a second, nominally: frames of files may come unevenly too.
        size: width, height of all its frames, upright, pixels.
        n_frames: how many it announces; None if it does not.
        duration: seconds it announces; None if it does not.
    """

    name: str
    is_live: bool
    rate: Fraction
    size: tuple[int, int]
    n_frames: int | None = None
    duration: float | None = None

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """The frames, until it ends or is stopped.

        Raises:
            VideoError: it cannot be read any more, or ends long before the end it announced.
        """

    @abstractmethod
    def close(self) -> None:
        """Releases it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def print_note(message: str) -> None:
    """Tells the user on stderr."""
    print(message, file=sys.stderr)


def believable(rate: float | Fraction | None) -> Fraction:
    """`rate`, or the usual one where that cannot be."""
    if rate is None or not 0 < float(rate) <= MOST_FRAMES_A_SECOND:
        return USUAL_RATE
    exact = Fraction(rate)
    television = Fraction(1000 * round(exact * 1.001), 1001)  # 29.97 and its like, which some files know to 9 digits
    return television if abs(exact / television - 1) < 5e-7 else exact.limit_denominator(100_000)


def no_file(path: Path) -> VideoError:
    """What to tell of a path that is neither a file nor a folder."""
    return VideoError(f"A video must exist. Received: {path}. Check the name, and the folder you are in.")
