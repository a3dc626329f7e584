"""Intervals and calibration errors, against plain loops and by simulation."""

import math
import random

import numpy as np
import pytest
from cases import random_case

from facekit.heads import GENDER, RACE, Head
from facekit.heads.statistics import (
    RESAMPLES,
    calibration_error,
    central,
    least_calibration_error,
    resampled_sums,
    wilson,
)


def slow_error(rows: list[list[float]], truth: list[int]) -> float:
    """Computes the expected calibration error, bin after bin."""
    total = 0.0
    for number in range(15):
        inside = [k for k, row in enumerate(rows) if min(int(max(row) * 15), 14) == number]
        if inside:
            confidence = sum(max(rows[k]) for k in inside) / len(inside)
            right = sum(rows[k].index(max(rows[k])) == truth[k] for k in inside) / len(inside)
            total += len(inside) / len(rows) * abs(confidence - right)
    return total


@pytest.mark.parametrize("head", [GENDER, RACE])
def test_calibration_error_against_loops(head: Head) -> None:
    probabilities, labels = random_case(300, heads=(head,))
    rows, truth = probabilities[head.name].astype(float), np.maximum(labels[head.name], 0)
    rows[0] = np.eye(head.width)[0]  # certain: falls into the last bin
    assert calibration_error(rows, truth) == pytest.approx(slow_error(rows.tolist(), truth.tolist()), abs=6e-5)
    assert calibration_error(rows[:0], truth[:0]) is None


def test_calibration_error_of_perfect_probabilities() -> None:
    generator = np.random.default_rng(1)
    rows = generator.dirichlet((1, 1, 1), 150)
    errors = []
    for _ in range(300):
        drawn = [generator.choice(3, p=row) for row in rows]
        errors.append(calibration_error(rows, np.array(drawn)))
    assert least_calibration_error(rows) == pytest.approx(np.mean(errors), rel=0.05)
    assert calibration_error(rows, rows.argmax(axis=1)) > 2 * least_calibration_error(rows)  # type: ignore[operator]


def test_bootstrap_against_loops() -> None:
    values = np.random.default_rng(2).exponential(5, 80)
    low, high = central(resampled_sums(values[:, None])[:, 0] / 80)
    generator = random.Random(0)
    means = sorted(sum(generator.choices(values.tolist(), k=80)) / 80 for _ in range(4000))
    spread = means[3900] - means[100]
    assert (low, high) == pytest.approx((means[100], means[3900]), abs=0.1 * spread)
    again = resampled_sums(values[:, None])
    assert again.shape == (RESAMPLES, 1)
    np.testing.assert_array_equal(again, resampled_sums(values[:, None]))


def test_bootstrap_in_blocks_draws_whole_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facekit.heads.statistics._BLOCK", 7 * 30)
    sums = resampled_sums(np.c_[np.ones(30), np.arange(30)])
    assert sums.shape == (RESAMPLES, 2) and (sums[:, 0] == 30).all()
    assert np.ptp(sums[:, 1]) > 0


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(3)
    held = []
    for _ in range(200):
        low, high = wilson(int(generator.binomial(40, 0.9)), 40)
        held.append(low <= 0.9 <= high)  # type: ignore[operator]
    assert 0.9 <= np.mean(held) <= 1
    assert wilson(0, 0) == (None, None) == central(np.array([math.nan]))
    assert wilson(20, 20)[1] == 1 and 0.8 < wilson(20, 20)[0] < 0.9  # type: ignore[operator]
    assert wilson(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)  # by hand
