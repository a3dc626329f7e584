"""Renders the page's tables of intersections: for each head, gender and race down, age bands across."""

from collections.abc import Mapping
from html import escape
from typing import Any

from facekit.evaluation.metrics import MEASURES, Measure, error_unit, main_measure, measure_title
from facekit.evaluation.report.html import format_interval, heat_cell, heat_table

Numbers = Mapping[str, Any]


def group_tables(numbers: Numbers) -> str:
    """Renders an introduction, and a table for each head."""
    intersections = numbers["crossed"]
    by = " &times; ".join(map(escape, intersections["by"]))
    parts = [
        f"<p>By labelled {by}, with the 95% interval and n of each cell: the stronger the colour, the more errors. The "
        f"worst cell is framed. Cells of fewer than {intersections['least']} chips are grey, and are neither worst nor "
        "best.</p>"
    ]
    for name, section in numbers["heads"].items():
        measures = section["measures"]
        key = main_measure(measures)
        parts.append(f"<h3>{escape(name.capitalize())}: {measure_title(key, measures)}</h3>")
        if name in intersections["extremes"]:
            parts.append(f"<p>{escape(_extremes(intersections, name, MEASURES[key], error_unit(measures)))}</p>")
        parts.append(_table(intersections, name, MEASURES[key]))
    return "\n".join(parts)


def _extremes(intersections: Numbers, name: str, measure: Measure, unit: str) -> str:
    found = intersections["extremes"][name]
    worst, best = (_describe(intersections["cells"][found[which]], name, measure) for which in ("worst", "best"))
    gap = f"{100 * found['gap']:.1f} percentage points" if measure.is_share else measure.format(found["gap"])
    return f"Worst: {worst}. Best: {best}. Largest gap: {gap}{unit and ' ' + unit}."


def _describe(cell: Numbers, name: str, measure: Measure) -> str:
    entry = cell["measures"][name]
    interval = format_interval(measure, entry["interval"])
    return f"{', '.join(cell['group'])}, {measure.format(entry['value'])} ({interval}, n {entry['n']:,})"


def _table(intersections: Numbers, name: str, measure: Measure) -> str:
    cells, worst = intersections["cells"], intersections["extremes"].get(name, {}).get("worst")
    counted = [
        cell["measures"][name]["value"] for cell in cells if cell["measures"][name]["n"] >= intersections["least"]
    ]
    largest = max(counted, default=1.0) or 1.0
    # The last of the heads that people are grouped by goes across: the age bands, where age is answered.
    columns = list(dict.fromkeys(cell["group"][-1] for cell in cells))
    rows: dict[str, dict[str, str]] = {}
    for index, cell in enumerate(cells):
        entry = cell["measures"][name]
        few = entry["n"] < intersections["least"]
        strength = 0.0 if few else 1 - entry["value"] if measure.higher_is_better else entry["value"] / largest
        kind = "few" if few else "worst" if index == worst else ""
        notes = [format_interval(measure, entry["interval"]), f"n {entry['n']:,}"]
        row = rows.setdefault(", ".join(cell["group"][:-1]) or "all", {})
        row[cell["group"][-1]] = heat_cell(measure.format(entry["value"]), notes, strength, kind)
    lines = {
        row: [cells.get(column, heat_cell("", ["n 0"], 0, "few")) for column in columns] for row, cells in rows.items()
    }
    return heat_table("bad", "", columns, lines)
