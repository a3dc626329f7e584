"""What every kind of features must do."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facekit.core.errors import UnknownNameError
from facekit.faces.chips import resize_chips
from facekit.faces.features import FEATURES, compute_features, feature_width

Chips = NDArray[np.uint8]


@pytest.mark.parametrize("name", FEATURES)
def test_contract(name: str, chips: Chips) -> None:
    features = compute_features(name, chips)
    assert features.shape == (len(chips), feature_width(name)) and features.dtype == np.float32
    assert np.isfinite(features).all() and len(np.unique(features, axis=0)) == len(chips)
    np.testing.assert_array_equal(compute_features(name, chips[2:4]), features[2:4])  # each chip by itself
    none = compute_features(name, chips[:0])
    assert none.shape == (0, feature_width(name)) and none.dtype == np.float32


@pytest.mark.parametrize("name", FEATURES)
def test_features_hardly_depend_on_the_size_of_the_chips(name: str, chips: Chips) -> None:
    small, large = compute_features(name, resize_chips(chips, 100)), compute_features(name, chips)
    assert np.abs(small - large).mean() < 0.02


def test_landmarks_are_fractions_of_the_side(chips: Chips) -> None:
    """Aligned faces have their eyes above the middle, on both sides of it, and their nose in the middle."""
    points = compute_features("landmarks", chips).reshape(-1, 5, 2)
    assert (abs(points) < 0.5).all()
    assert (points[:, :4, 1] < 0).all() and (points[:, :2, 0] > 0).all() and (points[:, 2:4, 0] < 0).all()
    assert (abs(points[:, 4, 0]) < 0.1).all()


def test_histograms_see_gradients_and_landmarks_the_face(chips: Chips) -> None:
    """Brightness changes neither; a flat chip has no gradient."""
    features = compute_features("hog_and_landmarks68", chips[:2])
    darker = compute_features("hog_and_landmarks68", (chips[:2] * 0.7).astype(np.uint8))
    assert np.abs(features[:, :800] - darker[:, :800]).mean() < 0.01
    assert not compute_features("hog_and_landmarks68", np.full((1, 48, 48, 3), 90, np.uint8))[0, :800].any()
    points = features[:, 800:].reshape(-1, 68, 2)
    assert (points[:, 36:48, 1].mean(1) < points[:, 48:, 1].mean(1) - 0.1).all()  # eyes above the mouth
    assert (points[:, 36:42, 0].mean(1) < points[:, 42:48, 0].mean(1) - 0.1).all()


def test_unknown_features() -> None:
    message = r"Unknown features: 'landmark'\. Did you mean 'landmarks'\? Known: hog_and_landmarks68, landmarks\."
    with pytest.raises(UnknownNameError, match=message):
        feature_width("landmark")
    with pytest.raises(UnknownNameError, match=message):
        compute_features("landmark", np.zeros((1, 8, 8, 3), np.uint8))
