"""Video files, local or on a server."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av

from facekit.core.errors import VideoError
from facekit.core.text import counted
from facekit.faces.images import Picture
from facekit.video.frames import Frame
from facekit.video.sources.cameras import camera_hint
from facekit.video.sources.decoding import Decoder, no_pictures
from facekit.video.sources.live import Background, Stopped
from facekit.video.sources.source import Source, print_note

MIN_COMPLETE_SHARE = 0.9  # share of the announced length of a whole file; some containers only estimate it
SERVER_TIMEOUT_SECONDS = 30.0  # for a picture; meanwhile FFmpeg requests the rest of the file again


def open_video_file(path: Path, stop: threading.Event) -> Source:
    """Opens a video file. Arguments and errors as of `open_source`."""
    problem = None
    if not path.is_file():
        problem = f"A video must exist, as a file or a camera. Received: {path}. Check the name and the current folder."
        problem += camera_hint()
    elif not path.stat().st_size:
        problem = f"{path} is empty. Copy it again."
    elif not os.access(path, os.R_OK):
        problem = f"Cannot read {path}: Permission denied. Check its permissions."
    if problem:
        raise VideoError(problem, argument="source")
    try:
        # With "file:", as a name may look like a stream's address.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except (OSError, ValueError, av.FFmpegError) as error:
        raise no_pictures(str(path)) from error
    decoder = Decoder(container, str(path))
    return VideoFile(decoder, decoder, stop)


class VideoFile(Source):
    """A video file, read by a decoder or the thread that it runs in. No frame is lost, however slowly it is read."""

    def __init__(self, decoder: Decoder, connection: Decoder | Background, stop: threading.Event) -> None:
        self.name, self.rate, self.size = decoder.name, decoder.rate, decoder.size
        self.n_frames, self.duration = decoder.n_frames, decoder.duration
        self.sound, self.start = decoder.sound, decoder.start
        self._decoder, self._connection = decoder, connection
        self._stop = stop

    def __iter__(self) -> Iterator[Frame]:
        index, self._decoder.step = 0, self.step
        with contextlib.suppress(Stopped):
            while not self._stop.is_set():
                picture = self._read()
                if picture is None:
                    self._check_end(index)
                    return
                if index % self.step == 0:
                    yield Frame(index, self._decoder.time, picture, time.monotonic())
                index += 1

    def close(self) -> None:
        self._connection.close()

    def _read(self) -> Picture | None:
        if isinstance(self._connection, Decoder):
            return self._connection.read()
        try:
            return self._connection.read(SERVER_TIMEOUT_SECONDS)
        except TimeoutError:
            raise VideoError(f"{self.name} sent nothing for {SERVER_TIMEOUT_SECONDS:g} s. Try again later.") from None

    def _check_end(self, n_frames: int) -> None:
        """Reports damage; raises VideoError if the file ended too early."""
        if self._decoder.n_damaged:
            print_note(f"{self.name} is damaged in {counted(self._decoder.n_damaged, 'section')}; the rest was read.")
        end, announced = float(self._decoder.time + 1 / self._decoder.rate), self._decoder.n_frames
        if announced is None:
            if self.duration and end < MIN_COMPLETE_SHARE * self.duration:  # no error, as sound may last longer
                print_note(f"{self.name} ends after {end:.1f} of {self.duration:.1f} s: it may be cut off.")
        elif max(n_frames, end * self._decoder.rate) < MIN_COMPLETE_SHARE * announced:
            raise VideoError(
                f"{self.name} is damaged or cut off: it ends after {n_frames} of {announced} frames. Copy it again.",
                argument="source",
            )
