"""Averages the estimates of each track over time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facekit.estimator import FaceEstimator
from facekit.heads import Answer
from facekit.video.frames import Frame, TrackedFace
from facekit.video.tracks.config import SmoothingConfig
from facekit.video.tracks.tracking import Track


@dataclass
class _Evidence:
    """The weighted observations of one track. `sums`: head's name -> weighted sum of probabilities (classes,)."""

    due: float
    time: float = 0.0
    count: int = 0
    weight: float = 0.0
    squared_weights: float = 0.0
    quality: float | None = None
    sums: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)


class EstimateSmoother:
    """Estimates each track a few times in its first second, then once a second, and averages over time.

    Frames must come in order, from one thread. Probabilities are weighted by the quality of the view and by how
    unobstructed the face was. The age's interval narrows as evidence grows, by as much as averaging reduces the error,
    so that it still covers 80 %.

    Args:
        estimator: estimates single views.
        config: parameters; None for the defaults.
    """

    def __init__(self, estimator: FaceEstimator, config: SmoothingConfig | None = None) -> None:
        self._estimator, self._config = estimator, config or SmoothingConfig()
        self._evidence: dict[int, _Evidence] = {}

    def update(self, frame: Frame, tracks: Sequence[Track]) -> tuple[TrackedFace, ...]:
        """Estimates the faces that are due in a frame.

        Args:
            frame: the next one.
            tracks: all of its tracks; the evidence of any other track is deleted.

        Returns:
            The visible faces from left to right, with their averaged answers.
        """
        self._evidence = {track.id: self._evidence.get(track.id) or _Evidence(frame.time) for track in tracks}
        visible = [track for track in tracks if track.is_visible]
        # The most overdue first; among equals, the lowest id.
        waiting = sorted(visible, key=lambda track: (self._evidence[track.id].due, track.id))
        latest = frame.time + self._config.early_seconds
        due = [track for track in waiting if self._evidence[track.id].due <= latest]
        if due:
            self._estimate(frame, due[: self._config.maximum_faces_per_frame])
        return tuple(
            TrackedFace(track.id, track.box, evidence.answers, evidence.count, evidence.quality)
            for track in sorted(visible, key=lambda track: track.box)
            for evidence in [self._evidence[track.id]]
        )

    def _estimate(self, frame: Frame, tracks: Sequence[Track]) -> None:
        cut = self._estimator.cut(frame.picture, [track.box for track in tracks])
        outputs = self._estimator.predict(cut)
        updated = [self._evidence[track.id] for track in tracks]
        for index, (track, evidence, quality) in enumerate(zip(tracks, updated, cut.quality, strict=True)):
            rows = {name: column[index] for name, column in outputs.items()}
            weight = max(self._config.minimum_weight, quality * track.confidence**2)
            self._add(evidence, frame.time, rows, weight, quality)
        best = [evidence.quality or 0.0 for evidence in updated]
        for evidence, answers in zip(updated, self._estimator.decode(self._averages(updated), best), strict=True):
            evidence.answers = answers

    def _add(
        self, evidence: _Evidence, time: float, rows: dict[str, NDArray[np.floating]], weight: float, quality: float
    ) -> None:
        constant, intervals = self._config.time_constant_seconds, self._config.intervals_seconds
        decay = math.exp(-(time - evidence.time) / constant) if constant else 0.0
        previous = evidence.sums
        evidence.sums = {name: weight * row.astype(np.float64) for name, row in rows.items()}
        for name, row in previous.items():
            evidence.sums[name] += decay * row
        evidence.quality = max(quality, decay * (evidence.quality or 0.0))
        evidence.weight = decay * evidence.weight + weight
        evidence.squared_weights = decay**2 * evidence.squared_weights + weight**2
        evidence.time, evidence.due = time, time + intervals[min(evidence.count, len(intervals) - 1)]
        evidence.count += 1

    def _averages(self, evidence: Sequence[_Evidence]) -> dict[str, NDArray[np.float64]]:
        """Averages the network's values: head's name -> (faces, width)."""
        averages = {}
        for head in self._estimator.heads:
            rows = np.stack([each.sums[head.name] / each.weight for each in evidence])
            narrowed = [
                head.narrowed(row[None], self._temperature(each)) for row, each in zip(rows, evidence, strict=True)
            ]
            averages[head.name] = np.concatenate(narrowed)
        return averages

    def _temperature(self, evidence: _Evidence) -> float:
        """Computes the temperature that narrows intervals: the share of the squared error left, 1 for one frame.

        For n views of equal weight it is 1 - averaged_error_share * (1 - 1 / n); unequal weights count by their
        effective number (Kish 1965).
        """
        return 1 - self._config.averaged_error_share * (1 - evidence.squared_weights / evidence.weight**2)
