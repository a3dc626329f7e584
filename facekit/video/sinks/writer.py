"""Writes .mp4 files that are playable at any moment, even after a kill or on a full disk."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from facekit.core.errors import VideoError
from facekit.core.files import writing
from facekit.faces.images import Picture
from facekit.video.sinks.fragments import FragmentFile
from facekit.video.sinks.sound import Sound

# The first available one is used. Measured at 640x480 with noise: veryfast takes 3.2 ms of CPU time per frame and
# 30 KiB per second of video, ultrafast 2.0 ms and 58 KiB, both at 33 dB. No B-frames and a short lookahead, as the
# frames they hold back are lost when the process is killed.
ENCODERS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "crf": "22", "bf": "0", "rc-lookahead": "5"},
    "mpeg4": {"qscale": "4"},
}
# Fragments of half a second, written when complete: a killed process loses only the last one. Closing the file turns
# the fragments into an ordinary .mp4 with one index, in which every player can seek.
CONTAINER = {
    "movflags": "delay_moov+default_base_moof+hybrid_fragmented",
    "frag_duration": "500000",
    "max_interleave_delta": "500000",  # pictures do not wait longer for sound that is missing
}
KEY_FRAME_SECONDS = 2
BT709, LIMITED_RANGE, FULL_RANGE = 1, 1, 2  # FFmpeg's codes: colour matrix, and ranges 16..235 and 0..255
ENCODER_THREADS = 4  # each holds back a frame
MAX_TICKS_PER_SECOND = 60000  # MPEG-4 hardly allows more
TIME_TOLERANCE_SECONDS = 0.001  # some files round their times to milliseconds


class VideoWriter(AbstractContextManager["VideoWriter"]):
    """An .mp4 file of H.264, or of MPEG-4 if a build lacks that. Leaving its `with` block closes it.

    It is written under its final name from the first frame on: as a fragmented file it is always valid, so what was
    written before an error or a kill is playable. A file without a frame is removed.

    Args:
        path: ends in .mp4; missing folders are created, an existing file is replaced.
        size: width, height of the frames, pixels. Odd sizes are padded to even ones by repeating the last column or
            row, as both codecs halve the resolution of colours.
        rate: frames per second.
        variable: whether times come from a clock. Otherwise times within 1 ms of a multiple of 1 / rate are rounded to
            it, so that a rate such as 30000/1001 stays exact; others are kept, to 20 microseconds.
        sound: what is written beside the pictures; None for silence. It is closed with the file.

    Raises:
        VideoError: if the file cannot be written; `write`, `write_sound` and `close` too.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], rate: Fraction, *, variable: bool, sound: Sound | None = None
    ) -> None:
        self.path, self.n_written = path, 0
        # At a constant rate, frames are a whole number of ticks apart.
        self._step = 1 if variable else max(1, MAX_TICKS_PER_SECOND // rate.numerator) * rate.denominator  # ticks
        self._tick = Fraction(1, MAX_TICKS_PER_SECOND) if variable else 1 / (rate * self._step)  # seconds
        self._first: float | None = None  # seconds
        self._last, self._lead = -1, 0  # ticks: time of the last frame, and of the first one
        self._padding = (size[1] % 2, size[0] % 2)  # rows, columns
        self._reformatter = VideoReformatter()
        with writing(path, VideoError, argument="output"):
            self._file = FragmentFile(path)
        self._sound = sound
        self._container = av.open(self._file, "w", format="mp4", options=CONTAINER)
        self._stream: Any = self._add_stream(size, rate)
        if sound:
            sound.add_to(self._container)
        try:
            self._container.start_encoding()
        except (OSError, av.FFmpegError) as error:
            is_disk_error = self._file.has_failed
            with suppress(VideoError):
                self.close()
            if is_disk_error:
                with writing(path, VideoError, argument="output"):
                    raise OSError(error.errno, error.strerror) from error
            raise VideoError(f"Cannot write {path}: no encoder takes {size[0]} x {size[1]} pixels.") from error
        self._file.commit()

    def _add_stream(self, size: tuple[int, int], rate: Fraction) -> Any:
        encoder = next(name for name in ENCODERS if name in av.codecs_available)
        stream: Any = self._container.add_stream(encoder, rate=rate, options=ENCODERS[encoder])
        stream.width, stream.height = size[0] + self._padding[1], size[1] + self._padding[0]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = stream.time_base = self._tick
        context.gop_size = max(1, round(KEY_FRAME_SECONDS * rate))
        context.thread_count = ENCODER_THREADS
        # Without these tags players guess the colour matrix from the size, and not all alike.
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        return stream

    def write(self, picture: Picture, time: float) -> None:
        """Writes a frame with its time, seconds; the first is presented at 0, or after sound that begins earlier."""
        self.write_sound(time)
        if self._first is None:
            self._first = time
            self._lead = round(self._sound.lead / self._tick) if self._sound else 0
        self._last = max(self._last + 1, self._ticks(time - self._first) + self._lead)
        if any(self._padding):
            rows, columns = self._padding
            picture = cv2.copyMakeBorder(picture, 0, rows, 0, columns, cv2.BORDER_REPLICATE)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        # The reformatter is kept, as it keeps its tables; one thread, as other stages use the second core.
        frame = self._reformatter.reformat(
            frame,
            format="yuv420p",
            dst_colorspace=BT709,
            src_color_range=FULL_RANGE,
            dst_color_range=LIMITED_RANGE,
            threads=1,
        )
        frame.pts, frame.time_base = self._last, self._tick
        self._encode(frame)
        self.n_written += 1

    def write_sound(self, time: float) -> None:
        """Writes the sound up to a time, seconds."""
        for packet in self._sound.until(time) if self._sound else ():
            self._mux(packet)

    def _ticks(self, time: float) -> int:
        nearest = round(time / (self._step * self._tick))
        if abs(nearest * self._step * self._tick - time) < TIME_TOLERANCE_SECONDS:
            return nearest * self._step
        return round(time / self._tick)

    def _encode(self, frame: av.VideoFrame | None) -> None:
        """Encodes a frame, or the remaining ones for None."""
        with self._writing():
            packets = self._stream.encode(frame)
        for packet in packets:
            self._mux(packet)

    def _mux(self, packet: Any) -> None:
        with self._writing():
            try:
                self._container.mux(packet)
            except av.FFmpegError:
                # FFmpeg may report a damaged packet of sound with the next one, whichever that is, and goes on.
                if self._file.has_failed or not self._sound:
                    raise
        self._file.commit()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turns an error of FFmpeg or the disk into a VideoError, and truncates the file to whole fragments."""
        with writing(self.path, VideoError, argument="output"):
            try:
                yield
            except (OSError, av.FFmpegError) as error:
                self._file.give_up()
                raise OSError(error.errno, error.strerror) from error

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with suppress(VideoError) if error else nullcontext():
            self.close()

    def close(self) -> None:
        """Ends the file, and removes it if it has no frame. Raises VideoError if it cannot be written."""
        with ExitStack() as last_steps:  # all of them, the last one first, even if one fails
            last_steps.callback(self._remove_if_empty)
            if self._sound:
                last_steps.callback(self._sound.close)
            last_steps.callback(self._file.close)
            last_steps.callback(self._write_index)
            if self.n_written and not self._file.has_failed:
                self._encode(None)

    def _write_index(self) -> None:
        with self._writing():
            self._container.close()
        self._file.commit()

    def _remove_if_empty(self) -> None:
        if not (self.n_written and self._file.n_commits > 1):  # the header alone is no video
            self.path.unlink(missing_ok=True)
