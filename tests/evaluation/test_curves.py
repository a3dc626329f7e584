"""The curves: refreshed each epoch, whole or not at all."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from facekit.evaluation.curves import draw_curves


def history(epochs: int, heads: tuple[str, ...] = ("age", "gender", "race")) -> list[dict[str, float]]:
    rows = []
    for epoch in range(1, epochs + 1):
        row = {
            "epoch": float(epoch),
            "loss": 5 / epoch,
            "learning_rate": 1e-3 / epoch,
            "val_loss": 4 + (epoch - 4) ** 2,
        }
        for head in heads:
            row |= {head: 2 / epoch, f"val_{head}_cross_entropy": 1.5 / epoch}
            figures = {"mae": 9 - epoch, "cs5": 0.5} if head == "age" else {"accuracy": 0.5 + epoch / 100}
            row |= {f"val_{head}_{name}": value for name, value in figures.items()}
        rows.append(row)
    return rows


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Those that are saved."""
    saved: list[Figure] = []
    save = Figure.savefig

    def spied(figure: Figure, *arguments: object, **settings: object) -> None:
        saved.append(figure)
        save(figure, *arguments, **settings)

    monkeypatch.setattr(Figure, "savefig", spied)
    return saved


def panels(figure: Figure) -> dict[str, tuple[str, list[list[float]]]]:
    """Title -> what is told of the best, and the values of each curve."""
    return {
        axes.get_title(loc="left"): (
            axes.get_title(loc="right"),
            [np.asarray(line.get_ydata()).tolist() for line in axes.lines],
        )
        for axes in figure.axes
    }


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_losses_figures_and_rate_are_drawn(epochs: int, figures: list[Figure], tmp_path: Path) -> None:
    rows = history(epochs)
    draw_curves(tmp_path / "curves.png", rows)
    got = panels(figures[0])
    assert list(got) == [
        *("loss", "age loss", "gender loss", "race loss"),
        *("learning rate", "age MAE, years", "gender accuracy, %", "race accuracy, %"),
    ]
    best = min(epochs, 4)
    told, (training, validation, point) = got["loss"]
    assert told == f"{4 + (best - 4) ** 2} in epoch {best}"
    assert training == [row["loss"] for row in rows] and validation == [row["val_loss"] for row in rows]
    assert point == [validation[best - 1]]
    assert got["age loss"][1][:2] == [[row["age"] for row in rows], [row["val_age_cross_entropy"] for row in rows]]
    assert got["age MAE, years"][0] == f"{9 - epochs} in epoch {epochs}"
    assert got["race accuracy, %"][0] == f"{50 + epochs} in epoch {epochs}"  # the highest is the best
    assert got["learning rate"] == ("", [[row["learning_rate"] for row in rows]])
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (1360, 520)


def test_any_heads_and_gaps(figures: list[Figure], tmp_path: Path) -> None:
    """Another head, and an epoch that a former version logged with less."""
    rows = history(3, ("mood",))
    del rows[0]["val_mood_accuracy"]
    draw_curves(tmp_path / "curves.png", rows)
    got = panels(figures[0])
    assert list(got) == ["loss", "mood loss", "learning rate", "mood accuracy, %"]
    assert np.isnan(got["mood accuracy, %"][1][0][0]) and got["mood accuracy, %"][0] == "53 in epoch 3"


def test_errors_of_other_units_are_no_years(figures: list[Figure], tmp_path: Path) -> None:
    rows = [{"epoch": 1.0, "loss": 1.0, "learning_rate": 0.1, "val_loss": 1.0, "height": 0.2, "val_height_mae": 9.0}]
    draw_curves(tmp_path / "curves.png", rows)
    got = panels(figures[0])
    assert got["height MAE"] == ("9 in epoch 1", [[9.0], [9.0]])
    assert got["height loss"] == ("", [[0.2]])  # of a number, no cross-entropy is known


def test_curves_are_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "curves.png"
    draw_curves(path, history(1))
    first = path.read_bytes()
    draw_curves(path, history(2))
    second = path.read_bytes()
    assert second != first

    def full(figure: Figure, target: Path, **settings: object) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(OSError, match="No space left"):
        draw_curves(path, history(3))
    assert path.read_bytes() == second
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]
