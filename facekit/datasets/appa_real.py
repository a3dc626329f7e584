"""APPA-REAL (Agustsson et al. 2017): 7,591 faces with their real and their apparent age, the mean of some 38 guesses.

`gt_avg_train.csv`, `gt_avg_valid.csv` and `gt_avg_test.csv` list the pictures; `<picture>_face.jpg` is the face in it,
turned upright, with a margin of 40 %.
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from facekit.core.errors import DataError
from facekit.datasets.archives import list_files, read_files
from facekit.datasets.records import Dataset, Listing, Record
from facekit.heads import YEARS, Label

_SIDES = {"train": "train", "valid": "validation", "test": "test"}  # folder -> side
_TABLE = re.compile(rf"gt_avg_({'|'.join(_SIDES)})\.csv")
_LABELS = {"age": "apparent_age_avg", "real_age": "real_age"}
_IGNORED = ("ignore_list.txt", "ignore_list.csv")  # of age-gender-estimation, and of age-estimation-pytorch
_PICTURE = re.compile(r"\d{6}\.jpg")


def list_appa_real(source: Path) -> Listing:
    """Lists the faces of a folder or an archive of APPA-REAL.

    Pictures that an `ignore_list.txt` in it names are dropped: people found that they show no face, or several.

    Raises:
        DataError: it cannot be read, or a table is missing or damaged.
    """
    files = set(list_files(source))
    tables = sorted(path for path in files if _TABLE.fullmatch(PurePosixPath(path).name))
    lists = [path for path in files if PurePosixPath(path).name in _IGNORED]
    if not tables:
        raise DataError(f"{source} has no file gt_avg_train.csv, gt_avg_valid.csv or gt_avg_test.csv. Name APPA-REAL.")
    contents = {path: content.decode("utf-8-sig", "replace") for path, content in read_files(source, [*tables, *lists])}
    ignored = {name for path in lists for name in _PICTURE.findall(contents[path])}
    records, dropped = [], Counter[str]()
    for table in tables:
        path = PurePosixPath(table)
        folder = path.stem.removeprefix("gt_avg_")
        for name, labels in _rows(f"{table} in {source}", contents[table]):
            face = (path.parent / folder / f"{name}_face.jpg").as_posix()
            if name in ignored:
                dropped[f"in {PurePosixPath(lists[0]).name}"] += 1
            elif face not in files:
                dropped["missing picture"] += 1
            else:
                records.append(Record(face, f"{folder}/{name}", name, labels, side=_SIDES[folder]))
    if not records:
        raise DataError(f"{source} has no face that its tables name, such as train/000000.jpg_face.jpg.")
    return Listing(records, partial(read_files, source), dropped)


def _rows(title: str, text: str) -> Iterator[tuple[str, dict[str, Label | None]]]:
    """Yields picture and labels of each row of a table."""
    table = csv.DictReader(text.splitlines())
    needed = {"file_name", *_LABELS.values()}
    if not needed <= set(table.fieldnames or ()):
        given = ", ".join(table.fieldnames or ()) or "an empty file"
        raise DataError(f"{title} must have the columns {', '.join(sorted(needed))}. Received: {given}.")
    for row in table:
        try:
            labels: dict[str, Label | None] = {head: float(row[column]) for head, column in _LABELS.items()}
            if not all(map(math.isfinite, labels.values())):  # type: ignore[arg-type]
                raise ValueError
        except (TypeError, ValueError) as error:
            cells = ", ".join(str(row[column]) for column in ("file_name", *_LABELS.values()))
            raise DataError(f"{title} must have ages in years. Received: {cells}. Fetch it again.") from error
        yield row["file_name"], labels


APPA_REAL = Dataset(
    title="APPA-REAL",
    schema={"age": YEARS, "real_age": YEARS},
    list_records=list_appa_real,
    usual_path="train_data/appa-real*",
    licence="research only",
    split="official",
    pictures=7_591,
    home="https://chalearnlap.cvc.uab.cat/dataset/26/description/",
    detector="blazeface",
    official_splits="gt_avg_train.csv, gt_avg_valid.csv (validation) and gt_avg_test.csv",
    also_compared={"real_age": "age"},
)
