"""Tracks of synthetic clips against the ground truth."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from clips import SCENES, Clip, clip
from mot import Score, overlap, score, visible_boxes

from facekit.faces.detectors import Detection
from facekit.video.frames import Frame
from facekit.video.tracks.config import TrackerConfig
from facekit.video.tracks.search import PeriodicSearch
from facekit.video.tracks.tracking import Track, Tracker

CONFIG = TrackerConfig()


def frames(made: Clip) -> list[Frame]:
    return [Frame(number, number / made.rate, picture, 0.0) for number, picture in enumerate(made.frames())]


def followed(made: Clip, **options: int) -> list[list[Track]]:
    search, tracker = PeriodicSearch(**options), Tracker()
    return [tracker.track(frame, search.find(frame)) for frame in frames(made)]


def reached_by(made: Clip, **options: int) -> Score:
    return score(made.truth, map(visible_boxes, followed(made, **options)))


@pytest.mark.parametrize("name", ["three_walking", "crossing", "blur"])
def test_agree_with_the_truth(name: str) -> None:
    made = clip(name, seconds=4)
    reached = reached_by(made)
    assert reached.mota >= 0.95, reached
    assert reached.switches == 0


@pytest.mark.slow
def test_agree_with_the_truth_over_all_clips() -> None:
    scores = {name: reached_by(clip(name, seconds=30)) for name in SCENES}
    assert all(reached.mota >= 0.95 and not reached.switches for reached in scores.values()), scores
    assert sum(scores.values(), Score()).mota >= 0.98, scores


def test_two_searches_a_second_are_enough() -> None:
    made = clip("three_walking", seconds=3)
    reached = reached_by(made, every=15)
    assert reached.mota >= 0.95 and not reached.switches, reached


def test_a_new_face_is_shown_within_three_tenths_of_a_second() -> None:
    made, empty = clip("still", seconds=1), np.full((480, 640, 3), 120, np.uint8)
    for start in (1, 3, 5):
        search, tracker = PeriodicSearch(), Tracker()
        shown = []
        for frame in frames(made)[:15]:
            frame = replace(frame, picture=empty) if frame.index < start else frame
            shown.append(bool(tracker.track(frame, search.find(frame))))
        assert start <= shown.index(True) <= start + 9


def test_the_same_again() -> None:
    made = clip("crossing", seconds=1)
    assert followed(made) == followed(made)


def test_boxes_of_a_steady_face_hardly_tremble() -> None:
    made = clip("still", seconds=3)
    boxes = np.array([tracks[0].box for tracks in followed(made)[45:]], float)
    truth = np.array([faces[1].box for faces in made.truth[45:]], float)
    width = (truth[:, 2] - truth[:, 0]).mean()
    assert np.abs(np.diff(boxes - truth, axis=0)).mean() < 0.01 * width
    assert min(overlap(tuple(box), tuple(true)) for box, true in zip(boxes, truth, strict=True)) > 0.75


@pytest.mark.parametrize("size", [(1280, 720), (7680, 4320)])
def test_larger_frames(size: tuple[int, int]) -> None:
    tracker, search = Tracker(), PeriodicSearch()
    for frame, truth in zip(frames(clip("still", seconds=0.1)), clip("still", seconds=0.1).truth, strict=True):
        picture = cv2.resize(frame.picture, size)
        (track,) = tracker.track(replace(frame, picture=picture), search.find(replace(frame, picture=picture)))
        x, y = size[0] / 640, size[1] / 480
        left, top, right, bottom = truth[1].box
        assert overlap(track.box, (round(left * x), round(top * y), round(right * x), round(bottom * y))) > 0.5


def made_up(tracker: Tracker, boxes: Sequence[tuple[int, int, int, int]], time: float, noise: int = 0) -> list[Track]:
    picture = np.random.default_rng(noise).integers(0, 256, (240, 320, 3), np.uint8)
    found = [Detection(box, 1.0) for box in boxes]
    return tracker.track(Frame(round(30 * time), time, picture, 0.0), found)


def test_those_there_first_stay_where_only_so_many_are_followed() -> None:
    tracker = Tracker(max_faces=2, searches_locally=False)
    left, middle, right = (10, 60, 70, 120), (120, 60, 180, 120), (240, 60, 300, 120)
    assert [track.id for track in made_up(tracker, [middle, right], 0.0)] == [1, 2]
    tracks = made_up(tracker, [left, middle, right], 0.1)
    assert [track.box for track in tracks] == [middle, right]


def test_a_face_that_comes_back_waits_until_there_is_room() -> None:
    tracker = Tracker(max_faces=1, searches_locally=False)
    random = np.random.default_rng(0)
    room = cv2.GaussianBlur(random.integers(0, 256, (240, 320, 3), np.uint8), (0, 0), 8)
    people = {(20, 60, 80, 120): random.integers(0, 256, (60, 60, 3), np.uint8)}
    people[200, 60, 260, 120] = random.integers(0, 256, (60, 60, 3), np.uint8)
    shown = []
    for number, present in enumerate(["10", "10", "00", "01", "01", "11", "11", "00", "10"]):
        picture = room.copy()
        boxes = [box for box, there in zip(people, present, strict=True) if there == "1"]
        for left, top, right, bottom in boxes:
            picture[top:bottom, left:right] = people[left, top, right, bottom]
        tracks = tracker.track(Frame(number, number / 10, picture, 0.0), [Detection(box, 1.0) for box in boxes])
        shown.append([track.id for track in tracks if track.is_visible])
    assert shown == [[1], [1], [], [2], [2], [2], [2], [], [1]]


def test_all_faces_of_a_crowd_are_followed() -> None:
    boxes = [(x, y, x + 18, y + 18) for y in range(0, 220, 20) for x in range(0, 300, 20)]
    assert len(boxes) > 2 * CONFIG.maximum_lost_tracks
    tracker = Tracker(searches_locally=False)
    for number in range(2):
        assert len(made_up(tracker, boxes, number / 10)) == len(boxes)


def test_a_face_stays_until_a_search_does_not_find_it() -> None:
    made, tracker = clip("still", seconds=3.5), Tracker(searches_locally=False)
    face = [Detection(made.truth[0][1].box, 1.0)]
    for frame in frames(made):
        detections = {0: face, 90: [], 96: []}.get(frame.index)  # a slow detector's searches are rare
        assert tracker.track(frame, detections)[0].is_visible == (frame.index < 90)


def test_doubtful_faces_are_shown_once_found_again() -> None:
    tracker = Tracker(searches_locally=False)
    picture = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    weak = [Detection((120, 60, 180, 120), 0.4)]
    assert tracker.track(Frame(0, 0.0, picture, 0.0), weak) == []
    assert [track.id for track in tracker.track(Frame(6, 0.2, picture, 0.0), weak)] == [1]
    faint, noise = Detection((20, 120, 80, 180), 0.25), Detection((220, 120, 280, 180), 0.05)
    for number in range(10, 15):
        tracks = tracker.track(Frame(number, number / 10, picture, 0.0), [faint, noise])
    assert [(track.id, track.box) for track in tracks[1:]] == [(2, faint.box)]
    tracker = Tracker(searches_locally=False)
    for number in range(2):
        tracker.track(Frame(number, number / 30, picture, 0.0), weak)
    low = [Detection((20, 60, 80, 120), -0.1)]  # such a score is enough for a face that is followed only
    assert len(tracker.track(Frame(2, 0.1, picture, 0.0), [*weak, *low])) == 1


def test_forgets_after_a_few_seconds_and_remembers_a_bounded_number() -> None:
    tracker = Tracker(searches_locally=False)
    for number in range(2 * CONFIG.maximum_lost_tracks):
        made_up(tracker, [(120, 60, 180, 120)], number / 30, noise=number)
    assert len(tracker._states) <= 1 + CONFIG.maximum_lost_tracks  # one is in sight
    assert (
        max(track.id for track in made_up(tracker, [], 2 * CONFIG.maximum_lost_tracks / 30, noise=999))
        > CONFIG.maximum_lost_tracks
    )
    for number in range(4):
        tracks = made_up(
            tracker,
            [],
            2 * CONFIG.maximum_lost_tracks / 30 + (number + 1) * CONFIG.lost_track_seconds / 3,
            noise=1000 + number,
        )
    assert tracks == [] and tracker._states == []


def test_another_size_or_an_earlier_time_begins_anew() -> None:
    tracker = Tracker(searches_locally=False)
    made_up(tracker, [(120, 60, 180, 120)], 5.0)
    assert made_up(tracker, [], 0.0) == []
    made_up(tracker, [(120, 60, 180, 120)], 0.1)
    assert tracker.track(Frame(9, 0.2, np.zeros((100, 100, 3), np.uint8), 0.0), None) == []


def test_a_picture_as_a_whole() -> None:
    search, tracker = PeriodicSearch("whole_image"), Tracker(searches_locally=False)
    for frame in frames(clip("still", seconds=0.5)):
        (track,) = tracker.track(frame, search.find(frame))
        assert overlap(track.box, (0, 0, 640, 480)) > 0.95


def test_searches_are_due_by_time_or_number_and_after_a_new_start() -> None:
    picture = np.zeros((96, 96, 3), np.uint8)

    def due(search: PeriodicSearch, rate: float, numbers: Sequence[int]) -> list[int]:
        return [n for n in numbers if search.find(Frame(n, n / rate, picture, 0.0)) is not None]

    assert due(PeriodicSearch(), 30, range(20)) == [0, 6, 12, 18]
    assert due(PeriodicSearch(), 29.97, range(20)) == [0, 6, 12, 18]
    assert due(PeriodicSearch(), 4, range(3)) == [0, 1, 2]
    assert due(PeriodicSearch(every=5), 30, range(12)) == [0, 5, 10]
    assert due(PeriodicSearch(), 30, [0, 1, 9, 10, 20]) == [0, 9, 20]  # frames were dropped
    search = PeriodicSearch()
    assert due(search, 30, [100]) == [100] and due(search, 30, [0, 1]) == [0]
