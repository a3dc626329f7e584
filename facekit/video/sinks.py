"""Where drawn frames go: a window, or a video file."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facekit.errors import VideoError
from facekit.files import atomic_path
from facekit.images import Picture
from facekit.opencv import has_display, import_cv2
from facekit.video.capture import Video

Show = Callable[[Picture], bool]  # takes a frame, RGB uint8 (H, W, 3); False where the user wants to stop

TITLE = "Estimates from faces (q closes)"
LARGEST_WINDOW = (1280, 720)  # at first; it can be resized
DISK_FULL = "the disk may be full. Free the space or choose another folder with --output"
STOP_KEYS = {ord("q"), ord("Q"), 27}  # 27: Esc


@contextmanager
def window(video: Video) -> Iterator[Show]:
    """A window, closed at the end. Files are shown at their own pace, or slower where the computer is.

    Raises:
        VideoError: there is no display.
    """
    if not has_display():
        raise VideoError("There is no display to show the frames on. Write them to a file with --output FILE.mp4.")
    cv2 = import_cv2()
    scale = min(1.0, *(most / side for most, side in zip(LARGEST_WINDOW, video.size, strict=True)))
    pause = 0.0 if video.is_live else 1 / video.rate
    due: float | None = None  # when the next frame is to be seen

    def show(picture: Picture) -> bool:
        nonlocal due
        now = time.monotonic()
        if due is None:  # not earlier: the first frame waits for the network, and an empty window looks broken
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(TITLE, *(max(1, round(side * scale)) for side in video.size))
            due = now
        cv2.imshow(TITLE, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        key = cv2.waitKey(max(1, round(1000 * (due - now)))) & 0xFF
        due = max(due, now) + pause
        return key not in STOP_KEYS and _is_open(cv2)

    try:
        yield show
    finally:
        cv2.destroyAllWindows()


def _is_open(cv2: Any) -> bool:
    try:
        return bool(cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1)
    except cv2.error:  # Qt's answer once its last window was closed
        return False


@contextmanager
def video_file(path: Path, video: Video) -> Iterator[Show]:
    """An .mp4 of the source's size and frame rate. What was written before an error is kept, and plays.

    Raises:
        VideoError: it cannot be written.
    """
    if path.suffix.lower() != ".mp4":
        raise VideoError(f"A video is written as .mp4. Received: {path}. Choose a name that ends so.")
    failure: Exception | None = None
    try:
        with atomic_path(path) as temporary:
            writer = _Writer(temporary, path, video)
            try:
                yield writer.write
            except Exception as error:
                if not writer.n_written:
                    raise
                failure = error
            finally:
                writer.release()
            writer.check()
    except OSError as error:
        raise _cannot_write(path, f"{error.strerror}. Free the space or choose another folder with --output") from error
    if failure:
        raise failure


class _Writer:
    """OpenCV's writer, which tells nobody when it fails.

    A camera's frames are repeated, or left out, so that the video plays as fast as life, however slow the estimator.
    """

    def __init__(self, file: Path, path: Path, video: Video) -> None:
        self._cv2 = import_cv2()
        self._file, self._path, self._video = file, path, video
        self._first_at: float | None = None
        self.n_written = 0
        codec = self._cv2.VideoWriter_fourcc(*"mp4v")
        self._writer: Any = self._cv2.VideoWriter(str(file), codec, video.rate, video.size)
        if not self._writer.isOpened():
            width, height = video.size
            raise _cannot_write(path, f"there is no encoder for {width} x {height} pixels")

    def write(self, picture: Picture) -> bool:
        frame = self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2BGR)
        for _ in range(self._repeats()):
            if self._writer.write(frame) is False:  # None in OpenCV 4, which does not tell
                raise _cannot_write(self._path, DISK_FULL)
            self.n_written += 1
        return True

    def _repeats(self) -> int:
        if not self._video.is_live:
            return 1
        now = time.monotonic()
        if self._first_at is None:
            self._first_at = now
        return max(0, 1 + int((now - self._first_at) * self._video.rate) - self.n_written)

    def release(self) -> None:
        self._writer.release()

    def check(self) -> None:
        """Raises VideoError unless the closed file has all frames."""
        written = self._cv2.VideoCapture(str(self._file))
        n_frames = written.get(self._cv2.CAP_PROP_FRAME_COUNT)
        written.release()
        if n_frames < self.n_written:
            raise _cannot_write(self._path, DISK_FULL)


def _cannot_write(path: Path, reason: str) -> VideoError:
    return VideoError(f"Cannot write {path}: {reason}.")
