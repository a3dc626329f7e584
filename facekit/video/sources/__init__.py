"""Frame sources: cameras, video files, streams and folders of pictures."""

import re
import threading
from pathlib import Path

from facekit.faces.images import SUFFIXES
from facekit.video.sources.cameras import find_camera, open_camera
from facekit.video.sources.pictures import Animation, PictureFolder
from facekit.video.sources.source import Source
from facekit.video.sources.stream import open_stream
from facekit.video.sources.video_files import open_video_file


def open_source(
    source: str | int | Path,
    *,
    size: tuple[int, int] | None = None,
    rtsp_transport: str | None = None,
    stop: threading.Event | None = None,
) -> Source:
    """Opens a frame source.

    Args:
        source: a camera's number (as a number or as text), path or name; a video file or animated picture; the address
            of a stream (rtsp://, rtmp://, http://, udp://); or a folder of pictures.
        size: width, height to request from a camera, which uses the nearest it has; pixels.
        rtsp_transport: "tcp" or "udp" to read rtsp:// by that only; None for TCP where it is offered.
        stop: ends the frames within about a second, even while a camera or a stream is waited for.

    Raises:
        VideoError: if it gives no picture.
    """
    stop = stop or threading.Event()
    text, path = str(source), Path(str(source))
    if re.match(r"\w\w+://", text):
        return open_stream(text, rtsp_transport, stop)
    is_number = text.isdecimal() and not isinstance(source, Path)
    if path.is_dir() and not is_number:
        return PictureFolder(path, stop)
    if is_number or (not path.is_file() and find_camera(text) is not None):
        return open_camera(text, size, stop)
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        return Animation(path, stop)
    return open_video_file(path, stop)
