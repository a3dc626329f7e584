"""Formats figures as a text table."""

from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from facekit.evaluation import comparison
from facekit.evaluation.metrics import (
    MEASURES,
    evaluated_heads,
    group_rows,
    main_measure_titles,
    measure_title,
    minor_error_rows,
)

_CALIBRATION = ("bias", "coverage", "ece")  # measures of how far numbers, intervals and probabilities can be trusted


def format_figures(figures: Mapping[str, Any]) -> str:
    """Formats figures as a table for people, 80 columns for age, gender and race.

    Args:
        figures: as `evaluate` returns them; `split`, `note`, and `dropped`, counts by reason, are listed if given.
    """
    names = evaluated_heads(figures)
    rows = [["records", f"{figures['n']:,}", f"split {figures['split']}" if "split" in figures else ""]]
    rows += [["note", "", figures["note"]]] if "note" in figures else []
    rows += [["dropped", f"{count:,}", reason] for reason, count in figures.get("dropped", {}).items()]
    blocks = [_align(rows, "<><")]
    blocks.append(_measure_table(figures, names, MEASURES.keys() - _CALIBRATION))
    if rows := minor_error_rows(figures):
        blocks.append(_align(rows, "<><"))
    blocks.append(_measure_table(figures, names, _CALIBRATION))
    blocks.append(_group_table(figures))
    return "\n\n".join("\n".join(block) for block in blocks if block)


def format_comparison(collections: Mapping[str, Mapping[str, Any]]) -> str:
    """Formats the figures of several collections as one table for people, a column for each.

    Args:
        collections: name -> figures as `evaluate` returns them.
    """
    figures = list(collections.values())
    notes = [f"note: {name}: {entry['note']}" for name, entry in collections.items() if "note" in entry]
    blocks = [[["", *collections], *comparison.whole_rows(figures)]]
    for name in comparison.compared_heads(figures):
        if rows := comparison.group_rows(figures, name):
            blocks.append([[comparison.head_title(figures, name)], *rows])
    lines = _align([row for block in blocks for row in ([], *block)][1:], "<" + ">" * len(collections))
    return "\n".join([*notes, *lines])


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


def _group_table(figures: Mapping[str, Any]) -> list[str]:
    titles = [f"{name} {title}" for name, title in main_measure_titles(figures)]
    rows = [["group", "", "n", *titles]]
    for block in group_rows(figures):
        rows += [[], *block]
    return _align(rows, "<<>" + ">" * len(titles))


def _align(rows: Sequence[Sequence[str]], alignment: str) -> list[str]:
    """Returns the lines of a table; `alignment` has < or > for each column, and short rows are padded."""
    columns = list(zip_longest(*rows, fillvalue=""))
    widths = [max(map(len, column)) for column in columns]
    pattern = "   ".join(f"{{:{side}{width}}}" for side, width in zip(alignment, widths, strict=False))
    return [pattern.format(*row).rstrip() for row in zip(*columns, strict=True)]
