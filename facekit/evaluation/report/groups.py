"""The page's section on who is estimated how well: one table for each head, gender x race down, age bands across."""

from collections.abc import Mapping
from html import escape
from typing import Any

from facekit.evaluation.metrics import MEASURES, main_measure, written
from facekit.evaluation.report.html import between, heat_cell, heat_table

Numbers = Mapping[str, Any]


def crossed_tables(numbers: Numbers) -> str:
    """What was crossed, and a table for each head."""
    crossed = numbers["crossed"]
    by = " &times; ".join(map(escape, crossed["by"]))
    parts = [
        f"<p>By labelled {by}, with the 95% interval and n of each cell: the stronger the ground, the more errors. The "
        f"worst cell is framed. Cells of fewer than {crossed['least']} chips are grey, and neither worst nor best.</p>"
    ]
    for name, section in numbers["heads"].items():
        measure = main_measure(section["measures"])
        title, pattern = MEASURES[measure]
        parts.append(f"<h3>{escape(name.capitalize())}: {title}</h3>")
        if name in crossed["extremes"]:
            parts.append(f"<p>{escape(_extremes(crossed, name, measure, pattern))}</p>")
        parts.append(_table(crossed, name, measure, pattern))
    return "\n".join(parts)


def _extremes(crossed: Numbers, name: str, measure: str, pattern: str) -> str:
    found = crossed["extremes"][name]
    worst, best = (_described(crossed["cells"][found[which]], name, pattern) for which in ("worst", "best"))
    gap = f"{found['gap']:.2f} years" if measure == "mae" else f"{100 * found['gap']:.1f} percentage points"
    return f"Worst: {worst}. Best: {best}. Largest gap: {gap}."


def _described(cell: Numbers, name: str, pattern: str) -> str:
    entry = cell["measures"][name]
    said = between(pattern, entry["interval"])
    return f"{', '.join(cell['group'])}, {written(pattern, entry['value'])} ({said}, n {entry['n']:,})"


def _table(crossed: Numbers, name: str, measure: str, pattern: str) -> str:
    cells, worst = crossed["cells"], crossed["extremes"].get(name, {}).get("worst")
    counted = [cell["measures"][name]["value"] for cell in cells if cell["measures"][name]["n"] >= crossed["least"]]
    most = max(counted, default=1.0) or 1.0
    # The last thing crossed goes across: the age bands, where age is answered.
    columns = list(dict.fromkeys(cell["group"][-1] for cell in cells))
    rows: dict[str, dict[str, str]] = {}
    for number, cell in enumerate(cells):
        entry = cell["measures"][name]
        few = entry["n"] < crossed["least"]
        share = 0.0 if few else entry["value"] / most if measure == "mae" else 1 - entry["value"]
        kind = "few" if few else "worst" if number == worst else ""
        notes = [between(pattern, entry["interval"]), f"n {entry['n']:,}"]
        row = rows.setdefault(", ".join(cell["group"][:-1]) or "all", {})
        row[cell["group"][-1]] = heat_cell(written(pattern, entry["value"]), notes, share, kind)
    lines = {
        row: [cells.get(column, heat_cell("", ["n 0"], 0, "few")) for column in columns] for row, cells in rows.items()
    }
    return heat_table("bad", "", columns, lines)
