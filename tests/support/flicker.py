"""Measures how much displayed ages change over time, with and without smoothing."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from facekit.estimator import FaceEstimator
from facekit.heads import AgeAnswer
from facekit.video.frames import Frame, TrackedFace


def flicker(scenes: Iterable[Sequence[TrackedFace]], seconds: float) -> float:
    """Computes the mean absolute change of the faces' ages, years per second.

    Args:
        scenes: the faces of each frame.
        seconds: duration.
    """
    years: dict[int, list[float]] = {}
    for faces in scenes:
        for face in faces:
            if isinstance(age := face.answers.get("age"), AgeAnswer):
                years.setdefault(face.track, []).append(age.years)
    changes = [sum(abs(after - now) for now, after in pairwise(ages)) for ages in years.values()]
    return sum(changes) / len(changes) / seconds


def estimates_by_frame(estimator: FaceEstimator, frames: Iterable[Frame]) -> list[tuple[TrackedFace, ...]]:
    """Estimates each frame as a separate photograph; for clips of one face."""
    return [
        tuple(TrackedFace(1, found.box, found.answers, 1) for found in estimator.estimate(frame.picture)[:1])
        for frame in frames
    ]
