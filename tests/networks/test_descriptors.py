"""Descriptors: whitened features of a network, kept beside its weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facekit.core.errors import WeightsError
from facekit.networks.cards import DEFAULT_WEIGHTS, read_card
from facekit.networks.descriptors import DESCRIPTOR, Describer, load_describer
from facekit.networks.predictor import Predictor

CARD = replace(read_card(DEFAULT_WEIGHTS), tensors_sha256="a" * 64)


@pytest.fixture
def pooled() -> np.ndarray:
    """Features of 300 faces, in which one direction matters far more than the others."""
    random = np.random.default_rng(0)
    return random.normal(size=(300, 200)) + 30 * random.normal(size=(300, 1)) * random.normal(size=200)


def test_no_direction_outweighs_the_others(pooled: np.ndarray) -> None:
    described = Describer.fit(pooled).describe(pooled)
    np.testing.assert_allclose(np.linalg.norm(described, axis=1), 1, atol=1e-5)
    spread = np.linalg.svd(described - described.mean(axis=0), compute_uv=False)
    assert spread[0] < 3 * spread[60]
    views = Describer.fit(pooled).describe(pooled + 0.2 * np.random.default_rng(1).normal(size=pooled.shape))
    similarity = described @ views.T
    assert np.diag(similarity).min() > 0.8 > similarity[~np.eye(len(pooled), dtype=bool)].max()


def test_is_written_and_read_with_the_weights_that_it_belongs_to(pooled: np.ndarray, tmp_path: Path) -> None:
    weights, describer = tmp_path / "network.h5", Describer.fit(pooled)
    assert load_describer(weights, CARD) is None
    path = describer.save(weights, CARD)
    loaded = load_describer(weights, CARD)
    assert loaded is not None
    np.testing.assert_allclose(loaded.describe(pooled), describer.describe(pooled), atol=0.01)
    assert load_describer(weights, replace(CARD, tensors_sha256="b" * 64)) is None
    content = path.read_bytes()
    for damaged in (
        content[:100],
        content[:-1],
        content[: len(content) // 2] + b"damage" + content[len(content) // 2 :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"network-descriptor\.npz is damaged\. Fetch it again, or delete it"):
            load_describer(weights, CARD)


def test_the_default_weights_have_one(chips: np.ndarray) -> None:
    described = Predictor(DEFAULT_WEIGHTS).predict(chips)[DESCRIPTOR]
    similarity = described @ described.T
    assert described.shape == (len(chips), 128)
    person = [0, 0, 1, 2, 3, 1, 2, 3]  # the group is made of the other photographs
    is_same = np.equal.outer(person, person)
    assert similarity[is_same].min() > 0.95 and similarity[~is_same].max() < 0.65
