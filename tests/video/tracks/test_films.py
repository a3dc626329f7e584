"""Made films like real ones: their ground truth, and what a video makes of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cast import Person, demo_cast, utkface_cast
from footage import KINDS, Film
from judge import judge, still_answers
from mot import overlap
from puppets import make_heads

from facekit.estimator import FaceEstimator
from facekit.faces.detectors import make_detector
from facekit.video.frames import Frame, Scene, TrackedFace


@pytest.mark.parametrize("kind", ["lean", "camera", "crowd"])
def test_hog_finds_the_faces_in_view_where_the_truth_says(kind: str) -> None:
    film = KINDS[kind]([Person(head, {}) for head in make_heads() * 2])[0]
    clip, last = film.clips[-1], film.clips[-1].n_frames - 1
    found = make_detector("hog", film.min_face or 64)(clip.picture(last))
    in_view = [face.box for face in clip.faces(last).values() if face.visible_share == 1]
    overlaps = [max((overlap(box, face.box) for face in found), default=0) for box in in_view]
    assert in_view and np.mean(np.array(overlaps) > 0.5) >= 0.8, overlaps


def test_a_dissolve_joins_the_clips_with_parts_of_both_in_view() -> None:
    (film,) = KINDS["dissolve"](demo_cast()[:2])
    frames = list(film)
    one, other = film.clips
    assert film.cuts == [35] and len(frames) == one.n_frames + other.n_frames - 20
    np.testing.assert_array_equal(frames[34][0], one.picture(34))
    np.testing.assert_array_equal(frames[55][0], other.picture(20))
    shares = [tuple(face.visible_share for face in faces.values()) for _, faces in frames[35:55]]
    assert all(before + after == pytest.approx(1) for before, after in shares)
    assert [after for _, after in shares] == pytest.approx(np.arange(1, 21) / 21)


def test_people_of_utkface_come_in_similar_pairs(tiny_utkface: Path) -> None:
    one, similar, other = (person.labels for person in utkface_cast(tiny_utkface, 3))
    assert one == similar != other


@pytest.mark.parametrize(
    "number, carried, single, shown",
    [
        (lambda identity, index: identity, 0, 2, True),
        (lambda identity, index: 7, 1, 2, True),
        (lambda identity, index: identity if index < 6 else 3, 1, 1, True),
        (lambda identity, index: None, 0, 0, False),
    ],
)
def test_the_judge_counts_numbers_and_shown_faces(
    number: Callable[[int, int], int | None],
    carried: int,
    single: int,
    shown: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    film = Film([replace(clip, n_frames=12) for clip in KINDS["cut"](demo_cast()[:2])[0].clips])
    truth = [faces for clip in film.clips for faces in clip.truth]

    def scenes(frames: Iterable[Frame], estimator: FaceEstimator) -> Iterator[Scene]:
        for frame in frames:
            ((identity, face),) = truth[frame.index].items()
            track = number(identity, frame.index)
            yield Scene(frame, (TrackedFace(track, face.box, {}, 0),) if track else ())

    monkeypatch.setattr("judge.scenes", scenes)
    judged = judge(film, FaceEstimator(), [{}, {}])
    assert (judged.people, judged.appearances, judged.carried, judged.single) == (2, 1, carried, single)
    assert judged.sure > 0 and judged.shown == shown * judged.sure


@pytest.fixture(scope="module")
def estimator() -> FaceEstimator:
    return FaceEstimator()


@pytest.mark.parametrize("kind, n_people", [("cut", 2), ("lean", 3)])
def test_each_person_has_a_number_and_answers_of_their_own(kind: str, n_people: int, estimator: FaceEstimator) -> None:
    people = demo_cast()[:n_people]
    # At a third of the frame rate, which saves time.
    clips = [replace(clip, rate=clip.rate / 3, n_frames=clip.n_frames // 3) for clip in KINDS[kind](people)[0].clips]
    judged = judge(Film(clips), estimator, still_answers(people, estimator))
    assert judged.carried == 0 and judged.single == judged.people == n_people, judged
    assert judged.shown >= 0.99 * judged.sure, judged
    assert all(judged.genders) and max(judged.ages) < 5, judged
