"""Scores tracks against ground truth: CLEAR MOT (Bernardin, Stiefelhagen 2008) and IDF1 (Ristani et al. 2016)."""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass

import motmetrics
import numpy as np
from clips import Truth

from facekit.faces.detectors import Box
from facekit.video.frames import Scene

MIN_VISIBLE_SHARE = 0.7  # visible share of a face from which it must be tracked
MAX_HIDDEN_SHARE = 0.35  # below it must not be tracked; in between both are right
MIN_IOU = 0.5

# motmetrics' names, in the order of Score's fields.
COUNTS = ["num_objects", "num_predictions", "num_switches", "num_misses", "num_false_positives", "num_fragmentations",
          "idtp"]  # fmt: skip

Faces = Mapping[int, Truth]


@dataclass(frozen=True)
class Score:
    """Counts of frames and faces. `shared` is the number of faces with the best track of their person (IDTP)."""

    faces: int = 0
    tracked: int = 0
    switches: int = 0
    misses: int = 0
    false: int = 0
    fragmentations: int = 0
    shared: int = 0

    @property
    def mota(self) -> float:
        return 1 - (self.switches + self.misses + self.false) / max(1, self.faces)

    @property
    def idf1(self) -> float:
        return 2 * self.shared / (self.faces + self.tracked)

    def __add__(self, other: "Score") -> "Score":
        return Score(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


def overlap(one: Box, other: Box) -> float:
    """Computes the intersection over union."""
    width, height = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0, width) * max(0, height)
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in (one, other)]
    return shared / (sum(areas) - shared)


def boxes(scene: Scene) -> dict[int, Box]:
    """Returns track -> box."""
    return {face.track: face.box for face in scene.faces}


def score(truth: Iterable[Faces], tracks: Iterable[Mapping[int, Box]]) -> Score:
    """Scores the visible tracks of all frames, track -> box."""
    return match(truth, tracks)[0]


def match(truth: Iterable[Faces], tracks: Iterable[Mapping[int, Box]]) -> tuple[Score, list[dict[int, int]]]:
    """Matches the visible tracks of all frames to the faces: also returns identity -> track of each frame."""
    events, matched = motmetrics.MOTAccumulator(auto_id=True), list[dict[int, int]]()
    for faces, found in zip(truth, tracks, strict=True):
        _add(events, faces, found)
        matched.append({})
    rows = events.mot_events
    for (frame, _), kind, identity, track in zip(rows.index, rows["Type"], rows["OId"], rows["HId"], strict=True):
        if kind in ("MATCH", "SWITCH"):
            matched[frame][int(identity)] = int(track)
    counts = motmetrics.metrics.create().compute(events, metrics=COUNTS, return_dataframe=False)
    return Score(*(int(counts[name]) for name in COUNTS)), matched


def _add(events: motmetrics.MOTAccumulator, faces: Faces, tracks: Mapping[int, Box]) -> None:
    """Adds a frame, without the tracks that lie on half-hidden faces."""
    required = {identity: face.box for identity, face in faces.items() if face.visible_share >= MIN_VISIBLE_SHARE}
    optional = [face.box for face in faces.values() if MAX_HIDDEN_SHARE <= face.visible_share < MIN_VISIBLE_SHARE]
    counted = {
        track: box
        for track, box in tracks.items()
        if any(overlap(box, face) >= MIN_IOU for face in required.values())
        or not any(overlap(box, face) >= MIN_IOU / 2 for face in optional)
    }
    overlaps = np.array([[overlap(face, box) for box in counted.values()] for face in required.values()])
    distances = np.where(overlaps >= MIN_IOU, 1 - overlaps, np.nan).reshape(len(required), len(counted))
    events.update(list(required), list(counted), distances)
