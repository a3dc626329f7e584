"""How much a shown age jumps: with estimates of each frame, and with steady ones."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from facekit.estimator import FaceEstimator
from facekit.heads import AgeAnswer
from facekit.video.frames import Frame, TrackedFace
from facekit.video.tracks.search import Search
from facekit.video.tracks.smoothing import SteadyEstimates
from facekit.video.tracks.tracking import Tracker


def flicker(scenes: Iterable[Sequence[TrackedFace]], seconds: float) -> float:
    """Mean absolute change of the shown age of the faces, years a second.

    Args:
        scenes: the faces of every frame.
        seconds: from the first frame to the last.
    """
    shown: dict[int, list[float]] = {}
    for faces in scenes:
        for face in faces:
            if isinstance(age := face.answers.get("age"), AgeAnswer):
                shown.setdefault(face.track, []).append(age.years)
    changes = [sum(abs(after - now) for now, after in pairwise(ages)) for ages in shown.values()]
    return sum(changes) / len(changes) / seconds


def shown_steadily(
    estimator: FaceEstimator, frames: Iterable[Frame], smoothing: float
) -> list[tuple[TrackedFace, ...]]:
    """What is shown when faces are followed."""
    search, tracker, steady = Search(), Tracker(), SteadyEstimates(estimator, smoothing)
    return [steady.update(frame, tracker.track(frame, search.find(frame))) for frame in frames]


def shown_by_frame(estimator: FaceEstimator, frames: Iterable[Frame]) -> list[tuple[TrackedFace, ...]]:
    """What is shown when each frame is a photograph of its own; for clips of one face."""
    return [
        tuple(TrackedFace(1, found.box, found.answers, 1) for found in estimator.estimate(frame.picture)[:1])
        for frame in frames
    ]
