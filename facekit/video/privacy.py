"""Blurs the faces of a video."""

from collections.abc import Sequence
from dataclasses import replace

from facekit.drawing.blur import blur_faces
from facekit.faces.detectors import Box, Detection
from facekit.video.frames import Frame
from facekit.video.tracks.tracking import Track

HOLD_SECONDS = 0.5  # for which the place of a detection without a track stays blurred


class FaceBlur:
    """Blurs all that may be a face: tracks, even out of sight, and detections, even of low score.

    Frames must come in order, from one thread.
    """

    def __init__(self) -> None:
        self._held: list[tuple[float, Box]] = []  # time and box of recent detections without a track

    def blurred(self, frame: Frame, detections: Sequence[Detection] | None, tracks: Sequence[Track]) -> Frame:
        """Returns the frame without its faces.

        Args:
            frame: the next one; its picture is not changed.
            detections: found in it; None if it was not searched.
            tracks: all of its tracks.
        """
        boxes = [track.box for track in tracks]
        held = [(time, box) for time, box in self._held if 0 < frame.time - time < HOLD_SECONDS]
        strays = [each.box for each in detections or () if not any(_covers(box, each.box) for box in boxes)]
        self._held = [*held, *((frame.time, box) for box in strays)]
        return replace(frame, picture=blur_faces(frame.picture, [*boxes, *(box for _, box in self._held)]))


def _covers(box: Box, other: Box) -> bool:
    """Tells whether a box contains the centre of another."""
    x, y = (other[0] + other[2]) / 2, (other[1] + other[3]) / 2
    return box[0] <= x < box[2] and box[1] <= y < box[3]
