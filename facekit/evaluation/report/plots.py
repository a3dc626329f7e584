"""Draws the report's curves with matplotlib's figure objects, without its global state."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from facekit.evaluation.metrics import error_unit


@dataclass(frozen=True)
class Palette:
    """Colours of a plot.

    Args:
        ink: of text and axes.
        guide: of grid lines.
        data: of the main values.
        other: of what they are compared with.
    """

    ink: str
    guide: str
    data: str
    other: str


LIGHT = Palette(ink="#3c4654", guide="#c9d1da", data="#1f66b0", other="#b4540a")
DARK = Palette(ink="#b9c3cf", guide="#3d4854", data="#74b3f0", other="#f0a561")
Section = Mapping[str, Any]  # of a head in report.json, and the head's `name`
Draw = Callable[[Figure, Section, Palette], None]


def plot_style(palette: Palette) -> Any:
    """Returns matplotlib's settings for a plot of this palette."""
    return {
        "font.size": 12,
        "text.color": palette.ink,
        "axes.edgecolor": palette.ink,
        "axes.labelcolor": palette.ink,
        "xtick.color": palette.ink,
        "ytick.color": palette.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": palette.guide,
        "legend.frameon": False,
    }


def draw_svg(draw: Draw, section: Section, palette: Palette) -> bytes:
    """Draws a section as an SVG."""
    style = {"svg.fonttype": "none", "svg.hashsalt": "report", **plot_style(palette)}
    text = io.StringIO()
    with mpl.rc_context(style):
        figure = render(draw, section, palette)
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return text.getvalue().replace("'DejaVu Sans'", "system-ui").encode()


def render(draw: Draw, section: Section, palette: Palette) -> Figure:
    """Draws a section, with its legend above the axes, where no value can lie."""
    figure = Figure(figsize=(5.6, 3.7), layout="constrained")
    draw(figure, section, palette)
    if any(axes.get_legend_handles_labels()[1] for axes in figure.axes):
        figure.legend(loc="outside upper left", ncols=2)
    return figure


def error_by_band(figure: Figure, section: Section, palette: Palette) -> None:
    """Plots the absolute and the signed error of a number in each band."""
    bands = section["bands"]
    axes = _axes(figure, f"labelled {section['name']}", error_unit(section["measures"]) or "error")
    positions, errors = range(len(bands)), [band["mae"]["value"] for band in bands.values()]
    axes.errorbar(
        positions, errors, _error_bars([band["mae"] for band in bands.values()]), fmt="o", color=palette.data,
        capsize=3, label="mean absolute error",
    )  # fmt: skip
    axes.plot(
        positions, [band["bias"] for band in bands.values()], "D", color=palette.other, mfc="none", label="mean error"
    )
    axes.axhline(0, color=palette.ink, linewidth=0.8)
    axes.set_xticks(positions, [f"{name}\nn {band['n']:,}" for name, band in bands.items()])
    axes.tick_params(axis="x", length=0, labelsize=9.5)


def cumulative_score(figure: Figure, section: Section, palette: Palette) -> None:
    """Plots the share of errors of a number that are at most so large."""
    axes = _axes(figure, f"error of at most … {error_unit(section['measures'])}".rstrip(), "share of chips")
    errors, share = section["cumulative"]["years"], section["cumulative"]["share"]
    axes.plot(errors, share, color=palette.data, linewidth=2)
    marked = (1, 5, 10)
    axes.plot([errors[index] for index in marked], [share[index] for index in marked], "o", color=palette.data)
    title = ", ".join(f"{share[index]:.0%} within {errors[index]:g}" for index in marked)
    axes.set_title(title, loc="left", fontsize="medium", color=palette.ink)
    _percent(axes.yaxis)
    axes.set_xlim(0, errors[-1])
    axes.set_ylim(0, 1.02)


def coverage(figure: Figure, section: Section, palette: Palette) -> None:
    """Plots the share of labels inside the central interval of each level."""
    axes = _square_axes(figure, "level of the interval", "labels inside it", palette)
    axes.plot(section["levels"]["nominal"], section["levels"]["share"], "o-", color=palette.data, markersize=4)


def pit(figure: Figure, section: Section, palette: Palette) -> None:
    """Plots where the labels lie in the answered distributions."""
    axes = _axes(figure, f"share of the distribution below the labelled {section['name']}", "share of chips")
    share = section["pit"]
    width = 1 / len(share)
    axes.bar([(number + 0.5) * width for number in range(len(share))], share, 0.9 * width, color=palette.data)
    axes.axhline(width, color=palette.other, linestyle="--", label="perfectly calibrated")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.1 * max(*share, width))
    _percent(axes.xaxis)
    _percent(axes.yaxis)


def reliability(figure: Figure, section: Section, palette: Palette) -> None:
    """Plots how often a class is right at each probability; larger dots stand for more answers."""
    bins = [entry for entry in section["reliability"] if entry["n"]]
    axes = _square_axes(figure, "probability of the answer", "answers that are right", palette)
    confidence, accuracy = [entry["confidence"] for entry in bins], [entry["accuracy"] for entry in bins]
    values, most = [entry["value"] for entry in accuracy], max(entry["n"] for entry in bins)
    axes.errorbar(confidence, values, _error_bars(accuracy), color=palette.data, linewidth=1, alpha=0.6, fmt="none")
    axes.scatter(confidence, values, [12 + 110 * entry["n"] / most for entry in bins], color=palette.data, zorder=3)
    axes.set_xlim(min(*confidence, 0.85) - 0.05, 1.02)


def _axes(figure: Figure, x_label: str, y_label: str) -> Axes:
    axes = figure.add_subplot(xlabel=x_label, ylabel=y_label)
    axes.grid(axis="y", linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def _square_axes(figure: Figure, x_label: str, y_label: str, palette: Palette) -> Axes:
    """Makes axes of two shares that should be equal."""
    axes = _axes(figure, x_label, y_label)
    axes.plot([0, 1], [0, 1], "--", color=palette.other, linewidth=1.2, label="perfectly calibrated")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    _percent(axes.xaxis)
    _percent(axes.yaxis)
    return axes


def _percent(axis: Any) -> None:
    axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))  # steps of 2.5% would be written as 2%, 5%, 8%
    axis.set_major_formatter(PercentFormatter(1, decimals=0))


def _error_bars(entries: Sequence[Section]) -> list[list[float]]:
    """Returns how far the intervals reach below and above their values."""
    below = [max(0.0, entry["value"] - entry["interval"][0]) for entry in entries]
    return [below, [max(0.0, entry["interval"][1] - entry["value"]) for entry in entries]]
