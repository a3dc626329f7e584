"""Cameras, read by OpenCV."""

import threading
from contextlib import suppress

import cv2

from facekit.core.errors import VideoError
from facekit.faces.images import Picture
from facekit.video.sources.cameras import camera_hint, find_camera
from facekit.video.sources.live import Background, LiveSource, Stopped
from facekit.video.sources.source import Note, Source, plausible_rate

MAX_CAMERAS = 100
MAX_UNCOMPRESSED_PIXELS = 640 * 480
READ_TIMEOUT_SECONDS = 2.0
OPEN_TIMEOUT_SECONDS = 30.0  # some systems take that long


def open_camera(camera: str, size: tuple[int, int] | None, stop: threading.Event, note: Note) -> Source:
    """Opens the camera of this number, path or name. Arguments and errors as of `open_source`."""
    name = f"Camera {camera}" if camera.isdecimal() else camera

    def connect() -> _Camera:  # by another number, perhaps, than before it was unplugged
        return _Camera(name, find_camera(camera), size)

    first = connect()  # not in the background: macOS asks for permission in the main thread only
    background = Background(lambda: first, stop)
    with suppress(Stopped):
        background.opened(OPEN_TIMEOUT_SECONDS)
    return LiveSource(
        name,
        connect,
        background,
        first,
        read_timeout=READ_TIMEOUT_SECONDS,
        open_timeout=OPEN_TIMEOUT_SECONDS,
        stop=stop,
        note=note,
    )


class _Camera:
    """OpenCV capture as a `Connection`."""

    def __init__(self, name: str, number: int | None, size: tuple[int, int] | None) -> None:
        # OpenCV takes the hundreds for the backend.
        self._capture = cv2.VideoCapture() if number is None else cv2.VideoCapture(min(number, MAX_CAMERAS - 1))
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # otherwise it returns the oldest buffered picture
        if size:
            if size[0] * size[1] > MAX_UNCOMPRESSED_PIXELS:  # USB is too slow for larger ones
                self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        # This picture is discarded: it is old when the first frame is read.
        first = self.read()
        if first is None:
            self.close()
            raise VideoError(
                f"{name} gives no picture: it is not connected, in use, or not allowed. Connect it, close other "
                f"programs that use it, or name another camera or a video file.{camera_hint()}",
                argument="source",
            )
        self.size = (first.shape[1], first.shape[0])
        self.rate = plausible_rate(self._capture.get(cv2.CAP_PROP_FPS))

    def read(self) -> Picture | None:
        try:
            is_read, frame = self._capture.read()
            return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) if is_read else None
        except cv2.error:  # also raised for frames that are no pictures
            return None

    def close(self) -> None:
        self._capture.release()
