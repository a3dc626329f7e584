"""Callbacks: honest rates, losses that are no numbers, and the history of the epochs."""

import csv
import time
from pathlib import Path

import pytest

from facekit.core.errors import TrainingError
from facekit.evaluation.history import write_history
from facekit.training.callbacks import SAVE_EVERY, MidEpoch, Progress, print_epoch
from facekit.training.interruption import Interruption


class Clock:
    """A clock that tests advance."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)


class Loss:
    """A loss on an accelerator: fetching it waits for `seconds` of work."""

    fetched = 0

    def __init__(self, clock: Clock, value: float = 1.0, seconds: float = 0.0) -> None:
        self.clock, self.value, self.seconds = clock, value, seconds

    def __float__(self) -> float:
        Loss.fetched += 1
        self.clock.now += self.seconds
        return self.value


def test_rate_leaves_out_the_compilation_and_waits_for_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step takes 60 s. Others are handed over in a hundredth of a second and done after a tenth."""
    clock, figures = Clock(monkeypatch), []
    progress = Progress(epochs=2, steps=11, batch_size=32)
    for epoch in range(2):
        progress.on_epoch_begin(epoch)
        behind = 60.0 if epoch == 0 else 0.1
        for step in range(11):
            clock.now += 0.01
            progress.on_train_batch_end(step, {"loss": Loss(clock, seconds=behind)})
            behind = 0.0 if step == 0 and epoch == 0 else behind + 0.09
        logs = {"loss": Loss(clock, seconds=behind)}
        progress.on_epoch_end(epoch, logs)
        figures.append(logs)
    assert figures[0]["chips_per_second"] == pytest.approx(320 / 1.0)
    assert figures[0]["seconds"] == pytest.approx(61.01)
    assert figures[1]["chips_per_second"] == pytest.approx(352 / 1.2, rel=0.01)
    assert figures[1]["seconds"] == pytest.approx(1.2, rel=0.01)


def test_losses_are_fetched_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    monkeypatch.setattr(Loss, "fetched", 0)
    progress = Progress(epochs=1, steps=1000, batch_size=32)
    progress.on_epoch_begin(0)
    for step in range(1000):
        clock.now += 0.01
        progress.on_train_batch_end(step, {"loss": Loss(clock)})
    assert 9 <= Loss.fetched <= 11


def test_loss_that_is_no_number_is_found_before_the_epoch_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    progress = Progress(epochs=1, steps=2, batch_size=32)
    progress.on_epoch_begin(0)
    progress.on_train_batch_end(0, {"loss": Loss(clock)})
    progress.on_train_batch_end(1, {"loss": Loss(clock, float("nan"))})
    with pytest.raises(TrainingError, match=r"The loss is no longer a number\."):
        progress.on_epoch_end(0, {"loss": Loss(clock, float("nan"))})


def test_an_epoch_is_saved_every_few_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    now, saved = 1000.0, []
    monkeypatch.setattr(time, "monotonic", lambda: now)
    callback = MidEpoch(0, 7, saved.append, Interruption())
    callback.on_train_begin()
    for step in range(7):
        now += SAVE_EVERY / 2
        callback.on_train_batch_end(step, {"loss": 1.0})
    assert saved == [2, 4, 6]


def test_history_with_gaps(tmp_path: Path) -> None:
    """As in a run that an older version began."""
    write_history(tmp_path / "history.csv", [{"epoch": 1, "loss": 3}, {"epoch": 2, "loss": 2, "seconds": 9}])
    with open(tmp_path / "history.csv", encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"epoch": "1", "loss": "3", "seconds": ""},
            {"epoch": "2", "loss": "2", "seconds": "9"},
        ]


def test_one_line_for_each_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"epoch": 3.0, "loss": 2.5, "seconds": 61.4, "chips_per_second": 1234.5, "learning_rate": 0.1}
    print_epoch([{**figures, "val_loss": 2.25, "val_seconds": 4.6}])
    expected = "Epoch 3: loss 2.500  val_loss 2.250  1,234 chips/s, 61 s, validation 5 s\n"
    assert capsys.readouterr().err == expected
