"""A stream, by its address; or a video file on a server."""

import re
import threading
from collections.abc import Callable
from typing import Any

import av

from facekit.core.errors import VideoError
from facekit.faces.images import Picture
from facekit.video.sources.decoding import Decoder
from facekit.video.sources.live import Background, LiveSource, open_first
from facekit.video.sources.source import Note, Source
from facekit.video.sources.video_files import VideoFile

LIVE_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "udp")
SCHEMES = (*LIVE_SCHEMES, "http", "https")
# What has a length but may have no end: it lists parts, or goes on whatever a camera's server announces.
ENDLESS_FORMATS = ("hls", "dash", "mpjpeg")
OPENING = 10.0  # seconds
PATIENCE = 5.0  # seconds for a picture
FILE_PATIENCE = 30.0  # seconds for a picture of a file; in them FFmpeg asks for the rest of it again and again
OPTIONS = {
    "rtsp_flags": "prefer_tcp",  # UDP loses packets, and many routers let none through
    "rw_timeout": f"{PATIENCE + 1:.0f}000000",  # microseconds
    "reconnect": "1",  # of files, which have an end
    "reconnect_on_network_error": "1",
    "reconnect_delay_max": "5",
    "overrun_nonfatal": "1",  # UDP that came faster than it was read
}


def open_stream(url: str, stop: threading.Event, note: Note) -> Source:
    """The stream's frames. Arguments and errors as of `open_source`."""
    scheme = url.partition("://")[0].lower()
    name = public_name(url)
    if scheme not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise VideoError(f"A stream's address must begin with one of {known}. Received: {name}.")

    def connect() -> Decoder:
        return _connect(url, name, scheme in LIVE_SCHEMES)

    background = Background(connect, stop)
    decoder = open_first(name, background, OPENING)
    if not decoder.is_live:
        return VideoFile(name, decoder, _reader(name, background), background.close, stop, note)
    return LiveSource(
        name,
        connect,
        background,
        size=decoder.size,
        rate=decoder.rate,
        patience=PATIENCE,
        opening=OPENING,
        stop=stop,
        note=note,
    )


def public_name(url: str) -> str:
    """The address without what may be a user's name or password, wherever cameras' makers put them.

    >>> public_name("rtsp://admin:secret@10.0.0.7:554/live?password=secret")
    'rtsp://10.0.0.7:554/live'
    """
    scheme, _, rest = url.partition("://")
    address, path = re.split(r"(?=[/?#])", rest, maxsplit=1) if re.search(r"[/?#]", rest) else (rest, "")
    host = address.rpartition("@")[2]
    # A password with a "/" that is not written as %2F cuts the address short.
    plain = re.match(r"(\[[^]]*]|[^:]*)(:\d+$)?", host)
    path = re.split(r"[?#]", path)[0]
    return f"{scheme}://{plain[0] if plain else ''}{'' if {'@', '='} & set(path) else path}"


def _connect(url: str, name: str, is_live: bool) -> Decoder:
    try:
        # Twice, as it is the last resort: who waits for this thread gives up earlier and says so better.
        container = av.open(url, options=OPTIONS, timeout=(2 * OPENING, 2 * FILE_PATIENCE), metadata_errors="replace")
    except (OSError, ValueError, av.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or "it is no video"
    else:
        try:
            return Decoder(container, name, is_live=is_live or not _has_end(container))
        except VideoError:
            container.close()
            raise
    # Not "from": FFmpeg's error holds the address with the password.
    raise VideoError(f"{name} gives no picture: {reason}. Check the address, and that it plays elsewhere.")


def _has_end(container: Any) -> bool:
    """Whether it is a file: one that announces its duration, or at least (MPEG-TS, GIF) its size."""
    return container.duration is not None or (container.size > 0 and container.format.name not in ENDLESS_FORMATS)


def _reader(name: str, background: Background[Decoder]) -> Callable[[], Picture | None]:
    def read() -> Picture | None:
        try:
            return background.read(FILE_PATIENCE)
        except TimeoutError:
            raise VideoError(f"{name} sent nothing for {FILE_PATIENCE:g} s. Try again later.") from None

    return read
