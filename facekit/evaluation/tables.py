"""Formats figures as a text table."""

from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from facekit.evaluation.metrics import MEASURES, SHARE, evaluated_heads, main_measure, measure_title

_CALIBRATION = ("coverage", "ece")  # measures of how far intervals and probabilities can be trusted


def format_figures(figures: Mapping[str, Any]) -> str:
    """Formats figures as a table for people, 80 columns for age, gender and race.

    Args:
        figures: as `evaluate` returns them; `split`, and `dropped` with reasons and counts, are listed if given.
    """
    names = evaluated_heads(figures)
    rows = [["records", f"{figures['n']:,}", f"split {figures['split']}" if "split" in figures else ""]]
    rows += [["dropped", f"{count:,}", reason] for reason, count in figures.get("dropped", {}).items()]
    blocks = [_align(rows, "<><")]
    blocks.append(_measure_table(figures, names, MEASURES.keys() - _CALIBRATION))
    if "minors" in figures:
        minors, adults = figures["minors"], figures["adults"]
        rows = [
            ["minors called adults", SHARE.format(minors["called_adult"]), f"of {minors['n']:,}"],
            ["adults called minors", SHARE.format(adults["called_minor"]), f"of {adults['n']:,}"],
        ]
        blocks.append(_align(rows, "<><"))
    blocks.append(_measure_table(figures, names, _CALIBRATION))
    blocks.append(_group_table(figures, names))
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _measure_table(figures: Mapping[str, Any], names: Sequence[str], chosen: Collection[str]) -> list[str]:
    """Returns a line for each head that has a chosen measure: its name, then title and value of each."""
    rows = []
    for name in names:
        row = [name]
        for measure in MEASURES:
            if measure in chosen and measure in figures[name]:
                row += [measure_title(measure, figures[name]), MEASURES[measure].format(figures[name][measure])]
        rows += [row] if len(row) > 1 else []
    return _align(rows, "<" + "<>" * len(MEASURES))


def _group_table(figures: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    columns = {}  # figure of a group -> its measure
    titles = []
    for name in names:
        measure = main_measure(figures[name])
        columns[f"{name}_{measure}"] = MEASURES[measure]
        titles.append(f"{name} {measure_title(measure, figures[name])}")
    rows = [["group", "", "n", *titles]]
    for kind, groups in figures["groups"].items():
        rows.append([""] * len(rows[0]))
        for group, entry in groups.items():
            cells = [measure.format(entry[figure]) for figure, measure in columns.items()]
            rows.append([kind, group, f"{entry['n']:,}", *cells])
            kind = ""  # only the first line of a block names it
    return _align(rows, "<<>" + ">" * len(columns))


def _align(rows: Sequence[Sequence[str]], alignment: str) -> list[str]:
    """Returns the lines of a table; `alignment` has < or > for each column, and short rows are padded."""
    columns = list(zip_longest(*rows, fillvalue=""))
    widths = [max(map(len, column)) for column in columns]
    pattern = "   ".join(f"{{:{side}{width}}}" for side, width in zip(alignment, widths, strict=False))
    return [pattern.format(*row).rstrip() for row in zip(*columns, strict=True)]
