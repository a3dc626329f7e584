"""The curves of a run as a picture: the losses above, below them the learning rate and what each head reaches."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facekit.core.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRAINING, VALIDATION = "#8a94a0", "#1565c0"
# Of a head's figures in the history: title, factor, and the sign that makes the best the lowest.
FIGURES = {"mae": ("MAE, years", 1, 1), "accuracy": ("accuracy, %", 100, -1)}


def draw_curves(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Draws a PNG, which takes the place of the former one whole.

    Args:
        path: where to.
        history: the figures of each epoch, at least one, named as in history.csv; what is not there is left out.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    def column(name: str) -> NDArray[np.float64]:
        return np.array([row.get(name, np.nan) for row in history])

    heads = [name for name in history[-1] if f"val_{name}_cross_entropy" in history[-1]]
    figure = Figure(figsize=(3.4 * (1 + len(heads)), 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    (total, *losses), (rate, *figures) = figure.subplots(2, 1 + len(heads), squeeze=False, sharex=True)
    epochs = column("epoch")
    _draw(total, "loss", epochs, column("loss"), column("val_loss"))
    _draw(rate, "learning rate", epochs, column("learning_rate"))
    for head, above, below in zip(heads, losses, figures, strict=True):
        _draw(above, f"{head} loss", epochs, column(head), column(f"val_{head}_cross_entropy"))
        for name, (title, factor, sign) in FIGURES.items():
            if f"val_{head}_{name}" in history[-1]:
                _draw(below, f"{head} {title}", epochs, None, factor * column(f"val_{head}_{name}"), sign)
    total.legend(["training, as augmented", "validation, cross-entropy alone"], frameon=False, fontsize=8)
    for axes in (rate, *figures):
        axes.set_xlabel("epoch")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _draw(
    axes: "Axes",
    title: str,
    epochs: NDArray[np.float64],
    training: NDArray[np.float64] | None,
    validation: NDArray[np.float64] | None = None,
    sign: int = 1,
) -> None:
    """One panel; the best of the validation is marked and told."""
    from matplotlib.ticker import MaxNLocator

    marker = "o" if len(epochs) < 3 else None  # one point makes no line
    if training is not None:
        axes.plot(epochs, training, color=TRAINING, marker=marker, markersize=4)
    if validation is not None and not np.isnan(validation).all():
        best = int(np.nanargmin(sign * validation))
        axes.plot(epochs, validation, color=VALIDATION, marker=marker, markersize=4)
        axes.plot(epochs[best], validation[best], "o", color=VALIDATION, markersize=6)
        axes.set_title(f"{validation[best]:.4g} in epoch {epochs[best]:.0f}", loc="right", fontsize=8, color=VALIDATION)
    axes.set_title(title, loc="left", fontsize=10)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
