"""Writes the distributions of a data set's labels as plots and as a table."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facekit.core.files import atomic_path, writable_folder, write_rows, writing
from facekit.core.lazy_imports import from_extra
from facekit.core.text import file_stem
from facekit.training.distributions import Distribution, Inspection

with from_extra("train"):
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    from facekit.evaluation.report.plots import LIGHT, plot_style

TABLE = "distributions.csv"
COLUMNS = ("head", "class", "pictures", "share", "balanced_share")
_TURNED = 8  # classes; of more, the names are turned


def write_inspection(inspection: Inspection, folder: Path) -> list[Path]:
    """Writes a plot of each distribution, and one table of all.

    Args:
        inspection: of a data set.
        folder: for `<head>.png` and `distributions.csv`, which replace former ones.

    Returns:
        The files.

    Raises:
        FaceKitError: they cannot be written.
    """
    writable_folder(folder, argument="output")
    paths = [folder / TABLE]
    write_rows(paths[0], [COLUMNS, *_rows(inspection)])
    with mpl.rc_context(plot_style(LIGHT)):
        for distribution in inspection.distributions:
            figure = plot_distribution(distribution, inspection)
            FigureCanvasAgg(figure)
            paths.append(folder / f"{file_stem(distribution.name)}.png")
            with writing(paths[-1]), atomic_path(paths[-1]) as temporary:
                figure.savefig(temporary, dpi=100)
    return paths


def plot_distribution(distribution: Distribution, inspection: Inspection) -> Figure:
    """Plots the share of each class as it is, and with balanced sampling beside it."""
    k = len(distribution.classes)
    figure = Figure(figsize=(max(5.6, 1.6 + 0.75 * k), 4.2), layout="constrained")
    axes = figure.add_subplot(ylabel="share of the labelled pictures")
    axes.grid(axis="y", linewidth=0.8)
    axes.set_axisbelow(True)
    known = int(distribution.counts.sum())
    balanced = f"balanced by {inspection.by}, {inspection.balance:g}"
    parts = (("as it is", distribution.share, LIGHT.data), (balanced, distribution.balanced, LIGHT.other))
    for side, (label, share, colour) in zip((-0.2, 0.2), parts, strict=True):
        bars = axes.bar(np.arange(k) + side, share, 0.38, color=colour, label=label)
        texts = [f"{100 * value:.1f}" if value < 0.0995 else f"{100 * value:.0f}" for value in share]
        axes.bar_label(bars, texts, padding=2, fontsize=8, color=colour)
    axes.set_xticks(range(k), distribution.classes, rotation=30 if k > _TURNED else 0)
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_title(f"{inspection.title}: {distribution.name}, {known:,} labels", loc="left", fontsize="medium")
    figure.legend(loc="outside lower left", ncols=2)
    return figure


def _rows(inspection: Inspection) -> Iterator[tuple[object, ...]]:
    for each in inspection.distributions:
        for name, count, share, balanced in zip(each.classes, each.counts, each.share, each.balanced, strict=True):
            yield each.name, name, int(count), round(float(share), 6), round(float(balanced), 6)
