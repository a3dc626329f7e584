"""Tracks -> estimates that do not jump: what several frames say of a face is averaged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facekit.core.opencv import import_cv2
from facekit.estimator import FaceEstimator
from facekit.faces.images import Picture
from facekit.heads import AgeHead, Answer
from facekit.networks.calibration import tempered
from facekit.video.frames import Frame, TrackedFace
from facekit.video.tracks.tracking import Track

WAITS = 0.1, 0.1, 0.2, 0.4, 1.0  # seconds from one estimate of a face to the next; the last for all later ones
EARLY = 0.005  # seconds: frames do not come when an estimate is due, but rather early than late
# Faces that are estimated in one frame; others wait for the next. With four, of eight faces 5 % of the frames were late
# by 65 ms and more, on AVX2 86; with two by 38.
AT_ONCE = 2
MEMORY = 30.0  # seconds after which what was seen counts for a third
# Averaging removes what differs from frame to frame; what a network thinks of a person in all frames stays. The share
# of the age's squared error that goes: 0.4 % of slight changes, 5 % of strong ones. With 5 %, the interval still holds
# 80 % (benchmarks/evidence.py).
FLEETING = 0.05
SIDEWAYS = 0.2  # how far the nose lies beside the middle of the eyes, in their distance, where a view counts for 1 / e
LARGE = 100  # width of a face from which more pixels say no more
# Variance of the Laplacian at which a chip counts for half: faces of 120 px have 31, blurred by 1 px 16, by 2 px 7.
SHARP = 15.0
LEAST_WEIGHT = 0.01


@dataclass
class _Evidence:
    """What was seen of one face. `sums`: head's name -> weighted sum of probabilities (classes,)."""

    due: float
    time: float = 0.0
    count: int = 0
    weight: float = 0.0
    squares: float = 0.0  # of weights
    sums: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)


class SteadyEstimates:
    """Estimates the faces of a video, often at first, then once a second. Frames must come in order, from one thread.

    Probabilities are averaged over time, weighted by how frontal, sharp, large and undisturbed the face was. The age's
    interval narrows as evidence grows, by as much as averaging makes the error less, so that it still holds 80 %.

    Args:
        estimator: what answers.
        smoothing: seconds after which what was seen counts for a third; 0: each estimate stands alone.
    """

    def __init__(self, estimator: FaceEstimator, smoothing: float = MEMORY) -> None:
        self._estimator, self._smoothing = estimator, smoothing
        self._known: dict[int, _Evidence] = {}

    def update(self, frame: Frame, tracks: Sequence[Track]) -> tuple[TrackedFace, ...]:
        """The visible faces of a frame from left to right, with what is known of them.

        Args:
            frame: the next one.
            tracks: all of its tracks: what is known of one that is missing is forgotten.
        """
        self._known = {track.number: self._known.get(track.number) or _Evidence(frame.time) for track in tracks}
        visible = [track for track in tracks if track.is_visible]
        # Most overdue first; of those, the lower number.
        waiting = sorted(visible, key=lambda track: (self._known[track.number].due, track.number))
        due = [track for track in waiting if self._known[track.number].due <= frame.time + EARLY][:AT_ONCE]
        if due:
            self._estimate(frame, due)
        return tuple(
            TrackedFace(track.number, track.box, known.answers, known.count)
            for track in sorted(visible, key=lambda track: track.box)
            for known in [self._known[track.number]]
        )

    def _estimate(self, frame: Frame, tracks: Sequence[Track]) -> None:
        cut = self._estimator.cut(frame.picture, [track.box for track in tracks])
        probabilities = self._estimator.predict(cut.chips)
        landmarks = [None] * len(tracks) if cut.landmarks is None else cut.landmarks
        for place, (track, chip, points) in enumerate(zip(tracks, cut.chips, landmarks, strict=True)):
            rows = {name: column[place] for name, column in probabilities.items()}
            self._add(self._known[track.number], frame.time, rows, chip_quality(chip, points, track))
        evidence = [self._known[track.number] for track in tracks]
        for known, answers in zip(evidence, self._estimator.decode(self._averages(evidence)), strict=True):
            known.answers = answers

    def _add(self, known: _Evidence, time: float, rows: dict[str, NDArray[np.floating]], weight: float) -> None:
        kept = math.exp(-(time - known.time) / self._smoothing) if self._smoothing else 0.0
        before = known.sums
        known.sums = {name: weight * row.astype(np.float64) for name, row in rows.items()}
        for name, row in before.items():
            known.sums[name] += kept * row
        known.weight = kept * known.weight + weight
        known.squares = kept**2 * known.squares + weight**2
        known.time, known.due = time, time + WAITS[min(known.count, len(WAITS) - 1)]
        known.count += 1

    def _averages(self, evidence: Sequence[_Evidence]) -> dict[str, NDArray[np.float64]]:
        """Head's name -> probabilities (faces, classes)."""
        averages = {}
        for head in self._estimator.heads:
            rows = np.stack([known.sums[head.name] / known.weight for known in evidence])
            if isinstance(head, AgeHead):
                rows = np.concatenate(
                    [tempered(head, row[None], narrowing(known)) for row, known in zip(rows, evidence, strict=True)]
                )
            averages[head.name] = rows
        return averages


def narrowing(known: _Evidence) -> float:
    """By what an age's log-probabilities are divided: the share of its squared error that is left, 1 for one frame.

    Of n frames of equal weight, 1 - FLEETING * (1 - 1 / n); weights count by their effective number (Kish 1965).
    """
    return 1 - FLEETING * (1 - known.squares / known.weight**2)


def chip_quality(chip: Picture, landmarks: NDArray[np.float32] | None, track: Track) -> float:
    """How much a view of a face says: the product of how frontal, sharp, large and undisturbed it is, up to 1.

    Args:
        chip: RGB uint8 (S, S, 3).
        landmarks: (5 | 68, 2), None where they are not known.
        track: the face.
    """
    cv2 = import_cv2()
    width = track.box[2] - track.box[0]
    side = min(chip.shape[0], max(16, width))  # about the size at which it was seen: enlarged, all looks blurred
    grey = cv2.cvtColor(cv2.resize(chip, (side, side), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    # Smoothed a little: a sensor's noise is no sharpness.
    edges = float(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 1), cv2.CV_32F).var())
    sharp = edges / (edges + SHARP)
    frontal = 1.0 if landmarks is None else math.exp(-((_aside(landmarks) / SIDEWAYS) ** 2))
    return max(LEAST_WEIGHT, frontal * sharp * min(1.0, width / LARGE) * track.confidence**2)


def _aside(landmarks: NDArray[np.float32]) -> float:
    """How far the base of the nose lies beside the middle of the eyes, in the distance of the eyes."""
    if len(landmarks) == 5:
        one, other, nose = landmarks[0:2].mean(axis=0), landmarks[2:4].mean(axis=0), landmarks[4]
    else:
        one, other, nose = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0), landmarks[33]
    across = other - one
    length = max(float(np.linalg.norm(across)), 1e-3)
    return abs(float((nose - (one + other) / 2) @ across)) / length**2
