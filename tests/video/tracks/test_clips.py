"""Ground truth of the synthetic clips."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from clips import SCENES, clip, write_clip
from mot import overlap

from facekit.faces.detectors import make_detector


@pytest.mark.parametrize("name", SCENES)
def test_hog_finds_the_faces_in_sight_where_the_truth_says(name: str) -> None:
    detect, made, overlaps = make_detector("hog", 64), clip(name), []
    for index in (23, 47, 71):
        truth, boxes = made.faces(index), [found.box for found in detect(made.picture(index))]
        in_sight = [face.box for face in truth.values() if face.visible_share > 0.9]
        overlaps += [max(overlap(face, box) for box in boxes) for face in in_sight]
        assert all(max(overlap(face.box, box) for face in truth.values()) > 0.4 for box in boxes)
    assert min(overlaps) > 0.55
    assert np.mean(overlaps) > 0.75


def test_is_the_same_each_time_and_scales() -> None:
    first, again = (list(clip("crossing", seconds=0.2)) for _ in range(2))
    for (picture, truth), (same, equal) in zip(first, again, strict=True):
        np.testing.assert_array_equal(picture, same)
        assert truth == equal
    assert (first[0][0] != first[1][0]).mean() > 0.5  # noise, and motion
    large = clip("crossing", seconds=0.2, size=(1280, 960)).truth[3]
    for identity, face in clip("crossing", seconds=0.2).truth[3].items():
        assert np.abs(np.array(large[identity].box) - 2 * np.array(face.box)).max() <= 2


def test_share_in_sight_falls_behind_others_and_posts_and_beyond_the_side() -> None:
    least = {}
    for name in ("crossing", "post", "leave_and_enter", "still"):
        seen = [face.visible_share for faces in clip(name, seconds=10).truth for face in faces.values()]
        least[name] = min(seen)
        assert max(seen) == 1
    assert least["crossing"] < 0.1 and least["post"] < 0.1 and least["leave_and_enter"] < 0.2
    assert least["still"] == 1


def test_is_written_with_its_truth(tmp_path: Path) -> None:
    made = clip("three_walking", seconds=0.5)
    write_clip(made, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    truth = json.loads((tmp_path / "clip.json").read_text())
    assert len(frames) == len(truth) == made.n_frames
    assert truth[4]["2"] == [list(made.truth[4][2].box), 1.0]
    assert np.abs(frames[0].astype(int) - next(iter(made.frames()))).mean() < 6
