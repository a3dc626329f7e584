"""Face tracker: the same face keeps its number from frame to frame, and its estimates are averaged.

No person is identified. What tells faces apart, a descriptor of each, stays in memory for as long as its track, and is
deleted a few seconds after the face was last visible.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from facekit.core.lazy_imports import from_extra
from facekit.faces.detectors import Box, Detection, find_detector
from facekit.networks.descriptors import DESCRIPTOR
from facekit.video.frames import Frame, Scene, TrackedFace
from facekit.video.tracks.config import TrackingConfig
from facekit.video.tracks.evidence import View
from facekit.video.tracks.geometry import BoxState, center_box, clipped_box, corner_box, iou, is_half_inside
from facekit.video.tracks.motion import Patch, ReducedFrame, median_flow
from facekit.video.tracks.search import PeriodicSearch
from facekit.video.tracks.track import Track

if TYPE_CHECKING:
    from facekit.estimator import FaceEstimator


@dataclass(frozen=True, eq=False)
class Look:
    """A frame, reduced, whether a cut lies before it, and what was found in it; None if it was not searched."""

    frame: Frame
    reduced: ReducedFrame
    is_cut: bool
    detections: Sequence[Detection] | None


class FaceTracker:
    """Finds, tracks and estimates the faces of successive frames.

    Between searches, faces are tracked by median flow. Where a face changes suddenly, or after it was out of sight, its
    descriptor decides whether it is the same. Frames must come in order, from one thread; the result depends on nothing
    else.

    Args:
        estimator: estimates single views.
        min_face: width of the smallest face to find, pixels; None for a tenth of the frame's longer side,
            or what a slow detector chooses.
        max_faces: upper bound of faces tracked at once; None for no bound. The earliest ones stay.
        detect_every: frames from one search to the next; None for several a second.
        config: parameters; None for the defaults.
    """

    def __init__(
        self,
        estimator: "FaceEstimator",
        min_face: int | None = None,
        max_faces: int | None = None,
        detect_every: int | None = None,
        config: TrackingConfig | None = None,
    ) -> None:
        with from_extra("video"):
            from scipy.optimize import linear_sum_assignment  # imported late: it takes half a second

        self._assign = linear_sum_assignment
        self._estimator, self._max_faces, self._config = estimator, max_faces, config or TrackingConfig()
        self._search = PeriodicSearch(estimator.detector, min_face, detect_every, self._config)
        self._certain_score = find_detector(estimator.detector).min_score
        self._tracks: list[Track] = []
        self._detected: list[Box] = []
        self._numbers = count(1)
        self._looked: ReducedFrame | None = None  # the last frame of `look`
        self._previous: ReducedFrame | None = None  # the last frame of `follow`
        self._time = 0.0

    def update(self, frame: Frame) -> Scene:
        """Returns the next frame with its faces, from left to right."""
        return self.follow(self.look(frame))

    def look(self, frame: Frame) -> Look:
        """Searches the next frame, if that is due. It may run in another thread than `follow`, some frames ahead."""
        reduced, previous = ReducedFrame(frame.picture, self._config), self._looked
        self._looked = reduced
        is_cut = previous is not None and not reduced.continues(previous)
        return Look(frame, reduced, is_cut, self._search.find(frame, is_cut))

    def follow(self, look: Look) -> Scene:
        """Returns a frame with its faces, from left to right, from what was found in it."""
        frame, current, detections = look.frame, look.reduced, look.detections
        previous, elapsed = self._previous, frame.time - self._time
        self._previous, self._time = current, frame.time
        if previous is None or not 0 <= elapsed < self._config.lost_seconds:  # another or a restarted source
            self._tracks, self._detected = [], []
        elif look.is_cut:
            for track in self._tracks:
                track.is_visible = track.is_certain = False
                track.speed[:] = 0
        else:
            self._move(previous, current, frame, elapsed)
        if detections is None and any(map(self._is_doubtful, self._visible)):
            detections = self._search.find_now(frame)
        if detections is not None:
            self._detected = [found.box for found in detections]
            self._match(current, frame, detections)
        self._forget(frame.time)
        return Scene(frame, self._faces(frame))

    @property
    def boxes(self) -> list[Box]:
        """Places in the last frame where a face may be: of all tracks, even out of sight, and of all detections."""
        return [*(corner_box(track.box) for track in self._tracks), *self._detected]

    @property
    def _visible(self) -> list[Track]:
        return [track for track in self._tracks if track.is_visible]

    @property
    def _lost(self) -> list[Track]:
        """Faces that were shown and are out of sight."""
        return [track for track in self._tracks if not track.is_visible and track.number is not None]

    @property
    def _is_full(self) -> bool:
        return self._max_faces is not None and len(self._visible) >= self._max_faces

    def _is_doubtful(self, track: Track) -> bool:
        return track.correlation < self._config.doubtful_correlation

    def _move(self, previous: ReducedFrame, current: ReducedFrame, frame: Frame, elapsed: float) -> None:
        visible, hidden = self._visible, [track for track in self._tracks if not track.is_visible]
        boxes = np.array([track.box for track in visible]).reshape(-1, 4)
        for track, measured in zip(visible, median_flow(previous, current, boxes), strict=True):
            track.move(measured, elapsed, self._config)
            track.correlation = float(current.patch(track.box) @ track.patch)
            track.is_visible = is_half_inside(track.box, frame)
            track.last_seen = frame.time
        for track in hidden:
            if frame.time - track.last_seen < self._config.extrapolation_seconds:
                track.move(None, elapsed, self._config)  # on behind what hides it, up to the edge
                track.box[:2] = np.clip(track.box[:2], 0, frame.picture.shape[1::-1])

    def _match(self, current: ReducedFrame, frame: Frame, detections: Sequence[Detection]) -> None:
        """Assigns detections to visible tracks, then to lost ones by their descriptors; the others start tracks."""
        boxes = [center_box(found.box, frame) for found in detections]
        patches = [current.patch(box) for box in boxes]
        pairs = self._assigned(boxes, patches)
        for track in self._visible:
            if track not in pairs:
                self._miss(track, [boxes[index] for index in pairs.values()], frame.time)
        taken = [boxes[index] for index in pairs.values()]
        others = [
            index
            for index, box in enumerate(boxes)
            if index not in pairs.values() and not any(iou(box, other) > self._config.duplicate_iou for other in taken)
        ]
        if self._is_full:
            others = []
        views = self._views(frame, detections, self._wanted(pairs, patches, others, frame.time))
        for track, index in pairs.items():
            view = views.get(index)
            if view and self._is_other(track, view, patches[index]):
                track.is_visible = False
                track.is_certain &= view.descriptor is not None  # without one, nothing can tell that it returned
                others.append(index)
            else:
                self._continue(track, frame, boxes[index], patches[index], view)
        for index in others:
            if not self._is_full:
                self._start(frame, boxes[index], patches[index], views.get(index), detections[index])

    def _assigned(self, boxes: Sequence[BoxState], patches: Sequence[Patch]) -> dict[Track, int]:
        """Assigns detections to visible tracks at the lowest total cost: track -> index of its detection."""
        visible = self._visible
        costs = np.array(
            [
                [track.matching_cost(box, patch, self._config) for box, patch in zip(boxes, patches, strict=True)]
                for track in visible
            ]
        ).reshape(len(visible), len(boxes))
        rows, columns = self._assign(np.where(np.isinf(costs), 1e3, costs))
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return {visible[row]: column for row, column in pairs if np.isfinite(costs[row, column])}

    def _miss(self, track: Track, detected: Sequence[BoxState], time: float) -> None:
        """Decides whether a face that was not detected is still visible."""
        config = self._config
        is_behind = any(iou(track.box, box) > config.duplicate_iou for box in detected)
        is_hidden = track.correlation < config.hidden_correlation
        track.is_visible = not (is_behind or is_hidden or time - track.last_detected > config.undetected_seconds)

    def _wanted(
        self, pairs: dict[Track, int], patches: Sequence[Patch], others: Sequence[int], time: float
    ) -> list[int]:
        """Chooses the detections to look at closely: who is in doubt or may have returned, and whose time it is."""
        doubtful = [
            index for track, index in pairs.items() if not track.is_certain or self._is_changed(track, patches[index])
        ]
        due = sorted(
            (track.due, index)
            for track, index in pairs.items()
            if index not in doubtful and track.is_due(patches[index], time, self._config)
        )
        urgent, waiting = [*doubtful, *others], [index for _, index in due]
        if not self._lost:  # nobody can have returned
            urgent, waiting = doubtful, [*others, *waiting]
        return [*urgent, *waiting[: self._config.estimates_per_search]]

    def _is_changed(self, track: Track, patch: Patch) -> bool:
        """Tells whether a detection looks unlike the last one, and so did the place to which the face was tracked."""
        return self._is_doubtful(track) and float(patch @ track.patch) < self._config.doubtful_correlation

    def _views(self, frame: Frame, detections: Sequence[Detection], wanted: Sequence[int]) -> dict[int, View]:
        """Estimates detections in one batch: index -> view."""
        if not wanted:
            return {}
        chosen = [detections[index] for index in wanted]
        cut = self._estimator.cut(frame.picture, [found.box for found in chosen], [found.score for found in chosen])
        outputs = self._estimator.predict(cut)
        descriptors = outputs.pop(DESCRIPTOR, [None] * len(wanted))
        return {
            index: View({name: rows[at] for name, rows in outputs.items()}, cut.quality[at], descriptors[at])
            for at, index in enumerate(wanted)
        }

    def _is_other(self, track: Track, view: View, patch: Patch) -> bool:
        """Tells whether a detection at a track's place is somebody else."""
        config = self._config
        if view.descriptor is not None and (track.descriptor is None or view.quality < config.clear_quality):
            return False
        if not track.is_certain or self._is_changed(track, patch):
            return track.similarity(view) < config.keep_similarity
        return track.is_settled(config) and track.similarity(view) < config.contrary_similarity

    def _continue(self, track: Track, frame: Frame, box: BoxState, patch: Patch, view: View | None) -> None:
        config = self._config
        track.detect(box, frame.time, config)
        track.patch, track.correlation = patch, 1.0
        if track.number is None:
            track.number = next(self._numbers)
        if view is None:
            return
        is_similar = track.descriptor is None or track.similarity(view) >= config.keep_similarity
        if is_similar or (track.is_settled(config) and view.quality >= config.clear_quality):
            track.is_certain = is_similar  # a clear view that is not similar is looked at again
        track.viewed, track.viewed_patch = frame.time, patch
        intervals = config.estimate_seconds
        track.due = frame.time + intervals[min(track.evidence.count, len(intervals) - 1)]
        if track.is_certain:
            track.describe(view, config)
            track.evidence.add(view, frame.time, self._estimator, config)

    def _start(self, frame: Frame, box: BoxState, patch: Patch, view: View | None, found: Detection) -> None:
        """Continues a lost track that the view agrees with, or starts a new one."""
        track = self._returned(box, view, frame.time) if view else None
        if track is None:
            track = Track(box, patch, frame.time, frame.time)
            self._tracks.append(track)
            if not self._is_sure(found):
                return
        self._continue(track, frame, box, patch, view)

    def _is_sure(self, found: Detection) -> bool:
        if found.score is None:
            return True
        lowest = self._certain_score
        return found.score >= lowest + self._config.certain_score * (1 - lowest)

    def _returned(self, box: BoxState, view: View, time: float) -> Track | None:
        """Finds the lost track that a view shows, if any."""
        config, lost = self._config, self._lost
        if not lost:
            return None
        best = max(lost, key=lambda track: track.similarity(view))
        if best.similarity(view) >= config.return_similarity:
            best.is_certain = True
            return best
        near = [
            track
            for track in lost
            if track.is_certain
            and time - track.last_seen < config.near_return_seconds
            and track.distance(box) < config.near_return_distance
            and not track.is_contrary(view, config)
        ]
        if not near:
            return None
        nearest = min(near, key=lambda track: track.distance(box))
        nearest.is_certain = False
        return nearest

    def _forget(self, time: float) -> None:
        config = self._config
        kept = [
            track
            for track in self._tracks
            if time - track.last_seen < (config.candidate_seconds if track.number is None else config.lost_seconds)
        ]
        kept.sort(key=lambda track: (not track.is_visible, -track.last_seen))
        self._tracks = kept[: len(self._visible) + config.maximum_lost_tracks]

    def _faces(self, frame: Frame) -> tuple[TrackedFace, ...]:
        faces = [
            TrackedFace(track.number, box, track.evidence.answers, track.evidence.count, track.evidence.quality)
            for track in self._visible
            if track.number is not None and (box := clipped_box(track.box, frame))
        ]
        return tuple(sorted(faces, key=lambda face: face.box))
