"""Predictors load their network for the first face, once, whichever thread asks."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facekit.core.errors import UnknownNameError, WeightsError
from facekit.networks import predictor
from facekit.networks.predictor import Predictor
from facekit.networks.runtimes import load_runtime
from facekit.networks.runtimes.runtime import POOLED, Runtime


def test_the_network_is_loaded_once_for_the_first_face(
    tiny_weights: Path, chips: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[tuple[Path, str]] = []

    def load(weights: Path, name: str) -> Runtime:
        loaded.append((weights, name))
        return load_runtime(weights, name)

    monkeypatch.setattr(predictor, "load_runtime", load)
    asked = Predictor(tiny_weights, "openvino")
    assert asked.card.name == "tiny" and loaded == []
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(asked.predict, [chips] * 8))
    assert loaded == [(tiny_weights, "openvino")]
    expected = load_runtime(tiny_weights, "openvino").predict(chips)
    del expected[POOLED]  # no describer turns it into descriptors
    for answer in answers:
        for name, rows in expected.items():
            np.testing.assert_array_equal(answer[name], rows)


def test_impossible_arguments_are_refused_at_once(tiny_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown runtime: 'openvin'\. Did you mean 'openvino'\?"):
        Predictor(tiny_weights, "openvin")
    with pytest.raises(WeightsError, match="No weights file"):
        Predictor(tmp_path / "none.h5")
