"""Data that the stages of a video pass on: frames and their faces."""

from dataclasses import dataclass
from typing import Any

from facekit.faces.detectors import Box
from facekit.faces.images import Picture
from facekit.heads import Answer


@dataclass(frozen=True)
class Frame:
    """One frame of a video.

    Args:
        index: position in the source, from 0; dropped frames count too.
        time: presentation time, seconds after the source's first frame.
        picture: RGB uint8 (H, W, 3), upright.
        captured: time.monotonic() when it was read, seconds.
    """

    index: int
    time: float
    picture: Picture
    captured: float


@dataclass(frozen=True)
class TrackedFace:
    """A visible face with its averaged estimates.

    Args:
        track: the track's id, from 1; never reused.
        box: left, top, right, bottom in the frame, pixels; right and bottom are exclusive.
        answers: head's name -> answer, averaged over the track so far; empty before the first estimate.
        evidence: number of chips that the answers are based on.
        quality: of the best of these views, 0 to 1; older ones count less. None before the first estimate.
    """

    track: int
    box: Box
    answers: dict[str, Answer]
    evidence: int
    quality: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object: track, box, evidence, quality, and each answer under its head's name."""
        quality = None if self.quality is None else round(self.quality, 3)
        answers = {name: answer.to_dict() for name, answer in self.answers.items()}
        return {"track": self.track, "box": list(self.box), "evidence": self.evidence, "quality": quality, **answers}


@dataclass(frozen=True)
class Scene:
    """A frame and its faces, from left to right."""

    frame: Frame
    faces: tuple[TrackedFace, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object of a line: the frame's index and time, and its faces."""
        return {
            "frame": self.frame.index,
            "time": round(self.frame.time, 4),
            "faces": [face.to_dict() for face in self.faces],
        }
