"""The heads' losses against plain loops."""

import math

import keras
import numpy as np
import pytest

from facekit.heads import AGE, GENDER, AgeHead, Head
from facekit.heads.losses import head_loss


@pytest.mark.parametrize("head", [AGE, AgeHead(sigma=2.0, error_weight=0.2), GENDER], ids=repr)
def test_loss_of_each_example(head: Head) -> None:
    random = np.random.default_rng(0)
    targets, probabilities = random.dirichlet(np.ones(len(head.classes)), (2, 5)).astype(np.float32)
    expected = []
    for target, row in zip(targets.tolist(), probabilities.tolist(), strict=True):
        loss = -sum(t * math.log(p) for t, p in zip(target, row, strict=True))
        if isinstance(head, AgeHead):
            error = sum((p - t) * (1 + k) for k, (t, p) in enumerate(zip(target, row, strict=True)))
            loss += head.error_weight * abs(error)
        expected.append(loss)
    got = keras.ops.convert_to_numpy(head_loss(head, targets, probabilities))
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_an_impossible_answer_costs_much_but_not_infinity() -> None:
    got = head_loss(GENDER, np.array([[1, 0]], np.float32), np.array([[0, 1]], np.float32))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(got), [math.log(1e7)], rtol=1e-5)
