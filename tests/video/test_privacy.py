"""Blurred faces of a video."""

from typing import Any

import numpy as np
import pytest

from facekit.faces.detectors import Detection
from facekit.video.frames import Frame
from facekit.video.privacy import HOLD_SECONDS, FaceBlur
from facekit.video.tracks.tracking import Track

PICTURE = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
STRAY, TRACKED = (20, 20, 80, 80), (200, 100, 280, 180)


def is_hidden(frame: Frame, box: Any) -> bool:
    left, top, right, bottom = box
    return len(np.unique(frame.picture[top:bottom, left:right].reshape(-1, 3), axis=0)) <= 36


@pytest.mark.parametrize("is_visible", [True, False])
def test_tracks_and_detections_are_hidden_and_what_was_seen_shortly_before(is_visible: bool) -> None:
    before = PICTURE.copy()
    blur, tracks = FaceBlur(), [Track(1, TRACKED, is_visible, 1.0, 1.0)]

    def hidden(time: float, *found: Any) -> tuple[bool, bool]:
        frame = blur.blurred(Frame(0, time, PICTURE, 0.0), [Detection(box, -0.2) for box in found], tracks)
        return is_hidden(frame, STRAY), is_hidden(frame, TRACKED)

    assert hidden(0.0) == (False, True)
    assert hidden(0.1, STRAY, TRACKED) == (True, True)
    assert hidden(0.05 + HOLD_SECONDS) == (True, True)
    tracks.clear()  # its detection was the track's, and leaves no trace
    assert hidden(0.15 + HOLD_SECONDS) == (False, False)
    np.testing.assert_array_equal(PICTURE, before)
