"""State of one tracked face, and the cost of matching a detection to it."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facekit.video.tracks.config import TrackerConfig
from facekit.video.tracks.geometry import BoxState
from facekit.video.tracks.motion import FlowEstimate, Patch


@dataclass(eq=False)
class TrackState:
    """State of a track, or of a candidate that has no id yet.

    Args:
        box: current or last known position.
        patch: mean appearance vector.
        patch_weight: sum of the weights of the detections in `patch`.
        score: mean detection score.
        confirmation: sum of (score - neutral_score), until it has an id.
        started: time of the first detection, seconds.
        last_visible, last_detected: times, seconds.
        n_detections: detections since it was last lost.
        id: track id; None for a candidate.
        is_visible: whether it is visible in the current frame.
        correlation: of the current appearance with `patch`.
        last_local_search: time, seconds.
        speed: of the centre, pixels a second (2,).
    """

    box: BoxState
    patch: Patch
    patch_weight: float
    score: float
    confirmation: float
    started: float
    last_visible: float
    last_detected: float
    n_detections: int = 1
    id: int | None = None
    is_visible: bool = True
    correlation: float = 1.0
    last_local_search: float = -np.inf
    speed: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    def advance(self, flow: FlowEstimate, elapsed: float, config: TrackerConfig) -> None:
        """Moves the box by its measured motion, or by its last speed if the measurement is poor."""
        if flow.inlier_share < config.minimum_inlier_share or elapsed <= 0:
            self.box[:2] += self.speed * elapsed
            return
        shift = flow.state - self.box
        if self.correlation > config.minimum_motion_correlation:
            self.speed = self.speed + config.speed_gain * (shift[:2] / elapsed - self.speed)
            self.box = flow.state
        else:
            self.box[:2] += shift[:2]

    def add_patch(self, patch: Patch, score: float, config: TrackerConfig) -> None:
        """Mixes the appearance of a new detection into the mean."""
        weight = max(score, config.minimum_update_weight)
        self.patch_weight += weight
        gain = max(weight / self.patch_weight, config.correction_gain)
        mixed = self.patch + gain * (patch - self.patch)
        self.patch = (mixed / max(float(np.linalg.norm(mixed)), 1e-6)).astype(np.float32)

    def matching_cost(self, box: BoxState, patch: Patch, time: float, config: TrackerConfig) -> float:
        """Computes the cost of matching a detection: distance in widths plus difference in appearance.

        Returns:
            The cost; infinite if the detection cannot be this face.
        """
        x, y, width, _ = self.box.tolist()
        new_x, new_y, new_width, _ = box.tolist()
        size = max(width, new_width)
        distance = math.hypot(new_x - x, new_y - y) / size
        ratio = size / max(1e-6, min(width, new_width))
        correlation = float(patch @ self.patch)
        if self.is_visible:
            is_near = distance < config.maximum_matching_widths and ratio < config.maximum_size_ratio
            return distance + 1 - correlation if is_near else math.inf
        reached = min(1.0, distance * size / self.reachable_pixels(box, time, config))
        near, far = config.minimum_lost_correlation, config.minimum_lost_correlation_far
        if correlation < near + (far - near) * reached or ratio >= config.maximum_lost_size_ratio:
            return math.inf
        return config.lost_matching_cost + config.lost_distance_cost * distance + (1 - correlation)

    def reachable_pixels(self, box: BoxState, time: float, config: TrackerConfig) -> float:
        """Computes how far from its last position a face out of sight may be, pixels."""
        widths = config.maximum_matching_widths + config.maximum_speed_widths * (time - self.last_visible)
        return float(widths * max(self.box[2], box[2]))
