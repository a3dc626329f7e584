"""Between the steps: honest rates, patience, and tables of what epochs told."""

import csv
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tiny import TINY, prepared, settings

from facekit.core.errors import TrainingError
from facekit.training.callbacks import Progress, out_of_patience, print_epoch, write_history


class Clock:
    """A time that goes by when it is told to."""

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


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ([], 1, False),
        ([3], 1, False),
        ([3, 2, 1], 1, False),
        ([3, 2, 2], 1, True),  # no lower
        ([3, 1, 2], 2, False),
        ([3, 1, 2, 2], 2, True),
        ([3, 1, 2, 2], None, False),
        ([1, 2, 3, 0.5, 2], 2, False),
    ],
)
def test_patience(losses: list[float], patience: int | None, expected: bool) -> None:
    assert out_of_patience([{"val_loss": loss} for loss in losses], patience) is expected


def test_patience_stops_a_run_and_a_resumed_one(
    tiny: None, tiny_utkface: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second epoch is the best; resumed after the third, the fourth is the last."""
    losses = iter([3.0, 1.0, 2.0, 2.0, 0.5])
    monkeypatch.setattr("facekit.training.run.Run._validate", lambda run: {"loss": next(losses)})
    options = settings(replace(TINY, epochs=5, patience=2), tiny_utkface)
    first = prepared(replace(options, recipe=replace(options.recipe, patience=1)), tmp_path)
    first.train()
    assert len(first.history) == 3
    assert "Stopped: 1 epochs without a lower validation loss." in capsys.readouterr().err
    best = first.best_path.read_bytes()
    resumed = prepared(options, tmp_path)
    assert resumed.train().training["history"]["epoch"] == 2
    assert [epoch["val_loss"] for epoch in resumed.history] == [3, 1, 2, 2]
    assert resumed.best_path.read_bytes() == best
    again = prepared(options, tmp_path)
    again.train()
    assert len(again.history) == 4
    assert next(losses) == 0.5


def test_history_with_gaps(tmp_path: Path) -> None:
    """As of a run that a former version began."""
    write_history(tmp_path / "history.csv", [{"epoch": 1, "loss": 3}, {"epoch": 2, "loss": 2, "seconds": 9}])
    with open(tmp_path / "history.csv", encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"epoch": "1", "loss": "3", "seconds": ""},
            {"epoch": "2", "loss": "2", "seconds": "9"},
        ]


def test_one_line_tells_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"epoch": 3.0, "loss": 2.5, "seconds": 61.4, "chips_per_second": 1234.5, "learning_rate": 0.1}
    print_epoch([{**figures, "val_loss": 2.25, "val_seconds": 4.6}])
    expected = "Epoch 3: loss 2.500  val_loss 2.250  1,234 chips/s, 61 s, validation 5 s\n"
    assert capsys.readouterr().err == expected
