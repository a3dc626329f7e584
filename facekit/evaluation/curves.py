"""Draws the curves of a training: the losses above, below them the learning rate and each head's main figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facekit.core.files import LOGS, atomic_path, writing
from facekit.core.lazy_imports import from_extra
from facekit.evaluation.history import read_history
from facekit.evaluation.metrics import MEASURES, evaluated_heads, main_measure, measure_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRAINING, VALIDATION = "#8a94a0", "#1565c0"


def history_path(name: str) -> Path:
    """Returns where the figures of each epoch lie of the training that is named so, as the card of its weights is."""
    return LOGS / PurePath(name).name / "history.csv"


def draw_history(source: str) -> Path:
    """Draws the curves of a history file as a PNG of its name beside it.

    Args:
        source: history.csv, the folder of a run, or a history file of age-gender-estimation.

    Returns:
        Path of the PNG.

    Raises:
        DataError: the file cannot be used.
        MissingExtraError: matplotlib is not installed.
        FaceKitError: the PNG cannot be written.
    """
    path = Path(source) / "history.csv" if Path(source).is_dir() else Path(source)
    target, history = path.with_suffix(".png"), read_history(path)
    with from_extra("train"):
        import matplotlib  # noqa: F401
    with writing(target, argument="curves"):
        draw_curves(target, history)
    return target


def draw_curves(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Draws a PNG, which replaces the former one whole.

    Args:
        path: of the PNG.
        history: figures of each epoch, at least one, named as in history.csv; missing ones are left out.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    def column(name: str) -> NDArray[np.float64]:
        return np.array([row.get(name, np.nan) for row in history])

    heads = _measures(history[-1])
    figure = Figure(figsize=(3.4 * (1 + len(heads)), 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    (total, *losses), (rate, *figures) = figure.subplots(2, 1 + len(heads), squeeze=False, sharex=True)
    epochs = column("epoch")
    _draw(total, "loss", epochs, column("loss"), column("val_loss"))
    _draw(rate, "learning rate", epochs, column("learning_rate"))
    for (head, measures), above, below in zip(heads.items(), losses, figures, strict=True):
        _draw(above, f"{head} loss", epochs, column(head), column(f"val_{head}_cross_entropy"))
        name = main_measure(measures)
        measure, title = MEASURES[name], f"{head} {measure_title(name, measures)}"
        title, factor = (f"{title}, %", 100) if measure.is_share else (title, 1)
        sides = (factor * column(f"{side}{head}_{name}") for side in ("", "val_"))
        _draw(below, title, epochs, *sides, higher_is_better=measure.higher_is_better)
    total.legend(["training, augmented", "validation: cross-entropy, or MAE / range"], frameon=False, fontsize=8)
    for axes in (rate, *figures):
        axes.set_xlabel("epoch")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _measures(figures: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Returns the measures of each head that the validation of an epoch evaluated."""
    found = {
        head: {name: figures[f"val_{head}_{name}"] for name in MEASURES if f"val_{head}_{name}" in figures}
        for head in figures
    }
    return {head: found[head] for head in evaluated_heads(found)}


def _draw(
    axes: "Axes",
    title: str,
    epochs: NDArray[np.float64],
    training: NDArray[np.float64],
    validation: NDArray[np.float64] | None = None,
    *,
    higher_is_better: bool = False,
) -> None:
    """Draws one panel, and marks the best value of the validation."""
    from matplotlib.ticker import MaxNLocator

    marker = "o" if len(epochs) < 3 else None  # one point makes no line
    if not np.isnan(training).all():
        axes.plot(epochs, training, color=TRAINING, marker=marker, markersize=4)
    if validation is not None and not np.isnan(validation).all():
        best = int(np.nanargmin(-validation if higher_is_better else validation))
        axes.plot(epochs, validation, color=VALIDATION, marker=marker, markersize=4)
        axes.plot(epochs[best], validation[best], "o", color=VALIDATION, markersize=6)
        axes.set_title(f"{validation[best]:.4g} in epoch {epochs[best]:.0f}", loc="right", fontsize=8, color=VALIDATION)
    axes.set_title(title, loc="left", fontsize=10)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
