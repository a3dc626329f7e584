"""Face tracker: the same face keeps its id from frame to frame.

No person is identified. A face is recognised by a picture of 16 x 16 pixels, which is deleted a few seconds after the
face was last visible.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from facekit.core.lazy_imports import from_extra
from facekit.faces.detectors import Box, Detection
from facekit.video.frames import Frame
from facekit.video.tracks.config import TrackerConfig
from facekit.video.tracks.geometry import BoxState, center_box, clipped_box, corner_box, iou, is_half_inside
from facekit.video.tracks.matching import TrackState
from facekit.video.tracks.motion import Patch, ReducedFrame, median_flow
from facekit.video.tracks.search import LocalSearch


@dataclass(frozen=True)
class Track:
    """A tracked face.

    Args:
        id: from 1, never reused.
        box: left, top, right, bottom in the frame, pixels; the last known one if the face is not visible.
        is_visible: whether the face is visible in this frame.
        age: seconds since the first detection.
        confidence: correlation with its earlier appearance, 0 to 1.
    """

    id: int
    box: Box
    is_visible: bool
    age: float
    confidence: float


class Tracker:
    """Tracks faces. Frames must come in order, from one thread; the result depends on nothing else.

    Between searches, faces are tracked by median flow; detections correct their boxes and start new tracks. A face
    whose appearance changes too much is out of sight: it is searched for near its last position, and keeps its id if it
    becomes visible again within seconds.

    Args:
        max_faces: upper bound of faces tracked at once; None for no bound. The earliest ones stay.
        searches_locally: whether the tracker may itself search by HOG near one face per frame; see
            `search.can_search_locally`.
        config: parameters; None for the defaults.
    """

    def __init__(
        self, max_faces: int | None = None, searches_locally: bool = True, config: TrackerConfig | None = None
    ) -> None:
        with from_extra("video"):
            from scipy.optimize import linear_sum_assignment  # imported late: it takes half a second

        self._assign = linear_sum_assignment
        self._max_faces = max_faces
        self._local_search = LocalSearch() if searches_locally else None
        self._config = config or TrackerConfig()
        self._states: list[TrackState] = []
        self._ids = count(1)
        self._previous: ReducedFrame | None = None
        self._time = 0.0

    def track(self, frame: Frame, detections: Sequence[Detection] | None) -> list[Track]:
        """Updates the tracks with the next frame.

        Args:
            frame: the next one.
            detections: the result of `PeriodicSearch.find` for it.

        Returns:
            The tracks in the order of their ids, including those that were lost lately.
        """
        current, previous = ReducedFrame(frame.picture, self._config.flow), self._previous
        elapsed = frame.time - self._time
        is_continuous = previous is not None and previous.grey.shape == current.grey.shape
        if not is_continuous or not 0 <= elapsed < self._config.lost_track_seconds:  # another or a restarted source
            self._states = []
        elif previous is not None:
            self._move(previous, current, frame, elapsed)
        self._previous, self._time = current, frame.time
        if detections is not None:
            self._match(current, frame, detections, is_full_search=True)
        elif self._local_search and (target := self._local_target(frame.time)):
            target.last_local_search = frame.time
            found = self._local_search.find(frame.picture, corner_box(target.box))
            self._match(current, frame, found, is_full_search=False)
        for state in list(self._states):
            if state.id is None and state.confirmation >= self._config.confirmation_score:
                self._confirm(state, frame.time)
            if detections is not None and frame.time - state.last_detected > self._config.undetected_track_seconds:
                state.is_visible = False
        self._delete_expired(frame.time)
        return self._tracks(frame)

    def _move(self, previous: ReducedFrame, current: ReducedFrame, frame: Frame, elapsed: float) -> None:
        visible = [state for state in self._states if state.is_visible]
        boxes = np.array([state.box for state in visible]).reshape(-1, 4)
        for state, flow in zip(visible, median_flow(previous, current, boxes), strict=True):
            state.advance(flow, elapsed, self._config)
            state.correlation = float(current.patch(state.box) @ state.patch)
            is_similar = state.correlation >= self._config.minimum_visible_correlation
            state.is_visible = is_similar and is_half_inside(state.box, frame)
        for state in self._states:
            if state.is_visible:
                state.last_visible = frame.time
            elif state not in visible and frame.time - state.last_visible < self._config.extrapolation_seconds:
                state.box[:2] += state.speed * elapsed  # it moves on behind what hides it

    def _match(
        self, current: ReducedFrame, frame: Frame, detections: Sequence[Detection], is_full_search: bool
    ) -> None:
        """Assigns detections to tracks at the lowest total cost; the others start candidates."""
        boxes = [center_box(found.box, frame) for found in detections]
        patches = [current.patch(box) for box in boxes]
        matches = self._matches(boxes, patches, frame.time)
        corrected = []
        for state, index in matches:
            if state.is_visible or self._has_room():
                self._correct(state, current, frame, boxes[index], detections[index])
                corrected.append(state)
        if not is_full_search:
            return
        for state in self._states:  # an undetected face that overlaps a detected one is behind it
            if state not in corrected and any(
                iou(state.box, other.box) > self._config.minimum_occlusion_iou for other in corrected
            ):
                state.is_visible = False
        matched = {index for _, index in matches}
        for index, found in enumerate(detections):
            if index not in matched and _score(found) >= 0:
                self._start(patches[index], frame, boxes[index], found)

    def _matches(self, boxes: list[BoxState], patches: list[Patch], time: float) -> list[tuple[TrackState, int]]:
        """Solves the assignment: tracks, each with the index of its detection."""
        costs = np.array(
            [
                [state.matching_cost(box, patch, time, self._config) for box, patch in zip(boxes, patches, strict=True)]
                for state in self._states
            ]
        ).reshape(len(self._states), len(boxes))
        rows, columns = self._assign(np.where(np.isinf(costs), 1e3, costs))
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return [(self._states[row], column) for row, column in pairs if np.isfinite(costs[row, column])]

    def _correct(self, state: TrackState, current: ReducedFrame, frame: Frame, box: BoxState, found: Detection) -> None:
        is_confirmed = state.is_visible and iou(state.box, box) > self._config.same_position_iou
        state.n_detections = state.n_detections + 1 if is_confirmed else 1
        # The position of one detection is off by 3 % of its width, its size by 7 %: several are averaged.
        gain = max(1 / state.n_detections, self._config.correction_gain)
        state.box = state.box + gain * (box - state.box)
        if not state.is_visible:
            state.speed[:] = 0
        score = _score(found)
        if state.id is None:
            state.confirmation += score - self._config.neutral_score
        state.is_visible, state.last_visible, state.last_detected = True, frame.time, frame.time
        patch = current.patch(state.box)
        if self._is_isolated(state) and score > self._config.minimum_update_score_ratio * state.score:
            state.add_patch(patch, score, self._config)
        state.score += self._config.correction_gain * (score - state.score)
        state.correlation = float(patch @ state.patch)

    def _is_isolated(self, state: TrackState) -> bool:
        return not any(
            other is not state and other.is_visible and iou(other.box, state.box) > self._config.maximum_isolated_iou
            for other in self._states
        )

    def _start(self, patch: Patch, frame: Frame, box: BoxState, found: Detection) -> None:
        """Adds a candidate, unless the detection is a second size of a visible face."""
        is_known = any(
            state.is_visible and iou(state.box, box) > self._config.maximum_candidate_iou for state in self._states
        )
        if is_known or not self._has_room():
            return
        score, time = _score(found), frame.time
        weight = max(score, self._config.minimum_update_weight)
        confirmation = score - self._config.neutral_score
        self._states.append(TrackState(box.copy(), patch, weight, score, confirmation, time, time, time))

    def _has_room(self) -> bool:
        return self._max_faces is None or sum(state.is_visible for state in self._states) < self._max_faces

    def _local_target(self, time: float) -> TrackState | None:
        """Chooses an unconfirmed candidate or a lately lost track: the one that has waited longest."""
        targets = [
            state
            for state in self._states
            if time - state.last_local_search >= self._config.local_search_interval_seconds
            and (
                state.confirmation < self._config.confirmation_score
                if state.is_visible
                else time - state.last_visible < self._config.local_search_seconds
            )
        ]
        return min(targets, key=lambda state: state.last_local_search, default=None)

    def _confirm(self, state: TrackState, time: float) -> None:
        """Gives a candidate an id: that of a lost track with the same appearance, or a new one."""
        lost = [other for other in self._states if other.id is not None and not other.is_visible]
        costs = [other.matching_cost(state.box, state.patch, time, self._config) for other in lost]
        if lost and np.isfinite(min(costs)):
            returned = lost[int(np.argmin(costs))]
            state.id, state.started = returned.id, returned.started
            self._states.remove(returned)
        elif time - state.started >= self._config.new_track_delay_seconds or not any(
            np.hypot(*(other.box - state.box)[:2]) < other.reachable_pixels(state.box, time, self._config)
            for other in lost
        ):
            state.id = next(self._ids)

    def _delete_expired(self, time: float) -> None:
        config = self._config
        self._states = [
            state
            for state in self._states
            if (
                time - state.started < config.candidate_seconds
                if state.id is None
                else time - state.last_visible < config.lost_track_seconds
            )
        ]
        self._states.sort(key=lambda state: (not state.is_visible, -state.last_visible, state.started))
        n_visible = sum(state.is_visible for state in self._states)
        del self._states[n_visible + config.maximum_lost_tracks :]

    def _tracks(self, frame: Frame) -> list[Track]:
        tracks = [
            Track(state.id, box, state.is_visible, frame.time - state.started, max(0.0, min(1.0, state.correlation)))
            for state in self._states
            if state.id is not None and (box := clipped_box(state.box, frame))
        ]
        return sorted(tracks, key=lambda track: track.id)


def _score(found: Detection) -> float:
    return 1.0 if found.score is None else found.score
