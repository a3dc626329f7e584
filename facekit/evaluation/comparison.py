"""Puts the figures of several collections side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from facekit.evaluation.metrics import (
    MEASURES,
    MINOR_ERRORS,
    SHARE,
    UNKNOWN,
    evaluated_heads,
    main_measure,
    measure_title,
    minor_errors,
)

Figures = Mapping[str, Any]
Row = list[str]


def whole_rows(collections: Sequence[Figures]) -> list[Row]:
    """Returns a row for each figure of whole collections: its title, and its value in each collection.

    Args:
        collections: figures as `evaluate` returns them.
    """
    rows = [["records", *(f"{figures['n']:,}" for figures in collections)]]
    for name, measures in _heads(collections).items():
        for key, measure in MEASURES.items():
            if key in measures:
                values = [figures.get(name, {}).get(key) for figures in collections]
                rows.append([f"{name}: {measure_title(key, measures)}", *map(measure.format, values)])
    errors = [minor_errors(figures) for figures in collections]
    for title in MINOR_ERRORS:
        rows.append([title, *(SHARE.format(known.get(title, (None, 0))[0]) for known in errors)])
    return _known(rows)


def group_rows(collections: Sequence[Figures], name: str) -> list[Row]:
    """Returns a row for each group of people: kind and group, and in each collection the head's figure of it, with n.

    Args:
        collections: figures as `evaluate` returns them.
        name: of the head.
    """
    key = main_measure(_heads(collections)[name])
    rows = []
    for kind, group in _groups(collections):
        entries = [figures["groups"].get(kind, {}).get(group, {}) for figures in collections]
        rows.append([f"{kind} {group}", *(_cell(entry, name, key) for entry in entries)])
    return _known(rows)


def _known(rows: list[Row]) -> list[Row]:
    """Returns the rows with a value in any collection."""
    return [row for row in rows if set(row[1:]) != {UNKNOWN}]


def _cell(entry: Figures, name: str, key: str) -> str:
    value, bias = entry.get(f"{name}_{key}"), entry.get(f"{name}_bias")
    if value is None:
        return UNKNOWN
    signed = "" if bias is None else f" ({MEASURES['bias'].format(bias)})"
    return f"{MEASURES[key].format(value)}{signed}, n {entry['n']:,}"


def head_title(collections: Sequence[Figures], name: str) -> str:
    """Returns the title of a head's figures of groups, such as "age: MAE, years (mean error)"."""
    measures = _heads(collections)[name]
    title = f"{name}: {measure_title(main_measure(measures), measures)}"
    return f"{title} ({MEASURES['bias'].title})" if "bias" in measures else title


def compared_heads(collections: Sequence[Figures]) -> list[str]:
    """Returns the names of the heads that any of the collections evaluates."""
    return list(_heads(collections))


def _heads(collections: Sequence[Figures]) -> dict[str, Figures]:
    """Returns head's name -> its measures in the first collection that evaluates it."""
    heads: dict[str, Figures] = {}
    for figures in collections:
        for name in evaluated_heads(figures):
            heads.setdefault(name, figures[name])
    return heads


def _groups(collections: Sequence[Figures]) -> list[tuple[str, str]]:
    """Returns kind and name of each group of any collection."""
    return list(
        dict.fromkeys(
            (kind, group) for figures in collections for kind, groups in figures["groups"].items() for group in groups
        )
    )
