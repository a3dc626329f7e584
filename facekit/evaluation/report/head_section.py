"""Renders the page's section on one head: plots and tables of whatever the head reports."""

from collections.abc import Mapping
from typing import Any

from facekit.evaluation.metrics import MEASURES, error_unit, measure_title
from facekit.evaluation.report import plots
from facekit.evaluation.report.html import figure, format_interval, heat_cell, heat_table, plot, table
from facekit.heads import INTERVAL

Section = Mapping[str, Any]
# Key of a section -> how it is drawn, the plot's title, and a note.
_PLOTS: dict[str, tuple[plots.Draw, str, str]] = {
    "bands": (
        plots.error_by_band,
        "Error by {name} band",
        "Below zero: estimates are too low. Bars: 95% intervals.",
    ),
    "cumulative": (
        plots.cumulative_score,
        "Cumulative score",
        "How many estimates are off by at most this much.",
    ),
    "levels": (
        plots.coverage,
        "Are the intervals as wide as they should be?",
        "Labels inside the central interval of each level.",
    ),
    "pit": (
        plots.pit,
        "Where the label lies in the estimated distribution",
        "Level: as it should be. Heaped in the middle: too wide. Heaped at the ends: too narrow.",
    ),
    "reliability": (
        plots.reliability,
        "Can the probabilities be trusted?",
        "{calibration}Larger dots: more answers. Bars: 95% intervals.",
    ),
}


def head_section(name: str, section: Section) -> str:
    """Renders the section of a head.

    Args:
        name: of the head.
        section: as in report.json; a part that it lacks is left out.
    """
    texts = {"name": name, "calibration": _calibration(section)}
    figures = [_confusion(section)] if len(section["groups"]) > 1 else []
    for key, (draw, title, note) in _PLOTS.items():
        if key in section:
            figures.append(plot(draw, {"name": name, **section}, title.format(**texts), note.format(**texts)))
    parts = [_coverage(section) if "interval_width" in section else ""]
    parts += [f'<div class="plots">{"".join(figures)}</div>'] if figures else []
    parts.append(_bands(section) if "bands" in section else _table(section))
    return "".join(parts)


def _calibration(section: Section) -> str:
    if "ece_by_chance" not in section:
        return ""
    error = MEASURES["ece"].format(section["measures"]["ece"]["value"])
    return f"Calibration error {error}; by chance {section['ece_by_chance']:.3f}. "


def _coverage(section: Section) -> str:
    measure, inside = MEASURES["coverage"], section["measures"]["coverage"]
    width = f"{section['interval_width']:.1f} {error_unit(section['measures'])}"
    return (
        f"<p>The {INTERVAL:.0%} interval that comes with each estimate holds {measure.format(inside['value'])} of the "
        f"labels ({format_interval(measure, inside['interval'])}) and is {width} wide on average.</p>"
    )


def _confusion(section: Section) -> str:
    rows = {}
    for name, counts in zip(section["groups"], section["confusion"], strict=True):
        shares = [count / max(sum(counts), 1) for count in counts]
        cells = [heat_cell(f"{share:.1%}", [f"{count:,}"], share) for count, share in zip(counts, shares, strict=True)]
        rows[f"{name}, n {sum(counts):,}"] = cells
    note = "Down: labelled. Across: estimated, of those labelled so."
    return figure("What is estimated as what", note, heat_table("good", "", section["groups"], rows))


def _table(section: Section) -> str:
    """Renders the figures of each class, and their means."""
    first, *columns = section["table"][0]
    rows = []
    for entry in section["table"]:
        values = [entry[column] for column in columns]
        texts = [
            "-" if value is None else f"{value:.1%}" if isinstance(value, float) else f"{value:,}" for value in values
        ]
        rows.append([entry[first], *texts])
    return table([first, *columns], rows)


def _bands(section: Section) -> str:
    """Renders the errors in each band of a number, and the coverage where there are intervals."""
    mae, coverage = MEASURES["mae"], MEASURES["coverage"]
    head = ["labelled", "n", measure_title("mae", section["measures"]), "95% interval", "mean error"]
    has_coverage = all("coverage" in band for band in section["bands"].values())
    if has_coverage:
        head += [f"in {INTERVAL:.0%} interval", "95% interval"]
    rows = []
    for name, band in section["bands"].items():
        row = [name, f"{band['n']:,}", mae.format(band["mae"]["value"]), format_interval(mae, band["mae"]["interval"])]
        row.append(f"{band['bias']:+.2f}")
        if has_coverage:
            share = band["coverage"]
            row += [coverage.format(share["value"]), format_interval(coverage, share["interval"])]
        rows.append(row)
    return table(head, rows)
