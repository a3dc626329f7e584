"""State of one tracked face."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facekit.video.tracks.config import TrackingConfig
from facekit.video.tracks.evidence import Evidence, View
from facekit.video.tracks.geometry import BoxState, iou
from facekit.video.tracks.motion import Patch


@dataclass(eq=False)
class Track:
    """State of a face that is tracked, or was lately.

    Args:
        box: current or last known position.
        patch: at its last detection.
        viewed_patch: at its last estimate; None before the first.
        last_seen, last_detected: times, seconds.
        number: from 1, in the order in which faces are first shown; None before.
        is_visible: whether it is visible in the current frame.
        is_certain: whether its descriptor agreed since it was last out of sight.
        correlation: of its current patch with that of its last detection.
        viewed, due: times of its last and of its next estimate, seconds.
        speed: of its centre, pixels a second (2,).
        descriptor: mean of its views, a unit vector (D,); None before the first.
        evidence: its averaged estimates.
    """

    box: BoxState
    patch: Patch
    last_seen: float
    last_detected: float
    number: int | None = None
    is_visible: bool = True
    is_certain: bool = True
    correlation: float = 1.0
    viewed_patch: Patch | None = None
    viewed: float = -math.inf
    due: float = -math.inf
    speed: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    descriptor: NDArray[np.float32] | None = None
    evidence: Evidence = field(default_factory=Evidence)
    _views: float = 0.0  # weight of the views in `descriptor`

    def move(self, measured: BoxState | None, elapsed: float, config: TrackingConfig) -> None:
        """Moves the box to where its motion was measured, or on at its speed where that failed."""
        if measured is None:
            self.box[:2] += self.speed * elapsed
            return
        if elapsed > 0:
            self.speed += config.speed_gain * ((measured[:2] - self.box[:2]) / elapsed - self.speed)
        self.box = measured

    def detect(self, box: BoxState, time: float, config: TrackingConfig) -> None:
        """Corrects the box by a detection; after an absence, replaces it."""
        if self.is_visible and iou(self.box, box) > config.duplicate_iou:
            self.box = self.box + config.correction_gain * (box - self.box)
        else:
            self.box, self.speed = box.copy(), np.zeros(2)
        self.is_visible, self.last_seen, self.last_detected = True, time, time

    def distance(self, box: BoxState) -> float:
        """Returns the distance of the centres, in widths of the larger box."""
        return float(np.hypot(*(box - self.box)[:2]) / max(box[2], self.box[2]))

    def matching_cost(self, box: BoxState, patch: Patch, config: TrackingConfig) -> float:
        """Returns the cost of assigning a detection to this visible face; infinite if too far or of another size."""
        distance, size_ratio = self.distance(box), max(box[2], self.box[2]) / max(min(box[2], self.box[2]), 1e-6)
        if distance >= config.matching_distance or size_ratio >= config.matching_size_ratio:
            return math.inf
        return distance + 1 - float(patch @ self.patch)

    def similarity(self, view: View) -> float:
        """Returns the similarity of a view with what was seen of this face; 0, as of others, if that is unknown."""
        if self.descriptor is None or view.descriptor is None:
            return 0.0
        return float(self.descriptor @ view.descriptor)

    def is_settled(self, config: TrackingConfig) -> bool:
        """Tells whether enough was seen to tell it from others without another reason to doubt."""
        return self.descriptor is not None and self.evidence.count >= config.settled_views

    def is_due(self, patch: Patch, time: float, config: TrackingConfig) -> bool:
        """Tells whether an estimate is due: some time after the last one, sooner if the face looks different."""
        if time >= self.due - config.rounding_seconds or self.viewed_patch is None:
            return True
        is_different = float(patch @ self.viewed_patch) < config.different_correlation
        return is_different and time - self.viewed >= config.different_estimate_seconds

    def is_contrary(self, view: View, config: TrackingConfig) -> bool:
        """Tells whether a clear view looks unlike what was seen of this face."""
        is_known = self.descriptor is not None and view.descriptor is not None
        return is_known and view.quality >= config.clear_quality and self.similarity(view) < config.contrary_similarity

    def describe(self, view: View, config: TrackingConfig) -> None:
        """Mixes the descriptor of a view into the mean."""
        if view.descriptor is None:
            return
        previous = 0.0 if self.descriptor is None else self.descriptor
        self._views = min(self._views, config.descriptor_views) + view.weight
        mixed = previous + view.weight / self._views * (view.descriptor - previous)
        self.descriptor = (mixed / max(float(np.linalg.norm(mixed)), 1e-6)).astype(np.float32)
