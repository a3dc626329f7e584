"""Frames and detections -> tracks: the same face keeps its number from frame to frame.

Nothing here identifies a person. A face is known again by a picture of 16 x 16 pixels, which is forgotten a few seconds
after the face was last seen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from numpy.typing import NDArray

from facekit.faces.detectors import Box, Detection
from facekit.video.frames import Frame
from facekit.video.tracks.geometry import Place, box_of, clipped_box, is_inside, overlap, place_of
from facekit.video.tracks.motion import Patch, Step, View, follow
from facekit.video.tracks.search import Look

MEMORY = 5.0  # seconds for which a face that is out of sight keeps its number
UNSEEN = 2.0  # seconds for which a face is followed that no search finds, e.g. in profile
TRIAL = 0.5  # seconds for which a doubtful face may be found again before it is dropped
WAIT = 0.25  # seconds for which a face near a lost one is not called a new one: half covered, it looks like neither
# What a detection's score must exceed to say anything: where nothing moves, a false one returns each time. It is low
# because HOG's scores of Black people are lower (docs/EXPERIMENTS.md).
FAINT = 0.1
SURE = 0.5  # sum of what scores exceed it by, from which a face is believed; what falls short counts against it
LIKE = 0.45  # correlation with its own picture below which a face is hidden; half covered faces have 0.5
CLEAR = 0.75  # correlation from which its movement is its own, not that of what comes before it
LEAST_QUALITY = 0.3  # share of the points that must be followed well for a movement to be believed
COVERED = 0.1  # overlap with a face that was found, from which a face that was not is behind it
WHOLE = 0.6  # share of its usual score from which a face is whole enough to remember its looks
GAIN = 0.15  # share of a detection's difference that is corrected, once a face was detected a few times
CLOSE = 0.6  # how far from its place a followed face is detected at most, in its widths
RUN = 2.5  # how fast a face out of sight may move, widths a second
ALIKE = 0.35, 0.65  # least correlation of a face that comes back at its place, and far from it: others have 0.2 to 0.6
AGAIN = 0.1  # seconds from one look at a place to the next
SEEK = 1.5  # seconds for which a face out of sight is looked for at its place
OLDEST = 64  # faces out of sight that are remembered at most


@dataclass(frozen=True)
class Track:
    """A face that is followed.

    Args:
        number: counted from 1, given once.
        box: left, top, right, bottom in the frame, pixels; where it was last seen if it is not visible.
        is_visible: whether it is to be seen in this frame.
        age: seconds since it was first seen.
        confidence: correlation with what it looked like before, 0 to 1.
    """

    number: int
    box: Box
    is_visible: bool
    age: float
    confidence: float


@dataclass(eq=False)
class _Face:
    """What is known of one face. `place`: centre, width, height; `speed`: of the centre, pixels a second."""

    place: Place
    patch: Patch
    score: float  # of its detections, on average
    sureness: float  # sum of scores less FAINT, until it has a number
    born: float
    seen: float  # when it was last visible
    detected: float
    weight: float  # of what is in `patch`
    detections: int = 1  # since it was last lost
    number: int | None = None
    visible: bool = True
    likeness: float = 1.0
    looked: float = -np.inf
    speed: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))


class Tracker:
    """Follows faces. Frames must come in order, from one thread; the result depends on nothing else.

    Between searches faces are followed by median flow; what a search finds corrects their places and begins new tracks.
    A face that no longer looks like itself is out of sight; it is looked for near its place, and gets its number back
    if it comes into sight within seconds.

    Args:
        max_faces: how many are followed at once; None for all. Those there first stay.
        looks: whether the tracker may search by HOG itself near one place a frame; not for detectors of another kind.
    """

    def __init__(self, max_faces: int | None = None, looks: bool = True) -> None:
        from scipy.optimize import linear_sum_assignment  # now: loading it takes half a second

        self._assign = linear_sum_assignment
        self._max_faces = max_faces
        self._look = Look() if looks else None
        self._faces: list[_Face] = []
        self._numbers = count(1)
        self._before: View | None = None
        self._time = 0.0

    def track(self, frame: Frame, detections: Sequence[Detection] | None) -> list[Track]:
        """The faces of a frame, in the order of their numbers; those lately lost from sight too.

        Args:
            frame: the next one.
            detections: what `Search.find` found in it.
        """
        view = View(frame.picture)
        same_size = self._before is not None and self._before.grey.shape == view.grey.shape
        elapsed = frame.time - self._time
        if not same_size or not 0 <= elapsed < MEMORY:  # another camera, or a source that started anew
            self._faces, elapsed = [], 0.0
        elif self._before is not None:
            self._move(self._before, view, frame, elapsed)
        self._before, self._time = view, frame.time
        if detections is not None:
            self._match(view, frame, detections, begin=True)
        elif (doubtful := self._doubtful(frame.time)) and self._look:
            doubtful.looked = frame.time
            self._match(view, frame, self._look.near(frame.picture, box_of(doubtful.place)), begin=False)
        self._forget(frame, is_searched=detections is not None)
        return self._tracks(frame)

    def _move(self, before: View, view: View, frame: Frame, elapsed: float) -> None:
        visible = [face for face in self._faces if face.visible]
        places = np.array([face.place for face in visible]).reshape(-1, 4)
        for face, step in zip(visible, follow(before, view, places), strict=True):
            _advance(face, step, elapsed)
            face.likeness = float(view.patch(face.place) @ face.patch)
            face.visible = face.likeness >= LIKE and is_inside(face.place, frame)
        for face in self._faces:
            if face.visible:
                face.seen = frame.time
            elif face not in visible and frame.time - face.seen < 1:  # it goes on behind what hides it
                face.place[:2] += face.speed * elapsed

    def _match(self, view: View, frame: Frame, detections: Sequence[Detection], begin: bool) -> None:
        """Gives detections to faces, at least cost in sum; the others begin new ones."""
        places = [place_of(found.box, frame) for found in detections]
        patches = [view.patch(place) for place in places]
        costs = np.array(
            [
                [_cost(face, place, patch, frame.time) for place, patch in zip(places, patches, strict=True)]
                for face in self._faces
            ]
        ).reshape(len(self._faces), len(places))
        rows, columns = self._assign(np.where(np.isinf(costs), 1e3, costs))
        taken: set[int] = set()
        corrected = []
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if np.isfinite(costs[row, column]):
                taken.add(column)
                if self._faces[row].visible or self._has_room():
                    self._correct(self._faces[row], view, frame, places[column], detections[column])
                    corrected.append(self._faces[row])
        if begin:  # a face that was not found where another one was is behind that one
            for face in self._faces:
                if face not in corrected and any(overlap(face.place, other.place) > COVERED for other in corrected):
                    face.visible = False
        for column, found in enumerate(detections):
            if begin and column not in taken and _score(found) >= 0:
                self._begin(patches[column], frame, places[column], found)

    def _correct(self, face: _Face, view: View, frame: Frame, place: Place, found: Detection) -> None:
        was_here = face.visible and overlap(face.place, place) > 0.5
        face.detections = face.detections + 1 if was_here else 1
        # The place of one detection is off by 3 % of its width, its size by 7 %: several are averaged.
        face.place = face.place + max(1 / face.detections, GAIN) * (place - face.place)
        if not face.visible:
            face.speed[:] = 0
        score = _score(found)
        if face.number is None:
            face.sureness += score - FAINT
        face.visible, face.seen, face.detected = True, frame.time, frame.time
        patch = view.patch(face.place)
        is_alone = not any(
            other is not face and other.visible and overlap(other.place, face.place) > 0.05 for other in self._faces
        )
        if is_alone and score > WHOLE * face.score:
            weight = max(score, 0.05)  # what half covered faces score
            face.weight += weight
            mixed = face.patch + max(weight / face.weight, GAIN) * (patch - face.patch)
            face.patch = (mixed / max(float(np.linalg.norm(mixed)), 1e-6)).astype(np.float32)
        face.score += GAIN * (score - face.score)
        face.likeness = float(patch @ face.patch)

    def _begin(self, patch: Patch, frame: Frame, place: Place, found: Detection) -> None:
        same = (face.visible and overlap(face.place, place) > 0.3 for face in self._faces)  # in another size
        if not self._has_room() or any(same):
            return
        score = _score(found)
        now, weight = frame.time, max(score, 0.05)
        self._faces.append(_Face(place.copy(), patch, score, score - FAINT, now, now, now, weight))

    def _has_room(self) -> bool:
        return self._max_faces is None or sum(face.visible for face in self._faces) < self._max_faces

    def _doubtful(self, time: float) -> _Face | None:
        """The face to look for: one not yet believed, or lately lost; the one that waited longest."""
        doubtful = [
            face
            for face in self._faces
            if time - face.looked >= AGAIN
            and ((face.visible and face.sureness < SURE) or (not face.visible and time - face.seen < SEEK))
        ]
        return min(doubtful, key=lambda face: face.looked, default=None)

    def _forget(self, frame: Frame, is_searched: bool) -> None:
        for face in list(self._faces):
            if face.number is None and face.sureness >= SURE:
                self._name(face, frame.time)
            if is_searched and frame.time - face.detected > UNSEEN:
                face.visible = False
        self._faces = [
            face
            for face in self._faces
            if frame.time - (face.born if face.number is None else face.seen)
            < (TRIAL if face.number is None else MEMORY)
        ]
        self._faces.sort(key=lambda face: (not face.visible, -face.seen, face.born))
        del self._faces[OLDEST + sum(face.visible for face in self._faces) :]

    def _name(self, face: _Face, time: float) -> None:
        """Gives a face that is believed its number: that of one that was lost and looked like it, or a new one."""
        lost = [other for other in self._faces if other.number is not None and not other.visible]
        returned = min(lost, key=lambda other: _cost(other, face.place, face.patch, time), default=None)
        if returned is not None and np.isfinite(_cost(returned, face.place, face.patch, time)):
            face.number, face.born = returned.number, returned.born
            self._faces.remove(returned)
        elif time - face.born >= WAIT or not any(
            np.hypot(*(other.place - face.place)[:2]) < _reach(other, face.place, time) for other in lost
        ):
            face.number = next(self._numbers)

    def _tracks(self, frame: Frame) -> list[Track]:
        tracks = [
            Track(face.number, box, face.visible, frame.time - face.born, max(0.0, min(1.0, face.likeness)))
            for face in self._faces
            if face.number is not None and (box := clipped_box(face.place, frame))
        ]
        return sorted(tracks, key=lambda track: track.number)


def _advance(face: _Face, step: Step, elapsed: float) -> None:
    if step.quality < LEAST_QUALITY or elapsed <= 0:
        face.place[:2] += face.speed * elapsed
        return
    shift = step.place - face.place
    if face.likeness > CLEAR:
        face.speed = face.speed + 0.3 * (shift[:2] / elapsed - face.speed)
        face.place = step.place
    else:
        face.place[:2] += shift[:2]


def _cost(face: _Face, place: Place, patch: Patch, time: float) -> float:
    """How badly a detection fits a face: distance in widths and difference in looks; infinite where it cannot be."""
    x, y, width, _ = face.place.tolist()
    new_x, new_y, new_width, _ = place.tolist()
    size = max(width, new_width)
    distance = math.hypot(new_x - x, new_y - y) / size
    ratio = size / max(1e-6, min(width, new_width))
    if face.visible:
        return distance + 1 - float(patch @ face.patch) if distance < CLOSE and ratio < 1.7 else math.inf
    alike = float(patch @ face.patch)
    far = min(1.0, distance * size / _reach(face, place, time))
    least = ALIKE[0] + (ALIKE[1] - ALIKE[0]) * far
    # Out of sight costs more: a face in sight has the first claim to what is found at its place.
    return 0.5 + 0.3 * distance + (1 - alike) if alike >= least and ratio < 2 else math.inf


def _reach(face: _Face, place: Place, time: float) -> float:
    """How far from its place a face that is out of sight may be by now, pixels."""
    return float((CLOSE + RUN * (time - face.seen)) * max(face.place[2], place[2]))


def _score(found: Detection) -> float:
    return 1.0 if found.score is None else found.score
