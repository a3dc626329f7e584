"""Targets, decoding and selection of heads, against plain loops."""

import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from facekit.core.errors import FaceKitError
from facekit.heads import (
    AGE,
    GENDER,
    MISSING,
    RACE,
    AgeAnswer,
    AgeHead,
    AgeLoss,
    ClassAnswer,
    ClassHead,
    ClassLoss,
    Head,
    Loss,
    head_from_dict,
    select_heads,
)

SOFT_AGE = AgeLoss(sigma=2.0, error_weight=0.2, weight=0.5)
MOOD = ClassHead("mood", ("Calm", "Happy", "Sad"))
HEADS: list[Head] = [AGE, GENDER, RACE, MOOD]
TRAINED: list[tuple[Head, Loss]] = [
    *((head, head.loss()) for head in HEADS),
    (AGE, SOFT_AGE),
    (MOOD, ClassLoss(smoothing=0.1, weight=2.0)),
]


def first_label(head: Head) -> int:
    return head.youngest if isinstance(head, AgeHead) else 0


def random_rows(n_classes: int, n: int = 6) -> NDArray[np.float32]:
    rows = np.random.default_rng(n_classes).random((n, n_classes)) ** 2 + 0.01
    return (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)


def test_classes_are_those_of_utkface() -> None:
    np.testing.assert_array_equal(AGE.years, np.arange(1, 94))
    assert AGE.width == 93
    assert GENDER.classes == ("Male", "Female")
    assert RACE.classes == ("White", "Black", "Asian", "Indian", "Others")


@pytest.mark.parametrize(("head", "loss"), TRAINED, ids=repr)
def test_targets_are_distributions_with_the_label_on_top(head: Head, loss: Loss) -> None:
    targets = loss.targets(head, first_label(head) + np.arange(head.width))
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(targets.argmax(axis=1), np.arange(head.width))


@pytest.mark.parametrize(("head", "loss"), TRAINED, ids=repr)
def test_missing_labels_give_rows_of_zeros(head: Head, loss: Loss) -> None:
    targets = loss.targets(head, np.array([MISSING, 1, MISSING], np.int16))
    np.testing.assert_array_equal(targets.sum(axis=1) > 0, [False, True, False])


@pytest.mark.parametrize("head", [AGE, GENDER, RACE])
def test_plain_heads_have_one_hot_targets(head: Head) -> None:
    targets = head.loss().targets(head, first_label(head) + np.arange(head.width))
    np.testing.assert_array_equal(targets, np.eye(head.width))


def test_smoothing_spreads_its_share_over_all_classes() -> None:
    (row,) = ClassLoss(smoothing=0.3).targets(MOOD, np.array([1]))
    np.testing.assert_allclose(row, [0.1, 0.8, 0.1], rtol=1e-6)
    with pytest.raises(FaceKitError, match=r"ClassLoss\.smoothing must be less than 1\. Received: 1\.0\."):
        ClassLoss(smoothing=1.0)


@pytest.mark.parametrize(("age", "sigma"), [(1, 0.4), (7, 1.0), (17, 2.0), (40, 2.0), (93, 2.0)])
def test_soft_ages_are_gaussians_narrower_for_children(age: int, sigma: float) -> None:
    density = [math.exp(-((year - age) ** 2) / (2 * sigma**2)) for year in range(1, 94)]
    expected = [value / sum(density) for value in density]
    np.testing.assert_allclose(SOFT_AGE.targets(AGE, np.array([age]))[0], expected, atol=1e-6)


def test_age_is_the_expected_value() -> None:
    rows = random_rows(93)
    expected = [sum(p * year for year, p in enumerate(row, start=1)) for row in rows.tolist()]
    np.testing.assert_allclose(AGE.values(rows), expected, rtol=1e-5)
    np.testing.assert_allclose(AGE.values(rows * 0.5), expected, rtol=1e-5)  # rounding leaves sums beside 1


def slow_quantile(row: list[float], share: float) -> float:
    """Walks along the distribution, each class spread evenly over its year, in steps of a thousandth of a year."""
    step, below = 0, 0.0
    while below < share * sum(row):
        below += row[step // 1000] / 1000
        step += 1
    return min(max(0.5 + step / 1000, 1.0), 93.0)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_quantiles_against_walking_along_the_distribution(share: float) -> None:
    rows = random_rows(93, n=3)
    expected = [slow_quantile(row, share) for row in rows.astype(float).tolist()]
    np.testing.assert_allclose(AGE.quantile(rows, share), expected, atol=0.01)


def test_ages_decode_to_years_between_their_bounds() -> None:
    certain = np.eye(93, dtype=np.float32)[[29, 0, 92]]
    thirty, youngest, oldest = AGE.decode(certain)
    assert isinstance(thirty, AgeAnswer) and isinstance(youngest, AgeAnswer) and isinstance(oldest, AgeAnswer)
    assert (thirty.years, thirty.low, thirty.high) == pytest.approx((30, 29.6, 30.4))
    assert (youngest.low, oldest.high) == (1, 93)
    flat = AGE.decode(np.full((1, 93), 1 / 93, np.float32))[0]
    assert isinstance(flat, AgeAnswer)
    assert (flat.years, flat.high - flat.low) == pytest.approx((47, 0.8 * 93), abs=1e-3)


def test_minor_is_younger_than_eighteen() -> None:
    rows = np.zeros((3, 93), np.float32)
    rows[0, [16, 17]] = 0.3, 0.2  # 17 and 18 years, in a row whose sum is not 1
    rows[1, 0] = rows[2, 17] = 1
    answers = AGE.decode(rows)
    assert [answer.minor_probability for answer in answers] == pytest.approx([0.6, 1, 0])  # type: ignore[attr-defined]


@pytest.mark.parametrize(("probability", "added"), [(None, ""), (0.04, ""), (0.62, ", <18 62%"), (0.96, "")])
def test_captions_tell_who_may_be_a_minor(probability: float | None, added: str) -> None:
    assert AgeAnswer(16, 12, 20, probability).caption("age", {}) == ("age ~16", f"12\N{EN DASH}20{added}")


def test_a_minors_probability_stays_on_screen_while_it_is_near() -> None:
    shown = AgeAnswer(16, 12, 20, 0.62).settled(None)
    assert [AgeAnswer(16, 12, 20, new).settled(shown).minor_probability for new in (0.67, 0.69)] == [0.6, 0.7]


def test_classes_decode_to_the_likeliest() -> None:
    (answer,) = RACE.decode(np.array([[0.1, 0.2, 0.4, 0.25, 0.05]], np.float32))
    assert isinstance(answer, ClassAnswer)
    assert (answer.label, answer.probability) == ("Asian", pytest.approx(0.4))
    assert list(answer.probabilities) == list(RACE.classes)


@pytest.mark.parametrize("head", HEADS, ids=repr)
def test_no_faces_decode_to_no_answers(head: Head) -> None:
    assert head.decode(np.empty((0, head.width), np.float32)) == []


def test_answers_are_rounded_in_json() -> None:
    expected = {"years": 31.3, "low": 20.0, "high": 45.0, "minor_probability": 0.012, "unsure": False}
    assert AgeAnswer(31.26, 20.04, 45.0, 0.01234).to_dict() == expected
    answer = ClassAnswer("Male", 0.987654, {"Male": 0.987654, "Female": 0.012346})
    assert answer.to_dict() == {
        "label": "Male",
        "probability": 0.9877,
        "probabilities": {"Male": 0.9877, "Female": 0.0123},
        "unsure": False,
    }


@pytest.mark.parametrize("head", HEADS, ids=repr)
def test_heads_come_back_from_json(head: Head) -> None:
    assert head_from_dict(json.loads(json.dumps(head.to_dict()))) == head


def test_unknown_kind_of_head() -> None:
    with pytest.raises(
        FaceKitError, match=r"Unknown kind of head: 'clas'\. Did you mean 'class'\? Known: age, bands, class, number\."
    ):
        head_from_dict({"kind": "clas", "name": "gender"})


def test_heads_are_selected_in_the_networks_order() -> None:
    heads = (AGE, GENDER, RACE)
    assert select_heads(heads, None) == [AGE, GENDER, RACE]
    assert select_heads(heads, ["gender", "age"]) == [AGE, GENDER]
    with pytest.raises(FaceKitError, match=r"Unknown head: 'gendre'\. Did you mean 'gender'\?"):
        select_heads(heads, ["gendre"])
    with pytest.raises(FaceKitError, match=r"at least one head\. Received none\. Choose from age, gender, race\."):
        select_heads(heads, [])
