"""Measuring the throughput, which chooses the precision and leaves nothing behind."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny import TINY, changed, prepared, settings

from facekit.networks.network import build_network
from facekit.networks.weights import network_tensors, random_states
from facekit.training import throughput

pytestmark = pytest.mark.usefixtures("tiny")


def test_dry_run_leaves_no_trace(
    tiny_utkface: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that was timed before it trains gives the same weights as one that was not, to the bit."""
    monkeypatch.setattr(throughput, "SECONDS", 0)
    recipe = settings(changed(TINY, trainable_from="norm1"), tiny_utkface)
    runs = [prepared(recipe, tmp_path / name, timed=name == "timed") for name in ("plain", "timed")]
    assert [err.count("Measuring the speed") for err in capsys.readouterr().err.split("Reading the data.")] == [0, 0, 1]
    assert not list(tmp_path.iterdir())
    assert [list(run.prepared.rates) for run in runs] == [[], ["float32"]]
    assert_same(*(run.network for run in runs))
    for run in runs:
        run.train()
    assert_same(*(run.network for run in runs))


@pytest.mark.parametrize("faster", ["float32", "bfloat16"])
def test_chosen_precision_trains_as_if_it_was_asked_for(
    faster: str, tiny_utkface: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random weights, dropout and frozen layers included."""
    monkeypatch.setattr(throughput, "SECONDS", 0)
    monkeypatch.setattr("facekit.training.prepared.choose_precision", lambda rates: faster)
    recipe = changed(TINY, trainable_from="norm1")
    asked, auto = (prepared(settings(recipe, tiny_utkface, precision=p), tmp_path / p) for p in (faster, "auto"))
    assert auto.prepared.rates.keys() == {"float32", "bfloat16"}
    assert auto.prepared.settings == asked.prepared.settings  # which is what a resumed run reads
    assert auto.network.get_layer("conv2").compute_dtype == faster
    assert_same(asked.network, auto.network)
    for run in (asked, auto):
        run.train()
    assert_same(asked.network, auto.network)


def assert_same(one: keras.Model, other: keras.Model) -> None:
    """Compares weights, random states and what is trained."""
    tensors = network_tensors(other)
    for name, tensor in network_tensors(one).items():
        np.testing.assert_array_equal(tensors[name], tensor, err_msg=name)
    states = [[state.numpy() for state in random_states(network)] for network in (one, other)]
    np.testing.assert_array_equal(*states)
    assert [v.path for v in one.trainable_variables] == [v.path for v in other.trainable_variables]


@pytest.mark.parametrize(
    ("durations", "rounds", "rates"),
    [
        ([0.3, 0.5], 5, [40, 24]),  # seconds of one step of each network
        ([0.1, 0.12], 10, [120, 100]),  # until SECONDS have passed
        ([9, 12], 1, [12 / 9, 1]),  # until LONGEST have passed
        ([0.1, 0.6], 2, [120, 20]),  # until it is clear
        ([0.5], 5, [24]),
    ],
)
def test_throughput_is_that_of_the_steps_after_the_first(
    durations: list[float], rounds: int, rates: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock of our own; the first step of each takes a hundred seconds."""
    now, count = [0.0], [0]

    def step(model: object, batch: object) -> None:
        n, count[0] = count[0], count[0] + 1
        now[0] += 100 if n < len(durations) else durations[n % len(durations)]

    monkeypatch.setattr(throughput.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(throughput, "LONGEST", 21.0)
    monkeypatch.setattr(throughput.ResidentModel, "train_on_batch", step)
    chips, labels = (
        np.zeros((30, 32, 32, 3), np.uint8),
        {name: np.ones(30, np.int16) for name in ("age", "gender", "race")},
    )
    networks = {str(n): build_network(TINY.network) for n in range(len(durations))}
    measured = throughput.measure_throughput(TINY, networks, chips, labels, on_device=False)
    assert list(measured.values()) == pytest.approx(rates)
    assert count[0] == (1 + rounds) * len(durations)


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
