"""How well tracks agree with the truth of a made clip: CLEAR MOT (Bernardin, Stiefelhagen 2008), by motmetrics."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import motmetrics
import numpy as np
from clips import Truth

from facekit.faces.detectors import Box
from facekit.video.tracks.tracking import Track

IN_SIGHT = 0.7  # share of a face in sight from which it must be found
HIDDEN = 0.35  # and below which nobody may claim to see it; between the two either is right
LEAST_OVERLAP = 0.5


@dataclass(frozen=True)
class Score:
    """MOTA, and the numbers it is made of."""

    mota: float
    switches: int
    misses: int
    false: int
    faces: int


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width, height = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0, width) * max(0, height)
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in (one, other)]
    return shared / (sum(areas) - shared)


def score(truth: Sequence[Mapping[int, Truth]], tracks: Iterable[Sequence[Track]]) -> Score:
    """The score of visible tracks, frame after frame."""
    scores = motmetrics.MOTAccumulator(auto_id=True)
    for faces, found in zip(truth, tracks, strict=True):
        visible = [track for track in found if track.is_visible]
        sighted = {name: face.box for name, face in faces.items() if face.seen >= IN_SIGHT}
        unsure = [face.box for face in faces.values() if HIDDEN <= face.seen < IN_SIGHT]
        counted = [
            track
            for track in visible
            if any(overlap(track.box, box) >= LEAST_OVERLAP for box in sighted.values())
            or not any(overlap(track.box, box) >= LEAST_OVERLAP / 2 for box in unsure)
        ]
        overlaps = np.array([[overlap(box, track.box) for track in counted] for box in sighted.values()])
        distances = np.where(overlaps >= LEAST_OVERLAP, 1 - overlaps, np.nan).reshape(len(sighted), len(counted))
        scores.update(list(sighted), [track.number for track in counted], distances)
    events = scores.mot_events["Type"].value_counts()
    n_faces = sum(1 for faces in truth for face in faces.values() if face.seen >= IN_SIGHT)
    switches, misses, false = (int(events.get(kind, 0)) for kind in ("SWITCH", "MISS", "FP"))
    return Score(1 - (switches + misses + false) / n_faces, switches, misses, false, n_faces)
