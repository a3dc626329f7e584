"""Lists the cameras, and finds one by its number, path or name."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from facekit.core.lazy_imports import from_extra

DESCRIPTIONS, NODES = Path("/sys/class/video4linux"), Path("/dev")  # Linux's
QUERY_CAPABILITIES, VIDEO_CAPTURE = 0x80685600, 1  # VIDIOC_QUERYCAP and V4L2_CAP_VIDEO_CAPTURE of videodev2.h
CAPABILITIES = slice(88, 92)  # device_caps in struct v4l2_capability, of 104 bytes


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
    import cv2

    with from_extra("video"):
        from cv2_enumerate_cameras import enumerate_cameras
    for each in enumerate_cameras(cv2.CAP_MSMF):  # which OpenCV prefers there
        yield Camera(each.index, each.path or "", each.name)
