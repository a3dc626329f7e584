"""Measuring the throughput, which chooses the precision and leaves nothing behind."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import TINY, TinyRun, changed, prepared, settings

from facekit.networks.network import build_network
from facekit.networks.weights import network_tensors, random_states
from facekit.training import throughput

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Measures one step only, and makes one precision the faster."""
    monkeypatch.setattr(throughput, "LONGEST", 0)
    return lambda precision: monkeypatch.setattr(
        "facekit.training.prepared.choose_precision", lambda rates: min(rates, key=lambda name: name != precision)
    )


def test_measuring_leaves_no_trace(
    choose: Callable[[str], None], tiny_utkface: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that measured before it trains gives the same weights as one that did not, to the bit."""
    choose("float32")
    recipe = changed(TINY, trainable_from="norm1")
    asked, auto = (prepared(settings(recipe, tiny_utkface, precision=p), tmp_path / p) for p in ("float32", "auto"))
    assert capsys.readouterr().err.count("Measuring the speed") == 1
    assert not list(tmp_path.iterdir())
    assert (asked.prepared.rates.keys(), auto.prepared.rates.keys()) == (set(), {"float32", "bfloat16"})
    assert_same(asked, auto)
    for run in (asked, auto):
        run.train()
    assert_same(asked, auto)


def test_chosen_precision_is_the_same_as_one_that_was_asked_for(
    choose: Callable[[str], None], tiny_utkface: Path, tmp_path: Path
) -> None:
    choose("bfloat16")
    recipe = changed(TINY, trainable_from="norm1")
    asked, auto = (prepared(settings(recipe, tiny_utkface, precision=p), tmp_path / p) for p in ("bfloat16", "auto"))
    assert auto.network.get_layer("conv2").compute_dtype == "bfloat16"
    assert_same(asked, auto)


def assert_same(one: TinyRun, other: TinyRun) -> None:
    """Compares weights, random states, what is trained, and the settings that a resumed run reads."""
    tensors = network_tensors(other.network)
    for name, tensor in network_tensors(one.network).items():
        np.testing.assert_array_equal(tensors[name], tensor, err_msg=name)
    states = [[state.numpy() for state in random_states(run.network)] for run in (one, other)]
    np.testing.assert_array_equal(*states)
    assert [v.path for v in one.network.trainable_variables] == [v.path for v in other.network.trainable_variables]
    assert one.prepared.settings == other.prepared.settings


@pytest.mark.parametrize(
    ("durations", "rounds", "rates"),
    [
        ([0.3, 0.5], 25, [40, 24]),  # seconds of one step of each network: until LONGEST have passed
        ([9, 12], 1, [12 / 9, 1]),
        ([0.1, 0.6], 3, [120, 20]),  # until it is clear
        ([0.5], 5, [24]),
        ([0.125], 16, [96]),  # until SECONDS have passed
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
    monkeypatch.setattr(throughput, "LONGEST", 19.9)
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
