"""Frames -> an .mp4 that plays at every moment, also after the process was killed or the disk was full."""

import contextlib
import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from facekit.core.errors import VideoError
from facekit.core.opencv import import_cv2
from facekit.faces.images import Picture

# The first that is there. Measured at 640x480 with noise: veryfast takes 3.2 ms of processor time a frame and 30 KiB a
# second of video, ultrafast 2.0 ms and 58 KiB, both at 33 dB. No B-frames and few frames looked ahead: those are lost
# when the process is killed.
ENCODERS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "crf": "22", "bf": "0", "rc-lookahead": "5"},
    "mpeg4": {"qscale": "4"},
}
# Fragments of half a second, each handed to the system when it is done: a killed process loses the last one only. When
# the file is closed, the fragments become a usual .mp4 with one index, which every player can wind.
CONTAINER = {
    "movflags": "empty_moov+default_base_moof+hybrid_fragmented",
    "frag_duration": "500000",
}
SECONDS_BETWEEN_KEYS = 2
BT709, STUDIO, FULL = 1, 1, 2  # FFmpeg's numbers: the matrix of colours, and their ranges 16..235 and 0..255
THREADS = 4  # of the encoder; each holds back a frame
MOST_TICKS = 60000  # a second; MPEG-4 knows hardly more
NEAR = 0.001  # seconds; some files round the times of their frames to milliseconds


class VideoWriter:
    """An .mp4 of H.264, or of MPEG-4 where a build lacks that. Leaving its `with` block closes it.

    It is written under its own name from the first frame on, as a fragmented file is valid at every moment: what was
    written before an error, or before the process was killed, plays. A file without a frame is removed.

    Args:
        path: ends in .mp4; missing folders are made, a file of this name is replaced.
        size: width, height of the frames, pixels. Odd ones are padded to even ones by repeating the last column or
            row, as both codecs hold colours at half the resolution: nothing is lost.
        rate: frames a second.
        variable: whether the times are a clock's. Else times within NEAR of a multiple of 1 / rate are taken for it, so
            that a rate such as 30000/1001 stays exact; others are kept, to 20 microseconds.

    Attributes:
        path: as given.
        n_written: how many frames were taken.

    Raises:
        VideoError: the name does not end in .mp4, or the file cannot be written.
    """

    def __init__(self, path: Path, size: tuple[int, int], rate: Fraction, *, variable: bool) -> None:
        if path.suffix.lower() != ".mp4":
            raise VideoError(f"A video is written as .mp4. Received: {path}. Choose a name that ends so.")
        self.n_written = 0
        self.path = path
        # Frames of a constant rate are whole numbers of ticks apart.
        self._step = 1 if variable else max(1, MOST_TICKS // rate.numerator) * rate.denominator  # ticks
        self._tick = Fraction(1, MOST_TICKS) if variable else 1 / (rate * self._step)  # seconds
        self._first: float | None = None  # seconds
        self._last = -1  # ticks
        self._odd = (size[1] % 2, size[0] % 2)
        self._reformatter = VideoReformatter()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _File(path)
        except OSError as error:
            raise self._failure(error) from error
        self._container = av.open(self._file, "w", format="mp4", options=CONTAINER)
        self._stream: Any = self._add_stream(size, rate)
        try:
            self._container.start_encoding()
        except (OSError, av.FFmpegError) as error:
            is_disk = self._file.is_given_up
            self._close()
            if is_disk:
                raise self._failure(error) from error
            raise VideoError(f"Cannot write {path}: no encoder takes {size[0]} x {size[1]} pixels.") from error
        self._file.keep()

    def _add_stream(self, size: tuple[int, int], rate: Fraction) -> Any:
        encoder = next(name for name in ENCODERS if name in av.codecs_available)
        stream: Any = self._container.add_stream(encoder, rate=rate, options=ENCODERS[encoder])
        stream.width, stream.height = size[0] + self._odd[1], size[1] + self._odd[0]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = stream.time_base = self._tick
        context.gop_size = max(1, round(SECONDS_BETWEEN_KEYS * rate))
        context.thread_count = THREADS
        # Without these marks a player guesses how colours were coded: by the size, and not all alike.
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = STUDIO
        return stream

    def write(self, picture: Picture, time: float) -> None:
        """Adds a frame.

        Args:
            picture: RGB uint8 (H, W, 3) of the size announced; it is not changed.
            time: when it is to be seen, seconds; counted from the first one written, which is seen at 0.

        Raises:
            VideoError: the file cannot be written.
        """
        if self._first is None:
            self._first = time
        self._last = max(self._last + 1, self._ticks(time - self._first))
        if any(self._odd):
            cv2 = import_cv2()
            picture = cv2.copyMakeBorder(picture, 0, self._odd[0], 0, self._odd[1], cv2.BORDER_REPLICATE)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        # Kept, as it keeps its tables; one thread, as others have work for the second core.
        frame = self._reformatter.reformat(
            frame, format="yuv420p", dst_colorspace=BT709, src_color_range=FULL, dst_color_range=STUDIO, threads=1
        )
        frame.pts, frame.time_base = self._last, self._tick
        self._mux(frame)
        self.n_written += 1

    def _ticks(self, time: float) -> int:
        nearest = round(time / (self._step * self._tick))
        if abs(nearest * self._step * self._tick - time) < NEAR:
            return nearest * self._step
        return round(time / self._tick)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except (OSError, av.FFmpegError) as error:
            self._file.give_up()
            raise self._failure(error) from error
        self._file.keep()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self._file.is_given_up:
                self._mux(None)
        except VideoError:
            if error is None:
                raise
        finally:
            failure = self._close()
        if failure and error is None:
            raise self._failure(failure) from failure

    def _close(self) -> Exception | None:
        failure: Exception | None = None
        try:
            self._container.close()
            self._file.keep()
        except (OSError, av.FFmpegError) as error:
            self._file.give_up()
            failure = error
        self._file.close()
        if not (self.n_written and self._file.n_kept > 1):  # the head alone is no video
            self.path.unlink(missing_ok=True)
        return failure

    def _failure(self, error: Any) -> VideoError:
        return VideoError(
            f"Cannot write {self.path}: {error.strerror}. Free the space or choose another folder with --output."
        )


class _File:
    """What FFmpeg writes to. After a failure it takes no more and holds whole fragments only.

    FFmpeg itself would go on: half a fragment, and an index of what never reached the disk.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "wb", buffering=0)
        self._whole = 0  # bytes that are head and fragments
        self.n_kept = 0  # how many of these
        self.is_given_up = False

    def write(self, content: bytes) -> int:
        if not self.is_given_up:
            rest = memoryview(content)
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError:
                self.is_given_up = True
                raise
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def keep(self) -> None:
        """All that was written until now is whole."""
        size = os.fstat(self._file.fileno()).st_size
        self.n_kept += size > self._whole
        self._whole = size

    def give_up(self) -> None:
        """Takes back what is not whole."""
        self.is_given_up = True
        with contextlib.suppress(OSError):
            self._file.truncate(self._whole)

    def close(self) -> None:
        self._file.close()
