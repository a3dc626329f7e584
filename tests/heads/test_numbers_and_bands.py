"""What is special to a kind of head: settings that it refuses, numbers with and without a unit, and bands."""

from typing import Any

import numpy as np
import pytest

from facekit.core.errors import UsageError
from facekit.heads import AgeHead, BandHead, ClassHead, NumberHead


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: AgeHead(youngest=-1), r"Ages must be 0 <= youngest < oldest\. Received: -1 and 93\."),
        (lambda: AgeHead(youngest=50, oldest=50), r"Received: 50 and 50\."),
        (lambda: BandHead("age", (1,)), r"two or more rising whole numbers, 0 or more\. Received for age: \(1,\)\."),
        (lambda: BandHead("age", (16, 1)), r"Received for age: \(16, 1\)\."),
        (lambda: BandHead("age", (-1, 16)), r"Received for age: \(-1, 16\)\."),
        (lambda: BandHead("age", (1, 15.5)), r"Received for age: \(1, 15\.5\)\."),
        (lambda: ClassHead("mood", ("Calm",)), r"two or more different classes\. Received for mood: \('Calm',\)\."),
        (lambda: ClassHead("mood", ("Calm", "calm")), r"Received for mood: \('Calm', 'calm'\)\."),
        (lambda: NumberHead("weight", -5, 100), r"bounds must be 0 <= low < high\. Received: -5 and 100\."),
        (lambda: NumberHead("weight", 5, 5), r"Received: 5 and 5\."),
        (lambda: NumberHead("weight", 5, float("inf")), r"Received: 5 and inf\."),
        (lambda: NumberHead("weight", float("nan"), 5), r"Received: nan and 5\."),
    ],
)
def test_impossible_heads_are_refused(make: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make()


def test_a_number_without_a_unit_takes_any_and_is_no_age() -> None:
    head = NumberHead("weight", 0, 200)
    assert head.mismatch("kg") is None and head.mismatch(("light", "heavy")) is not None
    rows, truth = np.array([[60.0], [90.0]]), np.array([50.0, 90.0], np.float32)
    assert head.measures(rows, truth) == {"mae": 5.0, "bias": 5.0} and head.whole_figures(rows, truth) == {}
    assert head.report(rows, truth)["intervals"].keys() == {"mae", "bias"}
    assert list(head.groups(truth)) == ["0-200"]
    assert head.decode(rows)[0].to_dict() == {"value": 60.0, "unit": "", "unsure": False}


def test_a_number_in_years_is_an_age() -> None:
    """It has the bands, the share within five years and the minors that an age distribution has."""
    head = NumberHead("age", 0, 116, "years")
    rows, truth = np.array([[20.0], [15.0], [40.0]]), np.array([17, 19.5, 43], np.float32)
    assert head.measures(rows, truth) == {"mae": pytest.approx(3.5), "bias": pytest.approx(-1.5), "cs5": 1.0}
    assert list(head.groups(truth)) == ["0-5", "6-12", "13-17", "18-25", "26-40", "41-60", "61-116"]
    assert head.whole_figures(rows, truth) == {
        "minors": {"n": 1, "called_adult": 1.0},
        "adults": {"n": 2, "called_minor": 0.5},
    }


def test_bands_end_where_the_next_one_starts() -> None:
    head = BandHead("age", (0, 1, 18))
    assert head.classes == ("0", "1-17", "over 17") and head.description == "age (0, 1-17, over 17)"
    assert [head.label_name(head.encode(age)) for age in (0, 0.9, 1, 17.9, "18", 90)] == [
        *("0", "0", "1-17", "1-17", "over 17", "over 17"),
    ]
    young, old = head.decode(np.array([[0.1, 0.7, 0.2], [0.1, 0.2, 0.7]]))
    assert young.caption("age", {}) == ("age 1-17", "70%") and str(old) == "over 17 70%"
    assert old.caption("age", {"age": "<age>", "over {}": "<over {}>"}) == ("<age> <over 17>", "70%")
