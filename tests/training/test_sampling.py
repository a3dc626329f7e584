"""How often chips are shown."""

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from facekit.heads import AGE, GENDER, MISSING, RACE, AgeHead
from facekit.training.sampling import epoch_order, sampling_weights

RACES = np.repeat(np.arange(4), [400, 80, 15, 5]).astype(np.int16)  # nobody of the fifth


def frequencies(labels: NDArray[np.int16], balance: float) -> NDArray[np.float64]:
    weights = sampling_weights(RACE, labels, balance)
    return np.bincount(labels, weights) / weights.sum()


@pytest.mark.parametrize("balance", [0.25, 0.5, 0.75])
def test_frequencies_against_the_formula(balance: float) -> None:
    powers = np.array([400, 80, 15, 5]) ** (1 - balance)
    np.testing.assert_allclose(frequencies(RACES, balance), powers / powers.sum())


def test_none_and_all_of_it() -> None:
    np.testing.assert_array_equal(sampling_weights(RACE, RACES, 0.0), np.ones(500))
    np.testing.assert_allclose(frequencies(RACES, 1.0), 1 / 4)


def test_rarer_is_shown_more_and_the_mean_is_one() -> None:
    weights = sampling_weights(RACE, np.random.default_rng(0).permutation(RACES), 0.3)
    assert weights.mean() == pytest.approx(1)
    assert (np.diff(sampling_weights(RACE, RACES, 0.3)) >= 0).all()  # the races are in order of their counts


def test_ages_count_in_bands() -> None:
    """1 to 5 are one band, 6 to 10 the next; against counting by hand."""
    ages = np.array([1, 2, 3, 4, 5, 5, 6, 10, 93], np.int16)
    inverse = np.array([1 / 6] * 6 + [1 / 2] * 2 + [1])
    np.testing.assert_allclose(sampling_weights(AGE, ages, 1.0), inverse / inverse.mean())
    shifted = AgeHead(youngest=0, oldest=92)
    np.testing.assert_allclose(sampling_weights(shifted, ages - 1, 1.0), inverse / inverse.mean())


def test_unlabelled_are_shown_once() -> None:
    labels = np.array([0, 0, 0, MISSING, 1, MISSING], np.int16)
    weights = sampling_weights(GENDER, labels, 1.0)
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2 / 3, 1, 2, 1])
    np.testing.assert_array_equal(sampling_weights(GENDER, np.full(3, MISSING, np.int16), 1.0), np.ones(3))


def test_equal_weights_show_each_once_in_random_order() -> None:
    index = np.arange(100, 20100)
    for seed in range(3):
        order = epoch_order(index, np.ones(len(index)), np.random.default_rng(seed))
        assert (np.sort(order) == index).all() and (order != index).any()


def test_each_is_shown_its_weight_rounded_up_or_down() -> None:
    weights = np.array([0.25, 3.5, 1.0, 0.05, 0.2])
    counts: Counter[int] = Counter()
    for seed in range(400):
        order = epoch_order(np.arange(5), weights, np.random.default_rng(seed))
        once = np.bincount(order, minlength=5)
        assert len(order) == 5 and (abs(once - weights) < 1).all()
        counts.update(order.tolist())
    np.testing.assert_allclose([counts[row] / 400 for row in range(5)], weights, atol=0.07)


def test_order_is_a_function_of_the_generator() -> None:
    weights = sampling_weights(RACE, RACES, 0.5)
    one, same, other = (epoch_order(np.arange(500), weights, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one == same).all() and (one != other).any()
