"""Small test videos with chosen properties."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from facekit.core.files import PROJECT

NTSC = Fraction(30000, 1001)
TICK = Fraction(1, 90000)  # seconds


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
) -> Path:
    """Writes a video; `times` (seconds) make its rate variable, `turned` (degrees to the left) sets its rotation."""
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
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24").reformat(format=pixels)
            if times is not None:
                frame.pts, frame.time_base = round(times[number] / TICK), TICK
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def read_film(path: Path) -> tuple[list[np.ndarray], list[float], Fraction]:
    """Reads RGB frames, their times, and the mean rate with PyAV directly."""
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
        rate = file.streams.video[0].average_rate
    return [frame.to_ndarray(format="rgb24") for frame in frames], [frame.time for frame in frames], rate


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Computes the mean absolute difference of two pictures, of 255."""
    return float(np.abs(one.astype(int) - other).mean())
