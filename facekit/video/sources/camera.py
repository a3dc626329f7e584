"""A camera, by its number."""

import threading
from contextlib import suppress

from facekit.core.errors import VideoError
from facekit.core.opencv import import_cv2
from facekit.faces.images import Picture
from facekit.video.sources.live import Background, LiveSource, Stopped
from facekit.video.sources.source import Note, Source, believable

MOST_CAMERAS = 100
MOST_RAW = 640 * 480  # pixels
PATIENCE = 2.0  # seconds for a picture
OPENING = 30.0  # seconds until it is given up again; some systems take so long


def open_camera(number: int, size: tuple[int, int] | None, stop: threading.Event, note: Note) -> Source:
    """The camera of this number. Arguments and errors as of `open_source`."""
    name = f"Camera {number}"

    def connect() -> _Camera:
        return _Camera(name, number, size)

    camera = connect()  # in this thread: macOS asks the user for permission in the main thread only
    background = Background(lambda: camera, stop)
    with suppress(Stopped):
        background.opened(OPENING)
    return LiveSource(
        name,
        connect,
        background,
        size=camera.size,
        rate=camera.rate,
        patience=PATIENCE,
        opening=OPENING,
        stop=stop,
        note=note,
    )


class _Camera:
    """OpenCV's capture as a `Connection`."""

    def __init__(self, name: str, number: int, size: tuple[int, int] | None) -> None:
        self._cv2 = cv2 = import_cv2()
        # To OpenCV, hundreds say by which way to reach a camera.
        self._capture = cv2.VideoCapture(min(number, MOST_CAMERAS - 1))
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # else it gives the oldest of several first
        if size:
            if size[0] * size[1] > MOST_RAW:  # USB carries few larger pictures a second unless they are compressed
                self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter_fourcc(*"MJPG"))
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        # What it shows now is not kept: until it is asked for, it is old.
        first = self.read()
        if first is None:
            self.close()
            raise VideoError(
                f"{name} gives no picture: it is not connected, in use, or not allowed. Connect it, close other "
                "programs that use it, or name another camera or a video file with --source."
            )
        self.size = (first.shape[1], first.shape[0])
        self.rate = believable(self._capture.get(cv2.CAP_PROP_FPS))

    def read(self) -> Picture | None:
        try:
            is_read, frame = self._capture.read()
            return self._cv2.cvtColor(frame, self._cv2.COLOR_BGR2RGB) if is_read else None
        except self._cv2.error:  # also of frames that are no pictures
            return None

    def close(self) -> None:
        self._capture.release()
