"""Cameras, video files, streams and folders of pictures -> frames."""

import re
import threading
from pathlib import Path

from facekit.video.sources.source import Note, Source, print_note


def open_source(
    source: str | int | Path,
    *,
    size: tuple[int, int] | None = None,
    stop: threading.Event | None = None,
    note: Note = print_note,
) -> Source:
    """Opens whatever gives frames.

    Args:
        source: a camera's number (as a number or as text), a video file, the address of a stream (rtsp://, rtmp://,
            http://, udp://), or a folder of pictures.
        size: width, height to ask a camera for; it gives the nearest it has.
        stop: once it is set, frames end within a second or so, even while a camera or a stream is waited for.
        note: takes messages of one line, such as that a camera is gone and tried again. They may come while frames
            are read, from the thread that reads.

    Raises:
        VideoError: it gives no picture.
        FaceKitError: OpenCV does not load.
    """
    stop = stop or threading.Event()
    text = "" if isinstance(source, Path) else str(source)
    if text.isdecimal():
        from facekit.video.sources.camera import open_camera

        return open_camera(int(text), size, stop, note)
    if re.match(r"\w\w+://", text):
        from facekit.video.sources.stream import open_stream

        return open_stream(text, stop, note)
    path = Path(str(source))
    if path.is_dir():
        from facekit.video.sources.folder import PictureFolder

        return PictureFolder(path, stop, note)
    from facekit.video.sources.video_files import open_video_file

    return open_video_file(path, stop, note)
