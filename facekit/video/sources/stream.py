"""Streams and video files on servers, by their address."""

import re
import threading
from functools import partial

import av

from facekit.core.errors import VideoError
from facekit.video.sources.decoding import Decoder
from facekit.video.sources.live import Background, LiveSource
from facekit.video.sources.source import Source
from facekit.video.sources.video_files import SERVER_TIMEOUT_SECONDS, VideoFile

LIVE_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "udp")
SCHEMES = (*LIVE_SCHEMES, "http", "https")
# Formats that announce a size but may be endless: playlists, and pictures from a camera's server.
ENDLESS_FORMATS = ("hls", "dash", "mpjpeg")
OPEN_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 5.0
OPTIONS = {
    "rtsp_flags": "prefer_tcp",  # UDP loses packets, and many routers block it
    "rw_timeout": f"{READ_TIMEOUT_SECONDS + 1:.0f}000000",  # microseconds
    "reconnect": "1",  # applies to files only
    "reconnect_on_network_error": "1",
    "reconnect_delay_max": "5",
    "overrun_nonfatal": "1",  # UDP packets that arrive faster than they are read
}


def open_stream(url: str, rtsp_transport: str | None, stop: threading.Event) -> Source:
    """Opens a stream. Arguments and errors as of `open_source`."""
    scheme = url.partition("://")[0].lower()
    name = public_name(url)
    if scheme not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise VideoError(f"A stream's address must begin with one of {known}. Received: {name}.", argument="source")
    options = OPTIONS if rtsp_transport is None else {**OPTIONS, "rtsp_transport": rtsp_transport}
    open_once = partial(_connect, url, name, options, scheme in LIVE_SCHEMES)
    connect = partial(Background, name, open_once, stop, OPEN_TIMEOUT_SECONDS)
    background = connect()
    decoder: Decoder = background.connection
    if decoder.is_live:
        return LiveSource(background, connect, READ_TIMEOUT_SECONDS)
    return VideoFile(decoder, background, stop)


def public_name(url: str) -> str:
    """Removes everything from an address that may be a user name or password, wherever cameras expect it.

    >>> public_name("rtsp://admin:secret@10.0.0.7:554/live?password=secret")
    'rtsp://10.0.0.7:554/live'
    """
    scheme, _, rest = url.partition("://")
    address, path = re.split(r"(?=[/?#])", rest, maxsplit=1) if re.search(r"[/?#]", rest) else (rest, "")
    host = address.rpartition("@")[2]
    # An unescaped "/" in a password ends the address early.
    plain = re.match(r"(\[[^]]*]|[^:]*)(:\d+$)?", host)
    path = re.split(r"[?#]", path)[0]
    return f"{scheme}://{plain[0] if plain else ''}{'' if {'@', '='} & set(path) else path}"


def _connect(url: str, name: str, options: dict[str, str], is_live: bool) -> Decoder:
    try:
        # Twice the timeouts of those who wait for this thread: they report the reason better.
        timeouts = (2 * OPEN_TIMEOUT_SECONDS, 2 * SERVER_TIMEOUT_SECONDS)
        container = av.open(url, options=options, timeout=timeouts, metadata_errors="replace")
    except (OSError, ValueError, av.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or "it is no video"
    else:
        # A file announces its duration, or at least (MPEG-TS, GIF) its size.
        has_size = container.size > 0 and container.format.name not in ENDLESS_FORMATS
        return Decoder(container, name, is_live=is_live or (container.duration is None and not has_size))
    # Raised outside the handler, without a cause: FFmpeg's error has the address with the password.
    raise VideoError(
        f"{name} gives no picture: {reason}. Check the address, and that it plays elsewhere.", argument="source"
    )
