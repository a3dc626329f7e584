"""Tracks: who keeps a number, who gets another one, and what is averaged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from clips import SCENES, Clip, clip
from flicker import estimates_by_frame, flicker
from mot import Score, boxes, overlap, score
from numpy.typing import NDArray

from facekit.estimator import FaceEstimator
from facekit.faces.detectors import DETECTORS, Box, Detection, DetectorEntry
from facekit.heads import AGE, GENDER, AgeAnswer, Answer
from facekit.heads.answer import LIMITS
from facekit.networks.descriptors import DESCRIPTOR
from facekit.video.frames import Frame, Scene, TrackedFace
from facekit.video.tracks.config import TrackingConfig
from facekit.video.tracks.search import PeriodicSearch
from facekit.video.tracks.tracker import FaceTracker

CONFIG = TrackingConfig()
SIZE = (320, 240)
LEFT, MIDDLE, RIGHT = (20, 60, 100, 140), (120, 60, 200, 140), (220, 60, 300, 140)
RED, GREEN, BLUE = range(3)  # people; a red one has the first of three descriptors, and so on
SURE = 0.9


@dataclass
class Stage:
    """A room with people in it, a detector that finds them, and an estimator that tells them by their colour."""

    describes: bool = True
    ages: list[float] = field(default_factory=lambda: [40.0])
    quality: float = 0.8
    batches: list[int] = field(default_factory=list)

    heads = (AGE, GENDER)
    detector = "made"
    min_face = None

    def __post_init__(self) -> None:
        self.detections: list[Detection] = []
        self.tracker = FaceTracker(self)  # type: ignore[arg-type]

    def show(self, time: float, people: Mapping[Box, int | None], room: int = 0, score: float = SURE) -> dict[Box, int]:
        """Shows one frame of a room; a face of None is covered. Returns box -> number of the faces that are shown."""
        random = np.random.default_rng(room)
        picture = cv2.resize(random.integers(60, 200, (6, 8, 3), np.uint8), SIZE)
        for (left, top, right, bottom), person in people.items():
            texture = np.random.default_rng(100 if person is None else person).integers(40, 255, (8, 8), np.uint8)
            face = np.zeros((8, 8, 3), np.uint8)
            face[:] = texture[..., None] // 4
            face[..., [0, 1, 2] if person is None else [person]] = texture[..., None]
            side = (right - left, bottom - top)
            picture[top:bottom, left:right] = cv2.resize(face, side, interpolation=cv2.INTER_NEAREST)
        self.detections = [Detection(box, score) for box, person in people.items() if person is not None]
        scene = self.tracker.update(Frame(round(30 * time), time, picture, 0.0))
        return {box: face.track for face in scene.faces for box in people if overlap(box, face.box) > 0.7}

    def play(self, start: float, end: float, people: Mapping[Box, int | None], **options: Any) -> list[dict[Box, int]]:
        """Shows the same frame 30 times a second, and returns what is shown in each."""
        return [self.show(n / 30, people, **options) for n in range(round(30 * start), round(30 * end))]

    def faces(self, time: float, people: Mapping[Box, int | None], **options: Any) -> tuple[TrackedFace, ...]:
        self.show(time, people, **options)
        return self.tracker._faces(Frame(0, time, np.zeros((*SIZE[::-1], 3), np.uint8), 0.0))

    # As a FaceEstimator

    def cut(self, picture: NDArray[np.uint8], boxes: Sequence[Box], scores: Sequence[float | None]) -> Any:
        colours = [
            picture[top + 9 : bottom - 9, left + 9 : right - 9].mean((0, 1)) for left, top, right, bottom in boxes
        ]
        return SimpleNamespace(colours=np.array(colours), quality=[self.quality] * len(boxes))

    def predict(self, cut: Any) -> dict[str, NDArray[np.floating]]:
        n = len(cut.colours)
        age = self.ages[min(len(self.batches), len(self.ages) - 1)]
        self.batches.append(n)
        row = np.exp(-0.5 * ((AGE.years - age) / 8) ** 2)
        outputs = {"age": np.stack([row / row.sum()] * n), "gender": np.tile([0.3, 0.7], (n, 1))}
        unit = cut.colours - cut.colours.min(axis=1, keepdims=True)
        described = (unit / np.linalg.norm(unit, axis=1, keepdims=True)).astype(np.float32)
        return outputs | ({DESCRIPTOR: described} if self.describes else {})

    def decode(self, outputs: Mapping[str, NDArray[np.floating]], quality: Sequence[float]) -> list[dict[str, Answer]]:
        rows = zip(*(head.decode(outputs[head.name]) for head in self.heads), strict=True)
        faces = [dict(zip(("age", "gender"), row, strict=True)) for row in rows]
        return [
            {name: answer.doubted() for name, answer in face.items()} if value < LIMITS.minimum_quality else face
            for face, value in zip(faces, quality, strict=True)
        ]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    entry = DetectorEntry(lambda smallest, score: lambda picture: made.detections, min_score=0.6)
    monkeypatch.setitem(DETECTORS, "made", entry)
    made = Stage()
    return made


def test_a_face_is_shown_at_once_and_keeps_its_number_as_it_moves(stage: Stage) -> None:
    for n in range(30):
        box = (20 + 4 * n, 60, 100 + 4 * n, 140)
        assert stage.show(n / 30, {box: RED}) == {box: 1}


@pytest.mark.parametrize("describes", [True, False])
@pytest.mark.parametrize("room", [0, 1])
def test_another_person_at_the_same_place_gets_a_number_at_once(stage: Stage, room: int, describes: bool) -> None:
    stage.describes = describes
    stage.play(0, 1, {MIDDLE: RED})
    shown = stage.play(1, 2, {MIDDLE: GREEN}, room=room)
    assert shown == [{MIDDLE: 2}] * len(shown)


def test_a_person_who_returns_after_a_cut_has_the_number_of_before(stage: Stage) -> None:
    stage.play(0, 1, {MIDDLE: RED})
    stage.play(1, 2, {MIDDLE: GREEN}, room=1)
    assert stage.show(2, {LEFT: RED, RIGHT: BLUE}) == {LEFT: 1, RIGHT: 3}


@pytest.mark.parametrize("seconds, number", [(1, 1), (4, 1), (6, 2)])
def test_a_hidden_face_keeps_its_number_and_its_estimates_for_some_seconds(
    stage: Stage, seconds: int, number: int
) -> None:
    stage.play(0, 1, {MIDDLE: RED})
    assert stage.play(1, 1 + seconds, {MIDDLE: None}) == [{}] * (30 * seconds)
    (face,) = stage.faces(1 + seconds, {MIDDLE: RED})
    assert face.track == number and (face.evidence > 3) == (number == 1)


def test_a_face_that_leaves_and_one_that_comes_are_told_apart(stage: Stage) -> None:
    stage.play(0, 1, {LEFT: RED})
    stage.play(1, 2, {})
    assert stage.show(2, {RIGHT: GREEN}) == {RIGHT: 2}
    assert stage.show(2.1, {RIGHT: GREEN, LEFT: RED}) == {RIGHT: 2, LEFT: 1}


def test_a_poor_view_neither_ends_a_track_nor_counts_much(stage: Stage) -> None:
    stage.ages = [40.0] * 5 + [80.0]
    stage.play(0, 1, {MIDDLE: RED})
    stage.quality = 0.05
    assert stage.play(1, 2, {MIDDLE: GREEN})[-1] == {MIDDLE: 1}  # turned away, it looks like nobody
    assert age(stage.faces(2, {MIDDLE: GREEN})[0]).years < 43
    stage.quality = 0.8
    assert stage.play(2, 3.2, {MIDDLE: GREEN})[-1] == {MIDDLE: 2}  # but it was somebody else


def test_doubtful_faces_are_shown_once_found_again_and_numbers_have_no_gaps(stage: Stage) -> None:
    assert stage.show(0, {LEFT: RED}, score=0.62) == {}
    assert stage.show(0.1, {}) == {}
    assert stage.show(0.2, {RIGHT: GREEN}, score=0.62) == {}
    assert stage.show(0.3, {RIGHT: GREEN}, score=0.62) == {RIGHT: 1}


def test_the_first_faces_stay_where_only_so_many_are_tracked(stage: Stage) -> None:
    stage.tracker = FaceTracker(stage, max_faces=2)  # type: ignore[arg-type]
    assert stage.show(0, {MIDDLE: RED, RIGHT: GREEN}) == {MIDDLE: 1, RIGHT: 2}
    assert stage.show(0.1, {LEFT: BLUE, MIDDLE: RED, RIGHT: GREEN}) == {MIDDLE: 1, RIGHT: 2}


@pytest.mark.parametrize("time", [0.5, 100])
def test_another_or_a_restarted_source_begins_anew(stage: Stage, time: float) -> None:
    stage.play(2, 3, {MIDDLE: RED})
    assert stage.show(time, {MIDDLE: RED}) == {MIDDLE: 2}


def test_forgets_after_some_seconds_and_remembers_a_bounded_number(stage: Stage) -> None:
    for n in range(2 * CONFIG.maximum_lost_tracks):
        stage.show(n / 30, {MIDDLE: n % 2}, room=n, score=SURE)
        stage.tracker._tracks[0].descriptor = None  # as if nobody resembled another
    assert CONFIG.maximum_lost_tracks <= len(stage.tracker._tracks) <= 1 + CONFIG.maximum_lost_tracks
    for second in range(5, 12):
        stage.show(second, {})
    assert stage.tracker._tracks == []


def test_all_places_where_a_face_may_be_are_known(stage: Stage) -> None:
    stage.play(0, 1, {LEFT: RED})
    stage.show(1, {LEFT: None, RIGHT: GREEN}, score=0.62)
    assert all(any(overlap(box, place) > 0.7 for place in stage.tracker.boxes) for box in (LEFT, RIGHT))


def test_often_estimated_at_first_then_once_a_second_and_few_at_once(stage: Stage) -> None:
    counts = [stage.faces(n / 30, {MIDDLE: RED})[0].evidence for n in range(150)]
    changed = [n for n, (before, now) in enumerate(pairwise([0, *counts])) if before != now]
    assert changed == [0, 3, 6, 12, 24, 54, 84, 114, 144]
    stage.tracker, stage.batches = FaceTracker(stage), []  # type: ignore[arg-type]
    crowd = {(x, y, x + 40, y + 40): RED for x in range(10, 300, 60) for y in (20, 90, 160)}
    stage.play(0, 1, crowd)
    assert max(stage.batches) == CONFIG.estimates_per_search
    assert all(face.answers for face in stage.faces(1, crowd))


def age(face: TrackedFace) -> AgeAnswer:
    answer = face.answers["age"]
    assert isinstance(answer, AgeAnswer)
    return answer


def test_averages_what_was_seen_by_its_quality(stage: Stage) -> None:
    stage.ages = [30, 50]
    stage.play(0, 0.1, {MIDDLE: RED})
    assert age(stage.faces(3 / 30, {MIDDLE: RED})[0]).years == pytest.approx(40, abs=0.1)
    stage.tracker, stage.batches = FaceTracker(stage), []  # type: ignore[arg-type]
    stage.play(0, 0.1, {MIDDLE: RED})
    stage.quality = 0.2
    assert age(stage.faces(3 / 30, {MIDDLE: RED})[0]).years == pytest.approx(34, abs=0.1)


@pytest.mark.parametrize("constant, years", [(1e6, (20, 55)), (1.0, (55, 60)), (0, (59.9, 60.1))])
def test_forgets_slowly_and_with_zero_at_once(stage: Stage, constant: float, years: tuple[float, float]) -> None:
    config = TrackingConfig(averaging_seconds=constant)
    stage.ages, stage.tracker = [20.0] * 4 + [60.0], FaceTracker(stage, config=config)  # type: ignore[arg-type]
    stage.play(0, 6, {MIDDLE: RED})
    assert years[0] < age(stage.faces(6, {MIDDLE: RED})[0]).years < years[1]


def test_the_interval_narrows_by_what_averaging_removes_and_no_more(stage: Stage) -> None:
    seen = [stage.faces(n / 30, {MIDDLE: RED})[0] for n in range(300)]
    widths = [age(face).high - age(face).low for face in seen]
    assert all(now <= before + 1e-9 for before, now in pairwise(widths))
    left = 1 - CONFIG.averaged_error_share * (1 - 1 / seen[-1].evidence)
    assert widths[-1] / widths[0] == pytest.approx(np.sqrt(left), abs=0.005)
    assert {round(age(face).years, 3) for face in seen} == {40.0}


def test_a_face_is_unsure_until_a_good_view_comes(stage: Stage) -> None:
    stage.quality = 0.2
    poor = stage.faces(0, {MIDDLE: RED})[0]
    stage.quality = 0.8
    stage.play(0.1, 0.2, {MIDDLE: RED})
    good = stage.faces(0.3, {MIDDLE: RED})[0]
    assert poor.answers["age"].unsure and not good.answers["age"].unsure
    assert (poor.quality, good.quality) == (0.2, 0.8)


def test_faces_come_from_left_to_right(stage: Stage) -> None:
    assert [face.box[0] for face in stage.faces(0, {RIGHT: RED, LEFT: GREEN, MIDDLE: BLUE})] == [20, 120, 220]


def test_searches_are_due_by_time_or_index_and_after_a_new_start(stage: Stage) -> None:
    picture = np.zeros((96, 96, 3), np.uint8)

    def due(every: int | None, rate: float, indices: Sequence[int], *urgent: int) -> list[int]:
        search = PeriodicSearch("made", None, every, CONFIG)
        found = {n: search.find(Frame(n, n / rate, picture, 0.0), n in urgent) for n in indices}
        return [n for n, detections in found.items() if detections is not None]

    assert due(None, 30, range(9)) == [0, 3, 6]
    assert due(None, 4, range(3)) == [0, 1, 2]
    assert due(5, 30, range(12)) == [0, 5, 10]
    assert due(5, 30, range(12), 7) == [0, 5, 7]
    search = PeriodicSearch("made", None, None, CONFIG)
    assert [search.find(Frame(n, n / 30, picture, 0.0), False) is None for n in (100, 101, 0, 1)] == [0, 1, 0, 1]


def test_small_faces_are_searched_for_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def make(smallest: int | None, score: float) -> Any:
        return lambda picture: asked.append(smallest) or []

    monkeypatch.setitem(DETECTORS, "made", DetectorEntry(make))
    search = PeriodicSearch("made", 30, None, CONFIG)
    for n in range(30):
        search.find(Frame(n, n / 30, np.zeros((480, 640, 3), np.uint8), 0.0), is_cut=n == 20)
    assert asked == [30, *[64] * 6, 30, *[64] * 3]


# Made clips with the real detector and network


@pytest.fixture(scope="module")
def estimator() -> FaceEstimator:
    return FaceEstimator()


def watched(made: Clip, estimator: FaceEstimator, **options: Any) -> list[Scene]:
    tracker = FaceTracker(estimator, **options)
    return [tracker.update(Frame(n, n / made.rate, picture, 0.0)) for n, picture in enumerate(made.frames())]


@pytest.mark.parametrize("name", ["crossing", "blur"])
def test_agree_with_the_truth(name: str, estimator: FaceEstimator) -> None:
    made = clip(name, seconds=1.5)
    reached = score(made.truth, map(boxes, watched(made, estimator)))
    assert reached.mota >= 0.95 and not reached.switches, reached


@pytest.mark.slow
def test_agree_with_the_truth_over_all_clips(estimator: FaceEstimator) -> None:
    clips = [clip(name, seconds=30) for name in SCENES]
    total = sum((score(made.truth, map(boxes, watched(made, estimator))) for made in clips), Score())
    assert total.mota >= 0.99 and not total.switches, total


def test_a_steady_face_hardly_trembles_nor_flickers(estimator: FaceEstimator) -> None:
    made = clip("still", seconds=1.5)
    scenes = watched(made, estimator)
    assert all(len(scene.faces) == 1 for scene in scenes)
    places = np.array([scene.faces[0].box for scene in scenes[20:]], float)
    truth = np.array([faces[1].box for faces in made.truth[20:]], float)
    width = (truth[:, 2] - truth[:, 0]).mean()
    assert np.abs(np.diff(places - truth, axis=0)).mean() < 0.01 * width
    frames = [scene.frame for scene in scenes]
    separate = flicker(estimates_by_frame(estimator, frames[::4]), 1.5)
    assert flicker([scene.faces for scene in scenes], 1.5) < 0.25 * separate  # most of it at first
    (estimate,) = estimator.estimate(frames[0].picture)
    assert age(scenes[0].faces[0]).years == pytest.approx(estimate.age.years, abs=2)  # found at another scale


@pytest.mark.parametrize("size", [(1280, 720), (7680, 4320)])
def test_larger_frames(size: tuple[int, int], estimator: FaceEstimator) -> None:
    made = clip("still", seconds=0.1)
    picture = cv2.resize(next(iter(made.frames())), size)
    (face,) = FaceTracker(estimator).update(Frame(0, 0.0, picture, 0.0)).faces
    x, y = size[0] / 640, size[1] / 480
    left, top, right, bottom = made.truth[0][1].box
    assert overlap(face.box, (round(left * x), round(top * y), round(right * x), round(bottom * y))) > 0.5


def test_a_picture_as_a_whole() -> None:
    made = clip("still", seconds=0.2)
    for scene in watched(made, FaceEstimator(detector="whole_image")):
        (face,) = scene.faces
        assert overlap(face.box, (0, 0, *made.size)) > 0.95


def test_the_same_again(estimator: FaceEstimator) -> None:
    made = clip("crossing", seconds=0.3)
    one, other = ([scene.to_dict() for scene in watched(made, estimator)] for _ in range(2))
    assert one == other
