"""The estimator: what it takes, in which order it answers, and what it loads."""

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout import ROOT, Script
from numpy.typing import NDArray
from PIL import Image

from facekit import FaceEstimate, FaceEstimator, estimator
from facekit.core.errors import FaceKitError, PictureError, UnknownNameError, WeightsError
from facekit.faces.chips import AlignedChip
from facekit.faces.images import read_picture
from facekit.heads import AgeAnswer, ClassAnswer
from facekit.networks import predictor
from facekit.networks.cards import DEFAULT_WEIGHTS, read_card
from facekit.networks.hdf5 import read_hdf5, write_hdf5
from facekit.networks.predictor import Predictor
from facekit.networks.runtimes import load_runtime

GROUP = ROOT / "demo_images" / "group.jpg"
ASTRONAUT = ROOT / "demo_images" / "astronaut.jpg"


@pytest.fixture(scope="module")
def estimate_all(tiny_weights: Path) -> FaceEstimator:
    return FaceEstimator(tiny_weights)


@pytest.fixture(scope="module")
def group(estimate_all: FaceEstimator) -> list[FaceEstimate]:
    return estimate_all.estimate(GROUP)


def test_faces_are_answered_from_left_to_right(group: list[FaceEstimate]) -> None:
    assert len(group) == 4
    assert [face.box[0] for face in group] == sorted(face.box[0] for face in group)
    for face in group:
        assert list(face.answers) == ["age", "gender", "race"]
        assert isinstance(face.age, AgeAnswer) and face.age is face.answers["age"]
        assert isinstance(face.gender, ClassAnswer) and isinstance(face.race, ClassAnswer)
        assert face.score is not None and face.score > 0


def test_answers_are_those_of_the_network_on_the_cut_chips(
    estimate_all: FaceEstimator, tiny_weights: Path, chips: NDArray[np.uint8]
) -> None:
    (face,) = estimate_all.estimate(ASTRONAUT)
    probabilities = load_runtime(tiny_weights).predict(chips[:1])  # the astronaut's comes first
    assert face.age is not None and face.race is not None
    assert face.age.years == pytest.approx(float(probabilities["age"][0] @ np.arange(1, 94)), rel=1e-4)
    assert list(face.race.probabilities.values()) == pytest.approx(probabilities["race"][0].tolist(), abs=1e-4)


@pytest.mark.parametrize("kind", ["path", "str", "bytes", "Pillow", "array"])
def test_photographs_of_every_kind(kind: str, estimate_all: FaceEstimator, group: list[FaceEstimate]) -> None:
    with Image.open(GROUP) as image:
        kinds = {"path": GROUP, "str": str(GROUP), "bytes": GROUP.read_bytes(), "Pillow": image}
        assert estimate_all.estimate(kinds.get(kind, np.asarray(image))) == group


def test_many_photographs_share_batches_and_keep_their_order(
    estimate_all: FaceEstimator, group: list[FaceEstimate], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = []
    predict = Predictor.predict

    def counted(self: Predictor, faces: Any) -> Any:
        batches.append(len(faces))
        return predict(self, faces)

    monkeypatch.setattr(Predictor, "predict", counted)
    monkeypatch.setattr(estimator, "_FACES", 6)
    nobody = np.zeros((100, 100, 3), np.uint8)
    one = estimate_all.estimate(ASTRONAUT)
    batches.clear()
    results = list(estimate_all.estimate_many([nobody, ASTRONAUT, GROUP, ASTRONAUT, nobody, GROUP, nobody]))
    assert [len(faces) for faces in results] == [0, 1, 4, 1, 0, 4, 0]
    assert batches == [6, 4]
    for got, expected in ((results[1], one), (results[2], group), (results[5], group)):
        for a, b in zip(got, expected, strict=True):
            assert a.box == b.box and a.age is not None and b.age is not None
            assert a.age.years == pytest.approx(b.age.years, abs=1e-3)


def test_photographs_are_read_one_after_the_other(estimate_all: FaceEstimator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimator, "_FACES", 1)
    taken = []

    def photographs() -> Iterator[Path]:
        for number in range(3):
            taken.append(number)
            yield ASTRONAUT

    next(iter(estimate_all.estimate_many(photographs())))
    assert taken == [0]


def test_what_was_found_before_a_broken_photograph_is_answered(
    estimate_all: FaceEstimator, group: list[FaceEstimate]
) -> None:
    answers = estimate_all.estimate_many([GROUP, "none.jpg", ASTRONAUT])
    assert [face.box for face in next(answers)] == [face.box for face in group]
    with pytest.raises(PictureError, match=r"none\.jpg"):
        next(answers)


def test_photographs_without_faces_are_answered_however_many_come(estimate_all: FaceEstimator) -> None:
    assert next(estimate_all.estimate_many(repeat(np.zeros((90, 90, 3), np.uint8)))) == []


def test_no_face_needs_no_network(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor, "load_runtime", lambda *_: pytest.fail("was loaded"))
    assert FaceEstimator(tiny_weights).estimate(np.zeros((90, 90, 3), np.uint8)) == []
    assert list(FaceEstimator(tiny_weights).estimate_many([])) == []


def test_whole_image_is_one_face_without_score(tiny_weights: Path, chips: NDArray[np.uint8]) -> None:
    (face,) = FaceEstimator(tiny_weights, detector="whole_image").estimate(chips[0])
    assert (face.box, face.score) == ((0, 0, 200, 200), None)
    assert face.to_dict()["score"] is None


def test_heads_left_out_are_none_and_absent(tiny_weights: Path) -> None:
    (face,) = FaceEstimator(tiny_weights, heads=["gender", "age"]).estimate(ASTRONAUT)
    assert face.race is None and face.gender is not None
    assert list(face.to_dict()) == ["box", "score", "quality", "age", "gender"]


def test_68_landmarks_give_nearly_the_same_faces(
    tiny_weights: Path, estimate_all: FaceEstimator, group: list[FaceEstimate]
) -> None:
    picture, boxes = read_picture(GROUP), [face.box for face in group]
    five, many = (made.cut(picture, boxes) for made in (estimate_all, FaceEstimator(tiny_weights, landmarks=68)))
    assert five.landmarks is not None and five.landmarks.shape == (4, 5, 2)
    assert many.landmarks is not None and many.landmarks.shape == (4, 68, 2)
    for chip, other in zip(five.chips, many.chips, strict=True):
        assert 0.85 < np.corrcoef(chip.ravel(), other.ravel())[0, 1] < 1


def test_what_cannot_be_used(tiny_weights: Path, estimate_all: FaceEstimator, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown detector: 'hug'\. Did you mean 'hog'\?"):
        FaceEstimator(tiny_weights, detector="hug")
    with pytest.raises(UnknownNameError, match=r"Unknown number of landmarks: '7'\. Known: 5, 68\."):
        FaceEstimator(tiny_weights, landmarks=7)
    with pytest.raises(UnknownNameError, match=r"Unknown head: 'gendre'\. Did you mean 'gender'\?"):
        FaceEstimator(tiny_weights, heads=["gendre"])
    with pytest.raises(FaceKitError, match="min_face must be at least 1 pixel"):
        FaceEstimator(tiny_weights, min_face=0)
    with pytest.raises(WeightsError, match="No weights file"):
        FaceEstimator(tmp_path / "none.h5")
    with pytest.raises(PictureError, match="A picture must exist"):
        estimate_all.estimate("none.jpg")
    with pytest.raises(PictureError, match="A picture must be a path, bytes, a Pillow image or an RGB array"):
        estimate_all.estimate(None)  # type: ignore[arg-type]


def test_a_wrong_card_is_refused_at_once(tiny_weights: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(tiny_weights, tmp_path))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match="damaged"):
        FaceEstimator(path)


@pytest.mark.parametrize(
    ("box", "score", "message"),
    [
        ((5, 5, 1, 1), math.nan, r"A box must have left < right and top < bottom\. Received: \(5, 5, 1, 1\)\."),
        ((5, 1, 5, 9), None, r"A box must have left < right and top < bottom"),
        ((1, 1, 5, 5), math.nan, r"A detector's score must be finite, or None\. Received: nan\."),
        ((1, 1, 5, 5), math.inf, r"A detector's score must be finite, or None"),
    ],
)
def test_estimates_that_cannot_be(box: tuple[int, int, int, int], score: float | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FaceEstimate(box, score, {})


@pytest.fixture
def wide_chips(tmp_path: Path) -> Path:
    """The default weights, whose card asks for other chips; with their graph, as the network is the same."""
    from facekit.networks.weights import read_tensors, save_weights

    card = replace(read_card(DEFAULT_WEIGHTS), chip=AlignedChip(size=64, padding=0.9))
    path = tmp_path / DEFAULT_WEIGHTS.name
    assert save_weights(read_tensors(DEFAULT_WEIGHTS), card, path).tensors_sha256 == card.tensors_sha256
    (graph,) = DEFAULT_WEIGHTS.parent.glob(f"{DEFAULT_WEIGHTS.stem}*.packed")
    shutil.copy(graph, tmp_path)
    return path


def test_faces_are_cut_as_the_card_says(wide_chips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    usual, wide = FaceEstimator(), FaceEstimator(wide_chips)
    picture, boxes = read_picture(ASTRONAUT), [face.box for face in usual.estimate(ASTRONAUT)]
    assert usual.cut(picture, boxes).chips.shape == (1, 200, 200, 3)
    chip = wide.cut(picture, boxes).chips
    np.testing.assert_array_equal(chip, AlignedChip(size=64, padding=0.9).cut(picture, boxes).chips)
    (face,), (other,) = usual.estimate(picture), wide.estimate(picture)
    assert face.box == other.box and abs(face.age.years - other.age.years) > 0.1
    assert capsys.readouterr().err == ""  # nothing was exported again


def test_an_unknown_chip_rule_is_refused_in_one_line(wide_chips: Path, script: Script, nobody: Path) -> None:
    tensors, attributes = read_hdf5(wide_chips)
    fields = json.loads(attributes["card"])
    assert fields["chip"] == {"rule": "aligned", "size": 64, "padding": 0.9, "landmarks": 5}
    write_hdf5(wide_chips, tensors, {"card": json.dumps({**fields, "chip": {"rule": "alinged", "size": 64}})})
    message = (
        "The card cannot be read: Unknown chip rule: 'alinged'. Did you mean 'aligned'? Known: aligned, box, whole."
    )
    with pytest.raises(WeightsError) as error:
        FaceEstimator(wide_chips)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
    status, _, err = script("face_demo.py", nobody, "--weights", wide_chips)
    assert status == 1 and err.startswith(f"error: {message}") and err.count("\n") == 1
