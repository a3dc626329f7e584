"""Averaged estimates of tracks: times, weights and stability."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from clips import clip
from flicker import estimates_by_frame, flicker
from judge import scenes
from numpy.typing import NDArray

from facekit.estimator import Cut, FaceEstimator
from facekit.faces.batch import FaceBatch
from facekit.faces.chips import AlignedChip, WholeChip
from facekit.faces.detectors import Box
from facekit.heads import AGE, GENDER, AgeAnswer, Answer
from facekit.video.frames import Frame, TrackedFace
from facekit.video.tracks.config import SmoothingConfig
from facekit.video.tracks.smoothing import EstimateSmoother
from facekit.video.tracks.tracking import Track

CONFIG = SmoothingConfig()
AT_ONCE = CONFIG.maximum_faces_per_frame
PICTURE = np.random.default_rng(0).integers(0, 256, (240, 640, 3), np.uint8)
FRONTAL = np.float32([[140, 80], [120, 80], [60, 80], [80, 80], [100, 120]])


class Fake:
    """Fake estimator: gives the next of `ages` to all faces of a batch, and counts batches."""

    heads = (AGE, GENDER)

    def __init__(self, ages: Sequence[float] = (40,)) -> None:
        self.ages, self.batches, self.sharp = list(ages), [], True

    def cut(self, picture: NDArray[np.uint8], boxes: Sequence[Box]) -> Cut:
        chip = cv2.resize(PICTURE[:, :240], (200, 200))
        chip = chip if self.sharp else cv2.GaussianBlur(chip, (0, 0), 9)
        faces = FaceBatch(np.stack([chip] * len(boxes)), None, np.stack([FRONTAL] * len(boxes)))
        return Cut({AlignedChip(): faces})

    def predict(self, cut: Cut) -> dict[str, NDArray[np.floating]]:
        chips = cut.chips
        age = self.ages[min(len(self.batches), len(self.ages) - 1)]
        self.batches.append(len(chips))
        row = np.exp(-0.5 * ((AGE.years - age) / 8) ** 2)
        return {"age": np.stack([row / row.sum()] * len(chips)), "gender": np.tile([0.3, 0.7], (len(chips), 1))}

    def decode(
        self, probabilities: Mapping[str, NDArray[np.floating]], quality: Sequence[float]
    ) -> list[dict[str, Answer]]:
        self.quality = list(quality)
        columns = [head.decode(probabilities[head.name]) for head in self.heads]
        return [dict(zip(("age", "gender"), row, strict=True)) for row in zip(*columns, strict=True)]


def smoother(estimator: Any, seconds: float) -> EstimateSmoother:
    return EstimateSmoother(estimator, SmoothingConfig(time_constant_seconds=seconds))


def tracks(n: int, visible: bool = True) -> list[Track]:
    return [Track(1 + k, (70 * k, 20, 70 * k + 60, 80), visible, 0.0, 1.0) for k in range(n)]


def run(smoothed: EstimateSmoother, seconds: float, n: int = 1, start: int = 0) -> list[tuple[TrackedFace, ...]]:
    numbers = range(start, start + round(30 * seconds))
    return [smoothed.update(Frame(number, number / 30, PICTURE, 0.0), tracks(n)) for number in numbers]


def age(face: TrackedFace) -> AgeAnswer:
    answer = face.answers["age"]
    assert isinstance(answer, AgeAnswer)
    return answer


def test_often_at_first_then_once_a_second() -> None:
    scenes = run(EstimateSmoother(Fake()), 5)
    counts = [faces[0].evidence for faces in scenes]
    changed = [number for number, (before, now) in enumerate(zip([0, *counts], counts, strict=False)) if before != now]
    assert changed == [0, 3, 6, 12, 24, 54, 84, 114, 144]


def test_faces_due_together_share_a_batch_and_few_are_estimated_at_once() -> None:
    fake = Fake()
    smoothed = EstimateSmoother(fake)
    assert [face.evidence for face in run(smoothed, 1 / 30, AT_ONCE)[0]] == [1] * AT_ONCE
    assert fake.batches == [AT_ONCE]
    fake = Fake()
    first, second = run(EstimateSmoother(fake), 2 / 30, 2 * AT_ONCE)
    assert fake.batches == [AT_ONCE, AT_ONCE]
    assert [face.evidence for face in first] == [1] * AT_ONCE + [0] * AT_ONCE
    assert first[-1].answers == {} and second[-1].answers
    run(smoothed := EstimateSmoother(fake := Fake()), 6, 8)
    assert max(fake.batches) <= AT_ONCE
    assert {face.evidence for face in run(smoothed, 1, 8, 180)[-1]} <= {10, 11}  # nobody starves


def test_depends_on_the_frames_times_alone() -> None:
    assert run(EstimateSmoother(Fake([30, 50, 40])), 3, 5) == run(EstimateSmoother(Fake([30, 50, 40])), 3, 5)


def test_averages_all_that_was_seen() -> None:
    scenes = run(smoother(Fake([30, 50, 30, 50, 30, 50, 30, 50]), 1e6), 4)
    assert age(scenes[0][0]).years == pytest.approx(30, abs=0.1)
    assert age(scenes[3][0]).years == pytest.approx(40, abs=0.1)
    assert age(scenes[-1][0]).years == pytest.approx(40, abs=0.5)


def test_forgets_slowly_and_with_zero_at_once() -> None:
    young_then_old = [20.0] * 5 + [60.0] * 20
    slow, quick, none = (run(smoother(Fake(young_then_old), seconds), 6)[-1][0] for seconds in (1e6, 2.0, 0))
    assert age(none).years == pytest.approx(60, abs=0.1)
    assert age(slow).years < age(quick).years - 5 < age(none).years - 5


def test_a_blurred_view_counts_less_than_a_sharp_one() -> None:
    fake = Fake([30, 60])
    smoothed = smoother(fake, 1e6)
    run(smoothed, 0.1)
    fake.sharp = False
    assert age(run(smoothed, 0.1, start=3)[0][0]).years < 36


def test_a_poor_view_is_unsure_until_a_good_one_comes() -> None:
    fake = Fake()
    smoothed, fake.sharp = smoother(fake, 1e6), False
    (poor,) = run(smoothed, 1 / 30)[0]
    fake.sharp = True
    good = run(smoothed, 0.2, start=1)[-1][0]
    assert poor.quality is not None and good.quality is not None and poor.quality < good.quality
    assert fake.quality == [good.quality]  # by which answers are decoded


def test_the_interval_narrows_by_what_averaging_removes_and_no_more() -> None:
    scenes = run(smoother(Fake([40]), 1e6), 20)
    widths = [age(faces[0]).high - age(faces[0]).low for faces in scenes]
    assert all(now <= before + 1e-9 for before, now in pairwise(widths))
    assert widths[-1] / widths[0] == pytest.approx(np.sqrt(1 - CONFIG.averaged_error_share * (1 - 1 / 24)), abs=0.003)
    assert {round(age(faces[0]).years, 3) for faces in scenes} == {40.0}
    genders = {faces[0].answers["gender"].probability for faces in scenes}
    assert np.ptp(list(genders)) < 1e-9  # classes are averaged only


def test_hidden_faces_keep_what_is_known_and_ended_ones_do_not() -> None:
    smoothed = EstimateSmoother(Fake())
    run(smoothed, 1)
    assert smoothed.update(Frame(30, 1.0, PICTURE, 0.0), tracks(1, visible=False)) == ()
    assert smoothed.update(Frame(31, 1.1, PICTURE, 0.0), tracks(1))[0].evidence >= 5
    smoothed.update(Frame(32, 1.2, PICTURE, 0.0), [])
    assert smoothed._evidence == {}
    assert smoothed.update(Frame(33, 1.3, PICTURE, 0.0), tracks(1))[0].evidence == 1


def test_faces_come_from_left_to_right() -> None:
    faces = EstimateSmoother(Fake()).update(Frame(0, 0.0, PICTURE, 0.0), tracks(3)[::-1])
    assert [face.box[0] for face in faces] == [0, 70, 140]


def test_a_steady_face_flickers_a_tenth_as_much() -> None:
    estimator = FaceEstimator()
    frames = [Frame(n, n / 30, picture, 0.0) for n, picture in enumerate(clip("still", seconds=2).frames())]
    shown = [scene.faces for scene in scenes(frames, estimator)]
    assert flicker(shown, 2) < 0.1 * flicker(estimates_by_frame(estimator, frames[::4]), 2)
    assert {len(faces) for faces in shown} == {1}
    (face,), (estimate,) = shown[0], estimator.estimate(frames[0].picture)
    assert age(face).years == pytest.approx(estimate.age.years, abs=2)  # searched for at another scale
    assert face.answers["gender"].probability == pytest.approx(estimate.gender.probability, abs=0.05)


def test_whole_pictures_are_cut_as_photographs_are() -> None:
    cut = FaceEstimator(detector="whole_image").cut(PICTURE, [(0, 0, 640, 240)])
    np.testing.assert_array_equal(cut.chips, WholeChip().cut(PICTURE, [(0, 0, 640, 240)]).chips)
    assert cut.landmarks is None
    assert FaceEstimator(detector="whole_image").cut(PICTURE, []).chips.shape == (0, 200, 200, 3)
