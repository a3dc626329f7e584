"""The heads' losses against plain loops."""

import math

import keras
import numpy as np
import pytest

from facekit.heads import AGE, GENDER, AgeLoss, ClassLoss, Head, Loss, NumberHead


@pytest.mark.parametrize(
    ("head", "loss"), [(AGE, AgeLoss()), (AGE, AgeLoss(sigma=2.0, error_weight=0.2)), (GENDER, ClassLoss())], ids=repr
)
def test_loss_of_each_example(head: Head, loss: Loss) -> None:
    random = np.random.default_rng(0)
    targets, probabilities = random.dirichlet(np.ones(head.width), (2, 5)).astype(np.float32)
    expected = []
    for target, row in zip(targets.tolist(), probabilities.tolist(), strict=True):
        value = -sum(t * math.log(p) for t, p in zip(target, row, strict=True))
        if isinstance(loss, AgeLoss):
            error = sum((p - t) * (1 + k) for k, (t, p) in enumerate(zip(target, row, strict=True)))
            value += loss.error_weight * abs(error)
        expected.append(value)
    got = keras.ops.convert_to_numpy(loss(head, targets, probabilities))
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_loss_of_a_number_is_its_error_in_the_heads_range() -> None:
    head = NumberHead("age", 10, 60, "years")
    targets = head.loss().targets(head, np.array([20, 60], np.float32))
    got = keras.ops.convert_to_numpy(head.loss()(head, targets, np.array([[25], [40]], np.float32)))
    np.testing.assert_allclose(got, [0.1, 0.4], rtol=1e-6)


def test_an_impossible_answer_costs_much_but_not_infinity() -> None:
    got = ClassLoss()(GENDER, np.array([[1, 0]], np.float32), np.array([[0, 1]], np.float32))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(got), [math.log(1e7)], rtol=1e-5)
