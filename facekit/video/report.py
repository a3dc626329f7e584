"""Report of a processed video."""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facekit.video.captures.captures import Captures


@dataclass
class VideoReport:
    """Result of `annotate_video`.

    Args:
        frames: number of processed frames.
        seconds: processing time.
        dropped: number of frames of a live source that were not processed.
        latencies: seconds from capture to output of the last frames of a live source.
        files: written files, without captures.
        captures: where they are, and how many; None if none were wanted.
        interrupted: whether Ctrl-C, SIGTERM or SIGHUP ended it.
        smallest_face: width of the smallest faces that were searched for by default, pixels; None if it was chosen, or
            is not known.
        tracks: table of the tracks, for the terminal.
    """

    frames: int = 0
    seconds: float = 0.0
    dropped: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=10_000))
    files: list[Path] = field(default_factory=list)
    captures: "Captures | None" = None
    interrupted: bool = False
    smallest_face: int | None = None
    tracks: str = ""

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.frames / max(self.seconds, 1e-6)

    @property
    def written(self) -> str:
        """Names of everything that was written, for a sentence."""
        names = [str(written) for written in (*self.files, self.captures) if written]
        return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))

    def __str__(self) -> str:
        parts = [f"{self.frames} frame{'' if self.frames == 1 else 's'}"]
        parts.append(f"{self.rate:.1f} frames per second")
        if self.dropped:
            parts.append(f"{self.dropped} dropped")
        if len(self.latencies) > 1:
            cuts = quantiles(self.latencies, n=20)
            parts.append(f"latency {1000 * cuts[9]:.0f} ms (95 %: {1000 * cuts[-1]:.0f} ms)")
        if self.written:
            parts.append(f"written to {self.written}")
        return ", ".join(parts)
