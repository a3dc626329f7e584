"""Your own pictures in a CSV table: path, age, gender, race, or any other head's label."""

import csv
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from facekit.core.errors import DataError
from facekit.datasets.records import Dataset, Listing, Record
from facekit.datasets.utkface import GENDERS, RACES
from facekit.heads import Label

CODES = {"gender": GENDERS, "race": RACES}  # what numbers in these columns stand for
NO_LABELS = {"path", "group", "split"}  # columns with other meanings


def list_table(source: Path) -> Listing:
    """Lists the pictures of a table.

    The columns are `path` (relative to the table) and labels named after heads; an empty cell is a missing label. Ages
    are years, classes are named; numbers stand for UTKFace's genders and races, and for no other head's classes. A
    column `group` keeps e.g. all pictures of one person on one side of the split; a column `split` names the official
    side: train, validation or test.

    Args:
        source: `.csv` file, UTF-8, with a header; its cells are separated by commas, semicolons or tabs.

    Raises:
        DataError: the table cannot be read, or lacks its columns.
    """
    records, dropped = [], Counter[str]()
    for number, row in enumerate(_rows(source)):
        labels = {name: _label(name, cell) for name, cell in row.items() if name not in NO_LABELS}
        if not os.path.isfile(source.parent / row["path"]):  # unlike pathlib's, never raises
            dropped["missing picture"] += 1
            continue
        name, group, side = f"{number} {row['path']}", row.get("group") or None, row.get("split", "").lower() or None
        records.append(Record(name, row["path"], f"{number:09}", labels, group, side))
    return Listing(records, partial(_read_files, source, records), dropped)


def _read_files(source: Path, records: Collection[Record], names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    for record in records:
        if record.name in names:
            try:
                content = (source.parent / record.key).read_bytes()
            except OSError:  # e.g. no permission: counted as unreadable
                content = b""
            yield record.name, content


_DECIMAL = re.compile(r"^(-?\d+),(\d+)$")


def _rows(source: Path) -> Iterator[dict[str, str]]:
    try:
        with open(source, newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=header.count)
            table = csv.DictReader(file, delimiter=delimiter)
            columns = {name.strip().lower() for name in table.fieldnames or ()} - {""}
            if "path" not in columns or not columns - NO_LABELS:
                given = ", ".join(table.fieldnames or ()) or "an empty file"
                raise DataError(f"{source} must have a header with path and labels such as age. Received: {given}.")
            for row in table:
                cells = {
                    key.strip().lower(): (value or "").strip() for key, value in row.items() if key and key.strip()
                }
                if delimiter == ";":  # spreadsheets write it where the comma is the decimal point
                    cells = {name: _DECIMAL.sub(r"\1.\2", cell) for name, cell in cells.items()}
                yield cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{source} cannot be read as a UTF-8 CSV table: {error}.") from error


def _label(column: str, cell: str) -> Label | None:
    """Returns the label in a cell; a code becomes the class that it stands for."""
    if not cell:
        return None
    for code, name in enumerate(CODES.get(column, ())):
        if cell in (f"{code}", f"{code}.0"):  # spreadsheets write whole numbers both ways
            return name
    return cell


TABLE = Dataset(
    title="a table",
    schema={},
    list_records=list_table,
    usual_path=None,
    licence="that of the pictures in it",
    unknown="missing",  # each cell is a label of its own; a file's name in other data sets is right or wrong as a whole
    split="official",
    home="your own pictures: a .csv table of path, age, gender, race or any other label",
    official_splits="the column split, where there is one",
)
