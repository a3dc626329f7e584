"""Data that the stages of a video pass on: frames and their faces."""

from dataclasses import dataclass
from typing import Any

from facekit.faces.detectors import Box
from facekit.faces.images import Picture
from facekit.heads import Answer


@dataclass(frozen=True)
class Frame:
    """One frame of a video."""

    index: int  # position in the source, from 0; dropped frames count too
    time: float  # presentation time, seconds after the source's first frame
    picture: Picture  # RGB uint8 (H, W, 3), upright
    captured: float  # time.monotonic() when it was read, seconds


@dataclass(frozen=True)
class TrackedFace:
    """A visible face with its averaged estimates."""

    track: int  # id, from 1; never reused
    box: Box  # in the frame
    answers: dict[str, Answer]  # by head, averaged over the track so far; empty before the first estimate
    evidence: int  # number of chips that the answers are based on
    quality: float | None = None  # of the best of these views, 0 to 1; older ones count less. None before the first

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
