"""Scores tracks against the ground truth of a synthetic clip: CLEAR MOT (Bernardin, Stiefelhagen 2008)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import motmetrics
import numpy as np
from clips import Truth

from facekit.faces.detectors import Box
from facekit.video.tracks.tracking import Track

MIN_VISIBLE_SHARE = 0.7  # visible share of a face from which it must be tracked
MAX_HIDDEN_SHARE = 0.35  # below it must not be tracked; in between both are right
MIN_IOU = 0.5


@dataclass(frozen=True)
class Score:
    """MOTA and its components."""

    mota: float
    switches: int
    misses: int
    false: int
    faces: int


def overlap(one: Box, other: Box) -> float:
    """Computes the intersection over union."""
    width, height = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0, width) * max(0, height)
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in (one, other)]
    return shared / (sum(areas) - shared)


def score(truth: Sequence[Mapping[int, Truth]], tracks: Iterable[Sequence[Track]]) -> Score:
    """Scores the visible tracks of all frames."""
    scores = motmetrics.MOTAccumulator(auto_id=True)
    for faces, found in zip(truth, tracks, strict=True):
        visible = [track for track in found if track.is_visible]
        required = {name: face.box for name, face in faces.items() if face.visible_share >= MIN_VISIBLE_SHARE}
        optional = [face.box for face in faces.values() if MAX_HIDDEN_SHARE <= face.visible_share < MIN_VISIBLE_SHARE]
        counted = [
            track
            for track in visible
            if any(overlap(track.box, box) >= MIN_IOU for box in required.values())
            or not any(overlap(track.box, box) >= MIN_IOU / 2 for box in optional)
        ]
        overlaps = np.array([[overlap(box, track.box) for track in counted] for box in required.values()])
        distances = np.where(overlaps >= MIN_IOU, 1 - overlaps, np.nan).reshape(len(required), len(counted))
        scores.update(list(required), [track.id for track in counted], distances)
    events = scores.mot_events["Type"].value_counts()
    n_faces = sum(1 for faces in truth for face in faces.values() if face.visible_share >= MIN_VISIBLE_SHARE)
    switches, misses, false = (int(events.get(kind, 0)) for kind in ("SWITCH", "MISS", "FP"))
    return Score(1 - (switches + misses + false) / n_faces, switches, misses, false, n_faces)
