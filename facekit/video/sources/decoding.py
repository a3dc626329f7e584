"""Decodes a container opened by FFmpeg to upright pictures of one size, with their times."""

from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from facekit.core.errors import VideoError
from facekit.faces.images import Picture
from facekit.video.sources.source import fitted, plausible_rate

PIXEL_ASPECT_RATIOS = (0.25, 4)  # lowest and highest plausible width / height
RATE_TOLERANCE = 0.001  # relative difference up to which two statements of a rate agree
CLOCK_RESET_SECONDS = 1.0  # backward jump of times where recordings were joined; damage causes smaller ones
MIN_FRAME_SECONDS = 0.001  # between frames of the same time stamp
BT709, UNSPECIFIED = 1, 2  # FFmpeg's codes of colour matrices
EMPTY = np.empty((0, 0, 3), np.uint8)
MAX_FAILURES = 100  # consecutive ones, until reading is given up


class Decoder:
    """Decodes the pictures of an open container from its current position. Must be closed.

    Damaged packets are skipped: their pictures are missing, and times stay right.

    Args:
        container: opened by av.open; closed with the decoder, and if it has no picture.
        name: for messages.
        is_live: whether each picture must be decoded before the next packet arrives; slower.

    Attributes:
        size, rate, n_frames, duration, sound, start: as of `Source`.
        time: of the last picture, seconds after the first.
        n_read, n_damaged: numbers of pictures, and of damaged sections.
        step: pictures whose index is no multiple of it are read without being converted: they are empty.

    Raises:
        VideoError: if it has no picture.
    """

    def __init__(self, container: Any, name: str, *, is_live: bool = False) -> None:
        self._container, self.name, self.is_live = container, name, is_live
        try:
            self._begin()
        except VideoError:
            container.close()
            raise

    def _begin(self) -> None:
        container = self._container
        cover = av.stream.Disposition.attached_pic  # an album's
        videos = container.streams.video
        streams = [each for each in videos if each.codec_context is not None and not each.disposition & cover]
        if not streams:
            raise no_pictures(self.name)
        self._stream = stream = streams[0]
        self._has_times = container.format.name != "avi"  # AVI has decoding times only
        # Frame threading delays as many frames as there are threads.
        stream.thread_type = "SLICE" if self.is_live else "AUTO"
        self.rate = _rate(stream)
        self.n_frames: int | None = stream.frames or None
        self.duration = container.duration and container.duration / av.time_base
        if self.duration is None and stream.duration:
            self.duration = float(stream.duration * stream.time_base)
        if self.n_frames and self.duration and "mov" in container.format.name:
            # A video trimmed by an edit list, as phones do, counts the hidden frames too.
            self.n_frames = min(self.n_frames, round(self.duration * self.rate))
        self.time = self._start = 0.0
        self.n_read = self.n_damaged = 0
        self.step = 1
        self._is_damaged = False  # at the current position
        self._frames = self._decode()
        self._first = next(self._frames, None)
        if self._first is None:
            raise no_pictures(self.name)
        # FFmpeg counts quarter turns to the left; odd ones swap width and height.
        self._turns = round(self._first.rotation / 90) % 4
        width, height = _square_pixels(self._first, stream.sample_aspect_ratio)
        self.size = (height, width) if self._turns % 2 else (width, height)
        self.sound = str(container.name) if container.streams.audio else None
        self.start = self._stamp(self._first) or 0.0
        self._reformatter = VideoReformatter()

    def read(self) -> Picture | None:
        """Reads the next picture; None at the end. Raises VideoError if reading fails for good."""
        frame, self._first = self._first or next(self._frames, None), None
        if frame is None:
            return None
        self.time = self._time(frame)
        self.n_read += 1
        return EMPTY if (self.n_read - 1) % self.step else self._upright(frame)

    def close(self) -> None:
        self._frames.close()
        self._container.close()

    def _decode(self) -> Generator[Any, None, None]:
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._count_damage(True)
                continue
            for frame in frames:
                self._count_damage(frame.is_corrupt)
                yield frame

    def _packets(self) -> Iterator[Any]:
        """Yields packets, resuming after each failure. The last one is empty: it flushes the decoder."""
        failures = 0
        while failures < MAX_FAILURES:
            try:
                for packet in self._container.demux(self._stream):
                    yield packet
                    failures = 0
                return
            except av.error.InvalidDataError:
                self._count_damage(True)
                failures += 1
            except (OSError, av.FFmpegError) as error:
                reason = error.strerror
                break
        else:
            reason = "no intact data is left"
        # Raised outside the handler, without a cause: FFmpeg's error has the address, which may contain a password.
        raise VideoError(f"{self.name} cannot be read any more: {reason}. Check that it plays elsewhere.")

    def _count_damage(self, is_damaged: bool) -> None:
        self.n_damaged += is_damaged and not self._is_damaged
        self._is_damaged = is_damaged

    def _stamp(self, frame: Any) -> float | None:
        """Returns a frame's time in the container, seconds."""
        stamp = frame.pts if self._has_times else frame.dts
        return None if stamp is None else float(stamp * frame.time_base)

    def _time(self, frame: Any) -> float:
        step = float(1 / self.rate)
        time = self._stamp(frame)
        if time is None:
            return self.time + step if self.n_read else 0.0
        if not self.n_read:
            self._start = time
            return 0.0
        if time - self._start < self.time - CLOCK_RESET_SECONDS:
            self._start = time - self.time - step
        return max(time - self._start, self.time + MIN_FRAME_SECONDS)

    def _upright(self, frame: Any) -> Picture:
        width, height = _square_pixels(frame, self._stream.sample_aspect_ratio)
        # As players do, untagged pictures of high definition are taken for BT.709.
        is_hd = frame.colorspace == UNSPECIFIED and height >= 720
        picture: Any = self._reformatter.reformat(
            frame, width, height, "rgb24", src_colorspace=BT709 if is_hd else None, threads=1
        ).to_ndarray()
        if self._turns:
            turns = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
            picture = cv2.rotate(picture, turns[self._turns])
        return fitted(picture, self.size)  # the size of the first one, which a later part need not have


def no_pictures(name: str) -> VideoError:
    """Makes the error of a file without pictures."""
    return VideoError(
        f"{name} has no pictures that can be read: it is no video, cut off, or sound only. "
        "Check that it plays elsewhere.",
        argument="source",
    )


def _rate(stream: Any) -> Fraction:
    mean, guess = stream.average_rate, stream.guessed_rate  # the guess is exact where times are rounded
    return plausible_rate(guess if mean and guess and abs(mean / guess - 1) < RATE_TOLERANCE else mean or guess)


def _square_pixels(frame: Any, shape: Fraction | None) -> tuple[int, int]:
    """Computes width and height with square pixels."""
    is_plausible = shape and PIXEL_ASPECT_RATIOS[0] <= shape <= PIXEL_ASPECT_RATIOS[1]
    return (max(1, round(frame.width * shape)) if is_plausible else frame.width, frame.height)
