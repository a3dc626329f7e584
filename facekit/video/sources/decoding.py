"""What FFmpeg opened -> pictures that are upright, of one size, each with its time."""

from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Any

import av
from av.video.reformatter import VideoReformatter

from facekit.core.errors import VideoError
from facekit.core.opencv import import_cv2
from facekit.faces.images import Picture
from facekit.video.sources.source import believable

PIXEL_SHAPES = (0.25, 4)  # width / height that is believed
SAME_RATE = 0.001  # by how much two statements of a rate may differ
CLOCK_BEGINS_ANEW = 1.0  # seconds that times jump back by where recordings were joined; after damage it is less
MOMENT = 0.001  # seconds between frames that claim one time
BT709, UNSPECIFIED = 1, 2  # FFmpeg's numbers of matrices of colours
MOST_FAILURES = 100  # in a row, until a file is given up


class Decoder:
    """The pictures of an open container, from where it stands. Close it.

    Damaged packets are skipped: pictures between are missing, and times stay right.

    Args:
        container: opened by av.open.
        name: for errors.
        is_live: whether each picture must come out before the next one goes in; slower.

    Attributes:
        size: width, height, upright, pixels.
        rate: frames a second.
        n_frames, duration: as announced, seconds; None if they are not.
        time: of the picture read last, seconds after the first.
        n_read: how many pictures were read.
        n_damaged: in how many places.

    Raises:
        VideoError: there is no picture in it.
    """

    def __init__(self, container: Any, name: str, *, is_live: bool = False) -> None:
        self._container, self._name, self.is_live = container, name, is_live
        films = [stream for stream in container.streams.video if _is_film(stream)]
        if not films:
            raise no_pictures(name)
        self._stream = stream = films[0]
        self._has_times = container.format.name != "avi"  # of showing; AVI knows the order of decoding only
        # Frame threads hold back as many frames as there are threads.
        stream.thread_type = "SLICE" if is_live else "AUTO"
        self.rate = _rate(stream)
        self.n_frames: int | None = stream.frames or None
        self.duration = _duration(container, stream)
        if self.n_frames and self.duration and "mov" in container.format.name:
            # A film that was shortened afterwards, as phones do, counts the frames that it hides.
            self.n_frames = min(self.n_frames, round(self.duration * self.rate))
        self.time = self._start = 0.0
        self.n_read = self.n_damaged = 0
        self._is_damaged = False  # at this place
        self._frames = self._decode()
        self._first = next(self._frames, None)
        if self._first is None:
            raise no_pictures(name)
        # FFmpeg counts turns to the left. A quarter of a turn swaps the sides.
        self._turns = round(self._first.rotation / 90) % 4
        self._coded_size = _square_pixels(self._first, stream.sample_aspect_ratio)
        width, height = self._coded_size
        self.size = (height, width) if self._turns % 2 else (width, height)
        self._reformatter = VideoReformatter()

    def read(self) -> Picture | None:
        """The next picture, RGB uint8 (H, W, 3); None at the end.

        Raises:
            VideoError: it cannot be read any more.
        """
        frame, self._first = self._first or next(self._frames, None), None
        if frame is None:
            return None
        self.time = self._time(frame)
        self.n_read += 1
        return self._upright(frame)

    def close(self) -> None:
        self._frames.close()
        self._container.close()

    def _decode(self) -> Generator[Any, None, None]:
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._damage(True)
                continue
            for frame in frames:
                self._damage(frame.is_corrupt)
                yield frame

    def _packets(self) -> Iterator[Any]:
        """The packets, from beyond each place where reading fails. The last one is empty: it asks for what remains."""
        failures = 0
        while failures < MOST_FAILURES:
            try:
                for packet in self._container.demux(self._stream):
                    yield packet
                    failures = 0
                return
            except av.error.InvalidDataError:
                self._damage(True)
                failures += 1
            except (OSError, av.FFmpegError) as error:
                reason = error.strerror
                break
        else:
            reason = "nothing in it is whole"
        # Not "from": FFmpeg's error holds the address, which may hold a password.
        raise VideoError(f"{self._name} cannot be read any more: {reason}. Check that it plays elsewhere.")

    def _damage(self, is_damaged: bool) -> None:
        self.n_damaged += is_damaged and not self._is_damaged
        self._is_damaged = is_damaged

    def _time(self, frame: Any) -> float:
        step = float(1 / self.rate)
        stamp = frame.pts if self._has_times else frame.dts
        if stamp is None:
            return self.time + step if self.n_read else 0.0
        time = float(stamp * frame.time_base)
        if not self.n_read:
            self._start = time
            return 0.0
        if time - self._start < self.time - CLOCK_BEGINS_ANEW:
            self._start = time - self.time - step
        return max(time - self._start, self.time + MOMENT)

    def _upright(self, frame: Any) -> Picture:
        width, height = self._coded_size
        # Large pictures without a mark are of high definition, and coded by its matrix: so do players guess.
        is_guessed = frame.colorspace == UNSPECIFIED and height >= 720
        picture: Any = self._reformatter.reformat(
            frame, width, height, "rgb24", src_colorspace=BT709 if is_guessed else None, threads=1
        ).to_ndarray()
        if not self._turns:
            return picture
        cv2 = import_cv2()
        turns = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
        return cv2.rotate(picture, turns[self._turns])


def no_pictures(name: str) -> VideoError:
    """What to tell where FFmpeg finds no picture."""
    return VideoError(
        f"{name} has no pictures that can be read: it is no video, cut off, or sound only. "
        "Check that it plays elsewhere."
    )


def _is_film(stream: Any) -> bool:
    is_cover = bool(stream.disposition & av.stream.Disposition.attached_pic)  # of a record
    return stream.codec_context is not None and not is_cover


def _rate(stream: Any) -> Fraction:
    mean, steps = stream.average_rate, stream.guessed_rate  # the latter is exact where the mean is of rounded times
    return believable(steps if mean and steps and abs(mean / steps - 1) < SAME_RATE else mean or steps)


def _duration(container: Any, stream: Any) -> float | None:
    if container.duration is not None:
        return container.duration / av.time_base
    return float(stream.duration * stream.time_base) if stream.duration else None


def _square_pixels(frame: Any, shape: Fraction | None) -> tuple[int, int]:
    """Width, height at which its pixels are square."""
    is_believed = shape and PIXEL_SHAPES[0] <= shape <= PIXEL_SHAPES[1]
    return (max(1, round(frame.width * shape)) if is_believed else frame.width, frame.height)
