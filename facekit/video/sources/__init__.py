"""Frame sources: cameras, video files, streams and folders of pictures."""

import re
import threading
from pathlib import Path

from facekit.video.sources.source import Note, Source, print_note


def open_source(
    source: str | int | Path,
    *,
    size: tuple[int, int] | None = None,
    rtsp_transport: str | None = None,
    stop: threading.Event | None = None,
    note: Note = print_note,
) -> Source:
    """Opens a frame source.

    Args:
        source: a camera's number (as a number or as text), a video file, the address of a stream (rtsp://, rtmp://,
            http://, udp://), or a folder of pictures.
        size: width, height to request from a camera, which uses the nearest it has; pixels.
        rtsp_transport: "tcp" or "udp" to read rtsp:// by that only; None for TCP where it is offered.
        stop: ends the frames within about a second, even while a camera or a stream is waited for.
        note: receives one-line messages, e.g. that a camera is lost, from the thread that reads the frames.

    Raises:
        VideoError: if it gives no picture.
    """
    stop = stop or threading.Event()
    text = "" if isinstance(source, Path) else str(source)
    if text.isdecimal():
        from facekit.video.sources.camera import open_camera

        return open_camera(int(text), size, stop, note)
    if re.match(r"\w\w+://", text):
        from facekit.video.sources.stream import open_stream

        return open_stream(text, rtsp_transport, stop, note)
    path = Path(str(source))
    if path.is_dir():
        from facekit.video.sources.folder import PictureFolder

        return PictureFolder(path, stop, note)
    from facekit.video.sources.video_files import open_video_file

    return open_video_file(path, stop, note)
