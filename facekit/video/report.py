"""Report of a processed video."""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

from facekit.core.text import counted

if TYPE_CHECKING:
    from facekit.video.captures.captures import Captures


@dataclass
class VideoReport:
    """Result of `annotate_video`."""

    frames: int = 0  # that were processed
    seconds: float = 0.0  # processing time
    dropped: int = 0  # frames of a live source that were not processed
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=10_000))  # from capture to output, seconds
    files: list[Path] = field(default_factory=list)  # that were written, without captures
    captures: "Captures | None" = None  # tells where they are, and how many; None if none were wanted
    interrupted: bool = False  # by Ctrl-C, SIGTERM or SIGHUP
    smallest_face: int | None = None  # width that was searched for by default, pixels; None if chosen or not known
    tracks: str = ""  # table of the tracks, for the terminal

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
        parts = [counted(self.frames, "frame"), f"{self.rate:.1f} frames per second"]
        if self.dropped:
            parts.append(f"{self.dropped} dropped")
        if len(self.latencies) > 1:
            cuts = quantiles(self.latencies, n=20)
            parts.append(f"latency {1000 * cuts[9]:.0f} ms (95 %: {1000 * cuts[-1]:.0f} ms)")
        if self.written:
            parts.append(f"written to {self.written}")
        return ", ".join(parts)
