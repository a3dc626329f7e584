"""facekit.faces.batch: batches are checked when they are made, selected from and joined."""

from typing import Any

import numpy as np
import pytest

from facekit.faces.batch import FaceBatch


def batch(n: int = 4, **changes: Any) -> FaceBatch:
    random = np.random.default_rng(n)
    arrays = {
        "chips": random.integers(0, 256, (n, 8, 8, 3), np.uint8),
        "boxes": random.integers(0, 100, (n, 4)),
        "landmarks": random.random((n, 5, 2), np.float32),
        "features": random.random((n, 10), np.float32),
    }
    return FaceBatch(**{**arrays, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"chips": np.zeros((4, 8, 8, 3))}, r"must be RGB uint8 \(n, H, W, 3\)\. Received: float64 \(4, 8, 8, 3\)"),
        ({"chips": np.zeros((4, 8, 8, 1), np.uint8)}, r"Received: uint8 \(4, 8, 8, 1\)"),
        ({"chips": np.zeros((8, 8, 3), np.uint8)}, r"Received: uint8 \(8, 8, 3\)"),
        ({"boxes": np.zeros((3, 4), int)}, r"boxes must be integer \(4, 4\), as there are 4 chips\. .* \(3, 4\)"),
        ({"boxes": np.zeros((4, 5), int)}, r"Received: int64 \(4, 5\)"),
        ({"boxes": np.zeros((4, 4))}, r"Received: float64 \(4, 4\)"),
        ({"landmarks": np.zeros((4, 5, 3), np.float32)}, r"landmarks must be float32 \(4, any, 2\), .* \(4, 5, 3\)"),
        ({"landmarks": np.zeros((4, 10), np.float32)}, r"Received: float32 \(4, 10\)"),
        ({"features": np.zeros((5, 10), np.float32)}, r"features must be float32 \(4, any\), .* \(5, 10\)"),
        ({"features": np.zeros((4, 10))}, r"Received: float64 \(4, 10\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        batch(**changes)


def test_chips_are_enough() -> None:
    faces = FaceBatch(np.zeros((2, 8, 8, 3), np.uint8))
    assert len(faces) == 2 and len(faces[:1]) == 1
    assert (faces.boxes, faces.landmarks, faces.features) == (None, None, None)


@pytest.mark.parametrize("index", [slice(1, 3), np.array([3, 0, 3]), np.array([True, False, False, True]), slice(0, 0)])
def test_a_selection_has_all_arrays(index: Any) -> None:
    faces = batch()
    selected = faces[index]
    for name in ("chips", "boxes", "landmarks", "features"):
        np.testing.assert_array_equal(getattr(selected, name), getattr(faces, name)[index])


def test_batches_are_joined() -> None:
    one, other = batch(3), batch(2)
    joined = FaceBatch.concatenate([one, other, batch(0)])
    assert len(joined) == 5
    for name in ("chips", "boxes", "landmarks", "features"):
        expected = np.concatenate([getattr(one, name), getattr(other, name)])
        np.testing.assert_array_equal(getattr(joined, name), expected)


def test_what_one_batch_lacks_the_joined_one_lacks() -> None:
    joined = FaceBatch.concatenate([batch(3), batch(2, landmarks=None)])
    assert joined.landmarks is None and joined.features is not None and len(joined) == 5
