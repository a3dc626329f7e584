"""Small test videos with chosen properties."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from facekit.core.files import PROJECT

NTSC = Fraction(30000, 1001)
TICK = Fraction(1, 90000)  # seconds
SAMPLE_RATE = 48000


def pictures(n_frames: int = 12, size: tuple[int, int] = (320, 240)) -> list[np.ndarray]:
    """Makes RGB frames of a photograph that moves by 4 pixels per frame."""
    with Image.open(PROJECT / "demo_images" / "speech.jpg") as photograph:
        still = np.asarray(photograph.convert("RGB").resize(size))
    return [np.roll(still, 4 * number, axis=1) for number in range(n_frames)]


def film(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    rate: Fraction = NTSC,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: Sequence[float] | None = None,
    turned: int = 0,
    shape: Fraction | None = None,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    sounds: Sequence[tuple[str, float, float]] = (),
) -> Path:
    """Writes a video; `times` (seconds) make its rate variable, `turned` (degrees to the left) sets its rotation.

    Each sound has a codec, and its times of begin and end in seconds: a tone that grows louder in steps of 0.1 s.
    """
    with av.open(str(path), "w", options=container or {}) as file:
        stream: Any = file.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        if turned:
            stream.set_display_rotation(turned)
        if shape:
            stream.codec_context.sample_aspect_ratio = shape
        if times is not None:
            stream.codec_context.time_base = TICK
        tracks = [file.add_stream(name, rate=SAMPLE_RATE, layout="stereo") for name, *_ in sounds]
        for track, (_, begin, end) in zip(tracks, sounds, strict=True):
            file.mux([packet for samples in tone(begin, end) for packet in track.encode(samples)] + track.encode())
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24").reformat(format=pixels)
            if times is not None:
                frame.pts, frame.time_base = round(times[number] / TICK), TICK
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def tone(begin: float, end: float) -> Iterator[av.AudioFrame]:
    for first in range(round(begin * SAMPLE_RATE), round(end * SAMPLE_RATE), 960):
        time = np.arange(first, first + 960) / SAMPLE_RATE
        wave = (20_000 * loudness(time) * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
        samples = av.AudioFrame.from_ndarray(wave.repeat(2)[None], "s16", "stereo")
        samples.sample_rate, samples.pts, samples.time_base = SAMPLE_RATE, first, Fraction(1, SAMPLE_RATE)
        yield samples


def loudness(time: np.ndarray) -> np.ndarray:
    """Returns the loudness of the tone at each time (seconds), 0 to 1; it falls back to 0.1 after each second."""
    return np.floor(10 * time % 10 + 1) / 10


def read_sound(path: Path, index: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Reads a sound's loudness every 0.02 s, 0 to 1, and the times, in seconds after the first picture."""
    with av.open(str(path)) as file:
        start = next(file.decode(video=0)).time
    with av.open(str(path)) as file:
        resampler = av.AudioResampler("fltp", "stereo", SAMPLE_RATE)
        parts = [part for frame in file.decode(audio=index) for part in resampler.resample(frame)]
        times = np.concatenate([part.time + np.arange(part.samples) / SAMPLE_RATE for part in parts]) - start
        values = np.concatenate([part.to_ndarray()[0] for part in parts])
    n_windows = len(values) // 960
    peaks = np.abs(values[: 960 * n_windows]).reshape(n_windows, 960).max(axis=1) * 32768 / 20_000
    return peaks, times[: 960 * n_windows : 960] + 0.01


def read_film(path: Path) -> tuple[list[np.ndarray], list[float], Fraction]:
    """Reads RGB frames, their times, and the mean rate with PyAV directly."""
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
        rate = file.streams.video[0].average_rate
    return [frame.to_ndarray(format="rgb24") for frame in frames], [frame.time for frame in frames], rate


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Computes the mean absolute difference of two pictures, of 255."""
    return float(np.abs(one.astype(int) - other).mean())
