"""One's own pictures, listed in a CSV table: path, age, gender, race."""

import csv
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from facekit.core.errors import DataError
from facekit.datasets.records import Allocate, Cut, Faces, Record, in_memory, read_faces, unusable
from facekit.heads import MISSING, AgeHead, Head

_UNKNOWN = -2  # a label that is there but names no class


def read_table(source: Path, heads: Sequence[Head], size: int, cut: Cut, allocate: Allocate = in_memory) -> Faces:
    """Reads the pictures of a table.

    The columns are `path` (relative to the table) and any of the heads' names; an empty cell is a missing label. Ages
    are whole years, classes are named or numbered from 0. A column `group` keeps e.g. all pictures of one person on
    one side of the split.

    Args:
        source: `.csv` file, UTF-8, with a header.
        heads: a record whose label does not fit one of them is dropped, and counted.
        size: side of the chips, pixels.
        cut: picture -> its chip.
        allocate: makes the array of the chips.

    Raises:
        DataError: the table cannot be read, lacks its columns, or has no usable picture.
    """
    records, dropped = [], Counter[str]()
    for number, row in enumerate(_rows(source, heads)):
        labels = {head.name: _label(head, row.get(head.name.lower())) for head in heads}
        if reason := unusable(labels, heads):
            dropped[reason] += 1
        elif all(label == MISSING for label in labels.values()):
            dropped["no label"] += 1
        elif not os.path.isfile(source.parent / row["path"]):  # unlike pathlib's, never raises
            dropped["missing picture"] += 1
        else:
            name, order = f"{number} {row['path']}", f"{number:09}"
            records.append(Record(name, row["path"], order, labels, row.get("group") or None))
    if not records:
        reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items()) or "no rows"
        raise DataError(f"{source} has no usable record: {reasons}.")
    files = ((record.name, _content(source.parent / record.key)) for record in records)
    return read_faces(records, files, dropped, size, cut, allocate)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # e.g. closed to us: counted as unreadable
        return b""


def _rows(source: Path, heads: Sequence[Head]) -> Iterator[dict[str, str]]:
    try:
        with open(source, newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            columns = {name.strip().lower() for name in table.fieldnames or ()}
            names = [head.name for head in heads]
            if "path" not in columns or not columns & {name.lower() for name in names}:
                raise DataError(
                    f"{source} must have a header with path and any of {', '.join(names)}. "
                    f"Received: {', '.join(table.fieldnames or ()) or 'an empty file'}."
                )
            for row in table:
                yield {key.strip().lower(): (value or "").strip() for key, value in row.items() if key}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{source} cannot be read as a UTF-8 CSV table: {error}.") from error


def _label(head: Head, cell: str | None) -> int:
    if not cell:
        return MISSING
    names = {} if isinstance(head, AgeHead) else {name.lower(): k for k, name in enumerate(head.classes)}
    if cell.lower() in names:
        return names[cell.lower()]
    try:
        value = round(float(cell))
    except (ValueError, OverflowError):
        return _UNKNOWN
    return value if value >= 0 else _UNKNOWN
