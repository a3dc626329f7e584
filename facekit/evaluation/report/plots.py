"""The report's curves, drawn by matplotlib. No state of its own is used: each figure is an object."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter


@dataclass(frozen=True)
class Palette:
    """Colours of text and axes, of lines that only guide, of the data, and of what they are set against."""

    ink: str
    guide: str
    data: str
    other: str


LIGHT = Palette(ink="#3c4654", guide="#c9d1da", data="#1f66b0", other="#b4540a")
DARK = Palette(ink="#b9c3cf", guide="#3d4854", data="#74b3f0", other="#f0a561")
Section = Mapping[str, Any]
Draw = Callable[[Figure, Section, Palette], None]


def data_uri(draw: Draw, section: Section, palette: Palette) -> str:
    """A drawn section as an SVG that lies within the page."""
    style: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "report",
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
    text = io.StringIO()
    with mpl.rc_context(style):
        figure = Figure(figsize=(5.6, 3.7), layout="constrained")
        draw(figure, section, palette)
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue().replace("'DejaVu Sans'", "system-ui")
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def error_by_band(figure: Figure, section: Section, palette: Palette) -> None:
    """Age: the absolute and the signed error in each age band."""
    axes, bands = _axes(figure, "labelled age", "years"), section["bands"]
    places, errors = range(len(bands)), [band["mae"]["value"] for band in bands.values()]
    axes.errorbar(
        places, errors, _reach([band["mae"] for band in bands.values()]), fmt="o", color=palette.data, capsize=3,
        label="mean absolute error",
    )  # fmt: skip
    axes.plot(
        places, [band["bias"] for band in bands.values()], "D", color=palette.other, mfc="none", label="mean error"
    )
    axes.axhline(0, color=palette.ink, linewidth=0.8)
    axes.set_xticks(places, [f"{name}\nn {band['n']:,}" for name, band in bands.items()])
    axes.tick_params(axis="x", length=0, labelsize=9.5)
    axes.legend(loc="upper left")


def cumulative_score(figure: Figure, section: Section, palette: Palette) -> None:
    """Age: how many errors are at most so many years."""
    axes = _axes(figure, "error of at most … years", "share of chips")
    years, share = section["cumulative"]["years"], section["cumulative"]["share"]
    axes.plot(years, share, color=palette.data, linewidth=2)
    for year in (1, 5, 10):
        axes.plot(year, share[year], "o", color=palette.data)
        axes.annotate(f"{share[year]:.0%} within {year}", (year, share[year]), (8, -12), textcoords="offset points")
    _percent(axes.yaxis)
    axes.set_xlim(0, years[-1])
    axes.set_ylim(0, 1)


def coverage(figure: Figure, section: Section, palette: Palette) -> None:
    """Age: how many labels lie inside the central interval of each level."""
    axes = _square(figure, "level of the interval", "labels inside it", palette)
    axes.plot(section["levels"]["nominal"], section["levels"]["share"], "o-", color=palette.data, markersize=4)


def pit(figure: Figure, section: Section, palette: Palette) -> None:
    """Age: where the labels lie in the distributions that were answered."""
    axes, share = _axes(figure, "share of the distribution below the labelled age", "share of chips"), section["pit"]
    width = 1 / len(share)
    axes.bar([(place + 0.5) * width for place in range(len(share))], share, 0.9 * width, color=palette.data)
    axes.axhline(width, color=palette.other, linestyle="--", label="perfectly calibrated")
    axes.set_ylim(0, 1.35 * max(*share, width))
    axes.legend(loc="upper center")
    _percent(axes.xaxis)
    _percent(axes.yaxis)


def reliability(figure: Figure, section: Section, palette: Palette) -> None:
    """A class head: how often it is right at each probability, and how many answers have it."""
    bins = [entry for entry in section["reliability"] if entry["n"]]
    axes = _square(figure, "probability of the answer", "answers that are right", palette)
    confidence, accuracy = [entry["confidence"] for entry in bins], [entry["accuracy"] for entry in bins]
    values, most = [entry["value"] for entry in accuracy], max(entry["n"] for entry in bins)
    axes.errorbar(confidence, values, _reach(accuracy), color=palette.data, linewidth=1, alpha=0.6, fmt="none")
    axes.scatter(confidence, values, [12 + 110 * entry["n"] / most for entry in bins], color=palette.data, zorder=3)
    axes.set_xlim(min(confidence) - 0.05, 1.02)


def _axes(figure: Figure, across: str, up: str) -> Axes:
    axes = figure.add_subplot(xlabel=across, ylabel=up)
    axes.grid(axis="y", linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def _square(figure: Figure, across: str, up: str, palette: Palette) -> Axes:
    """Axes of two shares that should be equal."""
    axes = _axes(figure, across, up)
    axes.plot([0, 1], [0, 1], "--", color=palette.other, linewidth=1.2, label="perfectly calibrated")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    _percent(axes.xaxis)
    _percent(axes.yaxis)
    axes.legend(loc="upper left")
    return axes


def _percent(axis: Any) -> None:
    axis.set_major_formatter(PercentFormatter(1, decimals=0))


def _reach(entries: Sequence[Section]) -> list[list[float]]:
    """How far intervals reach below and above their values."""
    below = [max(0.0, entry["value"] - entry["interval"][0]) for entry in entries]
    return [below, [max(0.0, entry["interval"][1] - entry["value"]) for entry in entries]]
