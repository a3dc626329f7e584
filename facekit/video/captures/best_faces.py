"""Selects the best view of each track."""

from collections.abc import Iterator
from dataclasses import replace

import cv2

from facekit.faces.detectors import Box
from facekit.video.frames import Frame, Scene, TrackedFace
from facekit.video.tracks.config import TrackingConfig

TRACK_END_SECONDS = TrackingConfig().lost_seconds  # time out of sight after which a track has ended
MARGIN = 0.4  # around a face, as a share of its size
MAX_PICTURE_SIDE = 512  # longer side of a face's picture, pixels

Best = tuple[Scene, Box]  # a frame with the picture of its only face, and the box of that picture in the whole frame


class BestFaces:
    """Keeps the best picture of each current track."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, TrackedFace]] = {}  # track -> last time, and the face with its answers
        self._best: dict[int, Best] = {}

    def update(self, scene: Scene) -> Iterator[Best]:
        """Adds a scene, and yields the best pictures of the tracks that have ended, with the last answers of each."""
        now = scene.frame.time
        for face in scene.faces:
            previous = self._seen.get(face.track)
            # Only frames in which the face was estimated: in others its box is less certain, or something covers it.
            if face.evidence > (previous[1].evidence if previous else 0):
                self._compare(scene.frame, face)
            self._seen[face.track] = now, face
        return self._end([track for track, (last, _) in self._seen.items() if now - last > TRACK_END_SECONDS])

    def end(self) -> Iterator[Best]:
        """Ends all tracks, and yields their best pictures."""
        return self._end(list(self._seen))

    def _end(self, tracks: list[int]) -> Iterator[Best]:
        for track in tracks:
            _, last = self._seen.pop(track)
            if best := self._best.pop(track, None):  # a face without estimates has none
                scene, crop = best
                yield replace(scene, faces=(replace(last, box=scene.faces[0].box),)), crop

    def _compare(self, frame: Frame, face: TrackedFace) -> None:
        best = self._best.get(face.track)
        # A face's quality is that of its best view so far: it exceeds that of the best face only if this view does.
        is_better = not best or (face.quality or 0) > (best[0].faces[0].quality or 0)
        left, top, right, bottom = face.box
        height, width = frame.picture.shape[:2]
        if not is_better or min(right, width) <= max(left, 0) or min(bottom, height) <= max(top, 0):  # outside
            return
        across, down = round(MARGIN * (right - left)), round(MARGIN * (bottom - top))
        left, top, right, bottom = max(0, left - across), max(0, top - down), right + across, bottom + down
        picture = frame.picture[top:bottom, left:right]
        scale = min(1.0, MAX_PICTURE_SIDE / max(picture.shape))
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        crop = left, top, min(width, right), min(height, bottom)
        self._best[face.track] = Scene(replace(frame, picture=small), (face,)), crop
