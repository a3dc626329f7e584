"""Cameras: lists them, finds one by its number, path or name, and reads it by OpenCV."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2

from facekit.core.errors import VideoError
from facekit.core.lazy_imports import from_extra
from facekit.faces.images import Picture
from facekit.video.sources.live import Background, LiveSource
from facekit.video.sources.source import Source, plausible_rate

DESCRIPTIONS, NODES = Path("/sys/class/video4linux"), Path("/dev")  # Linux's
QUERY_CAPABILITIES, VIDEO_CAPTURE = 0x80685600, 1  # VIDIOC_QUERYCAP and V4L2_CAP_VIDEO_CAPTURE of videodev2.h
CAPABILITIES = slice(88, 92)  # device_caps in struct v4l2_capability, of 104 bytes
MAX_CAMERAS = 100
MAX_UNCOMPRESSED_PIXELS = 640 * 480
READ_TIMEOUT_SECONDS = 2.0
OPEN_TIMEOUT_SECONDS = 30.0  # some systems take that long


@dataclass(frozen=True)
class Camera:
    """A camera: OpenCV's number for it, the system's path or id, and the name that people know."""

    number: int
    path: str
    name: str

    def __str__(self) -> str:
        return f"{self.number}  {self.path}  {self.name}"


def list_cameras() -> list[Camera]:
    """Lists the cameras of this computer by number, whether or not they are in use."""
    systems = {"linux": _linux_cameras, "darwin": _macos_cameras, "win32": _windows_cameras}
    found = systems[sys.platform]() if sys.platform in systems else ()
    return sorted(found, key=lambda camera: camera.number)


def find_camera(text: str) -> int | None:
    """Returns the number of the camera with this number, path or name, the first of several; None if there is none."""
    if text.isdecimal():
        return int(text)
    wanted = {text, text.casefold(), os.path.realpath(text)}  # the last for links such as /dev/v4l/by-id/usb-…
    found = (camera.number for camera in list_cameras() if wanted & {camera.path, camera.name.casefold()})
    return next(found, None)


def camera_hint() -> str:
    """Names the cameras, to end an error's message; empty if there are none."""
    names = ", ".join(f"{camera.name} ({camera.number})" for camera in list_cameras())
    return f" The cameras are: {names}." if names else ""


def open_camera(camera: str, size: tuple[int, int] | None, stop: threading.Event) -> Source:
    """Opens the camera of this number, path or name. Arguments and errors as of `open_source`."""
    name = f"Camera {camera}" if camera.isdecimal() else camera

    def connect() -> _Camera:  # by another number, perhaps, than before it was unplugged
        return _Camera(name, find_camera(camera), size)

    first = connect()  # not in the background: macOS asks for permission in the main thread only
    background = Background(name, lambda: first, stop, OPEN_TIMEOUT_SECONDS)
    reconnect = partial(Background, name, connect, stop, OPEN_TIMEOUT_SECONDS)
    return LiveSource(background, reconnect, READ_TIMEOUT_SECONDS)


class _Camera:
    """OpenCV capture, as a connection of `Background`."""

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


def _linux_cameras() -> Iterator[Camera]:
    for folder in DESCRIPTIONS.glob("video*"):
        node = NODES / folder.name
        with suppress(OSError):  # unplugged meanwhile
            name = (folder / "name").read_text(errors="replace").strip()
            if _captures(node):
                yield Camera(int(folder.name.removeprefix("video")), str(node), name)


def _captures(node: Path) -> bool:
    """Tells whether a device gives pictures: many cameras have a second one for metadata, and coders have some too."""
    import fcntl

    with suppress(OSError), open(node, "rb", buffering=0) as device:  # may not be allowed: it is a camera then
        answer = fcntl.ioctl(device, QUERY_CAPABILITIES, bytes(104))
        return bool(int.from_bytes(answer[CAPABILITIES], sys.byteorder) & VIDEO_CAPTURE)
    return True


def _macos_cameras() -> Iterator[Camera]:
    done = subprocess.run(["system_profiler", "-json", "SPCameraDataType"], capture_output=True, check=False)
    known = json.loads(done.stdout or "{}").get("SPCameraDataType", [])
    ids = {each["spcamera_unique-id"]: each["_name"] for each in known}
    for number, unique in enumerate(sorted(ids)):  # OpenCV's order
        yield Camera(number, unique, ids[unique])


def _windows_cameras() -> Iterator[Camera]:
    with from_extra("video"):
        from cv2_enumerate_cameras import enumerate_cameras
    for each in enumerate_cameras(cv2.CAP_MSMF):  # which OpenCV prefers there
        yield Camera(each.index, each.path or "", each.name)
