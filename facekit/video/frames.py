"""What the stages of a video hand on: frames, and the faces in them."""

from dataclasses import dataclass
from typing import Any

from facekit.faces.detectors import Box
from facekit.faces.images import Picture
from facekit.heads import Answer


@dataclass(frozen=True)
class Frame:
    """One picture of a video.

    Args:
        number: in the source, counted from 0; those that were dropped count too.
        time: when it is to be seen, seconds after the source's first picture.
        picture: RGB uint8 (H, W, 3), upright.
        captured: when it was read, by time.monotonic(), seconds.
    """

    number: int
    time: float
    picture: Picture
    captured: float


@dataclass(frozen=True)
class TrackedFace:
    """A face that is followed from frame to frame.

    Args:
        track: its number, counted from 1 and given once.
        box: left, top, right, bottom in the frame, pixels; right and bottom are exclusive.
        answers: head's name -> answer from all that was seen of it so far; empty before the first estimate.
        evidence: how many chips these are drawn from.
    """

    track: int
    box: Box
    answers: dict[str, Answer]
    evidence: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON: track, box, evidence, and each answer under its head's name."""
        answers = {name: answer.to_dict() for name, answer in self.answers.items()}
        return {"track": self.track, "box": list(self.box), "evidence": self.evidence, **answers}


@dataclass(frozen=True)
class Scene:
    """A frame with its faces, from left to right."""

    frame: Frame
    faces: tuple[TrackedFace, ...]

    def to_dict(self) -> dict[str, Any]:
        """As a line of JSON: the frame's number and time, and its faces."""
        return {
            "frame": self.frame.number,
            "time": round(self.frame.time, 4),
            "faces": [face.to_dict() for face in self.faces],
        }
