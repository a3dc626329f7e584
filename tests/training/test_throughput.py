"""The throughput that a dry run measures, which leaves nothing behind."""

import random
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny import TINY, changed, prepared, settings

from facekit.networks.backbones import BACKBONES
from facekit.networks.network import build_network, freeze
from facekit.networks.weights import network_tensors, random_states
from facekit.training import throughput

pytestmark = pytest.mark.usefixtures("tiny")


def test_dry_run_leaves_no_trace(tiny_utkface: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was timed before it trains gives the same weights as one that was not, to the bit."""
    monkeypatch.setattr(throughput, "SECONDS", 0)
    after = []
    for timed in (False, True):
        run = prepared(settings(changed(TINY, trainable_from="norm1"), tiny_utkface), tmp_path / str(timed))
        before = network_tensors(run.network), [state.numpy() for state in random_states(run.network)]
        drawn = random.getstate(), np.random.get_state()[1].tolist()
        text = run.prepared.summary("here", timed=timed)
        assert ("chips/s measured over 5 steps)" in text) == timed
        assert not (tmp_path / str(timed)).exists()
        assert (random.getstate(), np.random.get_state()[1].tolist()) == drawn
        for name, tensor in network_tensors(run.network).items():
            np.testing.assert_array_equal(tensor, before[0][name])
        np.testing.assert_array_equal([state.numpy() for state in random_states(run.network)], before[1])
        run.train()
        after.append(network_tensors(run.network))
    for name, tensor in after[0].items():
        np.testing.assert_array_equal(after[1][name], tensor)


@pytest.mark.parametrize("on_device", [True, False])
def test_throughput_is_that_of_the_steps_after_the_first(on_device: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of half a second by a clock of our own, the first of a hundred."""
    now, durations = [0.0], iter([100.0, *[0.5] * 100])

    def step(model: object, batch: object) -> None:
        now[0] += next(durations)

    monkeypatch.setattr(throughput.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(throughput.ResidentModel, "train_on_batch", step)
    chips, labels = (
        np.zeros((30, 32, 32, 3), np.uint8),
        {name: np.ones(30, np.int16) for name in ("age", "gender", "race")},
    )
    network = build_network(TINY.network)
    assert throughput.measure_throughput(TINY, network, chips, labels, on_device=on_device) == (24, 5)
    monkeypatch.setattr(throughput, "SECONDS", 4)
    assert throughput.measure_throughput(TINY, network, chips, labels, on_device=on_device) == (24, 8)
    assert throughput.measure_throughput(
        TINY, network, chips[:6], {name: rows[:6] for name, rows in labels.items()}, on_device=on_device
    ) == (12, 8)


@pytest.mark.parametrize("name", BACKBONES)
def test_networks_can_be_copied_with_what_is_frozen(name: str) -> None:
    size = max(BACKBONES[name].smallest_size, 32)
    network = build_network(replace(TINY.network, backbone=name, input_size=size))
    freeze(network, network.layers[-5].name)
    copy = keras.models.clone_model(network)
    assert [v.path for v in copy.trainable_variables] == [v.path for v in network.trainable_variables]
    assert len(copy.trainable_variables) < len(copy.variables)


@pytest.mark.parametrize(
    ("epochs", "training", "validation", "text"),
    [
        (1, 900, 30, "about 91 seconds"),
        (30, 1200, 0, "about 60 minutes"),
        (30, 1200, 600, "about 70 minutes"),
        (300, 1000, 0, "about 8.3 hours"),
    ],
)
def test_expected_time(epochs: int, training: int, validation: int, text: str) -> None:
    assert throughput.expected_time(replace(TINY.training, epochs=epochs), training, validation, throughput=10) == text
