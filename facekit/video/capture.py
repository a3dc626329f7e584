"""A camera or a video file -> frames, RGB uint8 (H, W, 3), upright."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from facekit.errors import VideoError
from facekit.images import Picture
from facekit.opencv import import_cv2

USUAL_RATE = 30.0  # frames per second, where a source does not tell
RATES = (1.0, 240.0)  # what is believed: some cameras say 0, some files 1000 because their times are in milliseconds
MOST_CAMERAS = 100
COMPLETE = 0.9  # share of the frames it announces that a whole file has at least; some containers only estimate


class Video:
    """An open camera or video file. Iterating reads it once, to the end; leaving its `with` block releases it.

    Args:
        source: a camera's number (as a number or as text), or a video file.

    Attributes:
        name: for messages.
        is_live: whether it is a camera.
        rate: frames per second.
        size: width, height of the upright frames, pixels.
        n_frames: how many the file announces; None if it does not, and for cameras.

    Raises:
        VideoError: it gives no picture.
    """

    def __init__(self, source: int | str | Path) -> None:
        self.is_live = str(source).isdecimal()
        self.name = f"Camera {source}" if self.is_live else str(source)
        if self.is_live:
            # To OpenCV, hundreds say by which way to reach a camera.
            target: int | str = min(int(str(source)), MOST_CAMERAS - 1)
        else:
            target = self.name
            _check_file(Path(target))
        self._cv2 = import_cv2()
        # OpenCV turns the frames of a file upright itself, by the file's metadata.
        self._capture = self._cv2.VideoCapture(target)
        is_read, self._first = self._capture.read()
        if not is_read:
            self._capture.release()
            raise VideoError(self._why_unreadable())
        height, width = self._first.shape[:2]
        self.size: tuple[int, int] = (width, height)
        rate, n_frames = self._capture.get(self._cv2.CAP_PROP_FPS), self._capture.get(self._cv2.CAP_PROP_FRAME_COUNT)
        self.rate: float = rate if RATES[0] <= rate <= RATES[1] else USUAL_RATE
        self.n_frames = int(n_frames) if n_frames > 0 and not self.is_live else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.release()

    def __iter__(self) -> Iterator[Picture]:
        """The frames. Raises VideoError when a camera fails, or a file ends long before its announced end."""
        is_read, frame, number = True, self._first, 0
        while is_read:
            yield self._cv2.cvtColor(frame, self._cv2.COLOR_BGR2RGB)
            number += 1
            is_read, frame = self._capture.read()
        if self.is_live:
            raise VideoError(f"{self.name} gave no more pictures after {number} frames. Check its connection.")
        if self.n_frames and number < COMPLETE * self.n_frames:
            raise VideoError(
                f"{self.name} is damaged or cut off: it ends after {number} of {self.n_frames} frames. Copy it anew."
            )

    def _why_unreadable(self) -> str:
        if self.is_live:
            return (
                f"{self.name} gives no picture: it is not connected, in use, or not allowed. Connect it, close other "
                "programs that use it, or name another camera or a video file with --source."
            )
        return (
            f"{self.name} has no pictures that can be read: it is no video, cut off, or sound only. "
            "Check that it plays elsewhere."
        )


def _check_file(path: Path) -> None:
    """Tells the commonest mistakes in better words than OpenCV's, which are none."""
    if not path.exists():
        raise VideoError(f"A video must exist. Received: {path}. Check the name, and the folder you are in.")
    if not path.is_file():
        raise VideoError(f"A video must be a file, or a camera's number such as 0. Received: {path}.")
    try:
        with open(path, "rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise VideoError(f"Cannot read {path}: {error.strerror}. Check its permissions.") from error
    if is_empty:
        raise VideoError(f"{path} is empty. Copy it anew.")
