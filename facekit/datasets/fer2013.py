"""FER2013 (Goodfellow et al. 2013): 35,887 grey faces of 48x48 pixels with one of seven expressions.

It is published as one table, `fer2013.csv` with the columns emotion, pixels and Usage, and spread as folders of its
pictures, `train/angry/Training_10118481.jpg`. Both have the same official split: Training, PublicTest, PrivateTest.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from facekit.core.errors import DataError
from facekit.core.text import reasons_text
from facekit.datasets.archives import list_files, read_files
from facekit.datasets.records import Dataset, Listing, Record

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # by their codes in the table
SIDE = 48  # of the pictures, pixels
# The table's Usage, and the first word of a picture's name -> side of the official split.
_SIDES = {"training": "train", "publictest": "validation", "privatetest": "test"}
_FOLDERS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
_SUFFIXES = {".jpg", ".jpeg", ".png"}


def list_fer2013(source: Path) -> Listing:
    """Lists the faces of `fer2013.csv`, or of a folder or archive that holds it or the pictures.

    Args:
        source: the table; or a folder, `.tar`, `.tar.gz`, `.tar.xz` or `.zip`.

    Raises:
        DataError: it cannot be read, has no face, or its table is none of FER2013.
    """
    if source.suffix.lower() == ".csv":
        return _list_table(source, None)
    names = list_files(source)
    tables = [name for name in names if PurePosixPath(name).suffix.lower() == ".csv"]
    published = [name for name in tables if PurePosixPath(name).name.lower() == "fer2013.csv"]
    pictures = [name for name in names if PurePosixPath(name).suffix.lower() in _SUFFIXES]
    if published or (len(tables) == 1 and not any(map(_expression, pictures))):
        return _list_table(source, (published or tables)[0])
    return _list_pictures(source, pictures)


def _expression(name: str) -> str | None:
    """Returns the expression that a picture's folder is named after."""
    folder = PurePosixPath(name).parent.name.lower()
    return folder if folder in EXPRESSIONS else None


def _list_pictures(source: Path, names: list[str]) -> Listing:
    """Lists pictures by the folder of their expression."""
    records, dropped = [], Counter[str]()
    for name in names:
        path = PurePosixPath(name)
        if expression := _expression(name):
            key = f"{expression}/{path.name}"  # as two names occur under two expressions
            records.append(Record(name, key, key, {"expression": expression}, side=_side(path)))
        else:
            dropped["not in a folder of an expression"] += 1
    if not records:
        raise DataError(
            f"{source} must have fer2013.csv, or folders named {', '.join(EXPRESSIONS)}. "
            f"Received: {dropped.total()} pictures in other folders."
        )
    return Listing(records, partial(read_files, source), dropped)


def _side(path: PurePosixPath) -> str | None:
    """Returns the official side that a picture's name tells, else one of its folders."""
    side = _SIDES.get(re.split(r"[_\d]", path.name)[0].lower())
    folders = (_FOLDERS.get(part.lower()) for part in reversed(path.parts[:-2]))
    return side or next(filter(None, folders), None)


def _list_table(source: Path, member: str | None) -> Listing:
    """Lists the rows of the table that `source` is, or holds as `member`."""
    records, dropped = [], Counter[str]()
    for number, row in enumerate(_rows(source, member)):
        usage, code = row["usage"].strip(), row["emotion"].strip()
        if not re.fullmatch(r"[0-6]", code):
            dropped["unknown expression"] += 1
        elif len(row["pixels"].split()) != SIDE**2:
            dropped["ragged row of pixels"] += 1
        else:
            name, side = f"{usage}/{number:05}", _SIDES.get(usage.lower())
            records.append(Record(name, name, f"{number:05}", {"expression": EXPRESSIONS[int(code)]}, side=side))
    if not records:
        raise DataError(f"{source} has no usable row: {reasons_text(dropped, 'no rows')}. Fetch fer2013.csv again.")
    return Listing(records, partial(_read_rows, source, member), dropped)


def _read_rows(source: Path, member: str | None, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yields the pictures of the table as the content of grey files."""
    for number, row in enumerate(_rows(source, member)):
        name = f"{row['usage'].strip()}/{number:05}"
        if name in names:
            try:
                pixels = bytes(map(int, row["pixels"].split()))
            except ValueError:  # not numbers of 0 to 255: counted as unreadable
                pixels = b""
            yield name, b"P5 %d %d 255\n" % (SIDE, SIDE) + pixels


def _rows(source: Path, member: str | None) -> Iterator[dict[str, str]]:
    """Yields the rows of the table; the titles of some editions have blanks and other capitals."""
    try:
        if member is None:
            file: io.TextIOBase = open(source, newline="", encoding="utf-8-sig")
        else:
            ((_, content),) = read_files(source, [member])
            file = io.StringIO(content.decode("utf-8-sig"), newline="")
        with file:
            table = csv.DictReader(file)
            titles = [title.strip().lower() for title in table.fieldnames or ()]
            if missing := {"emotion", "pixels", "usage"} - {*titles}:
                raise DataError(
                    f"{source} must have the columns emotion, pixels and Usage. Received: {', '.join(titles) or 'none'}"
                    f", without {', '.join(sorted(missing))}."
                )
            table.fieldnames = titles
            for row in table:
                yield {title: row[title] or "" for title in ("emotion", "pixels", "usage")}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{source} cannot be read as a CSV table: {error}. Fetch fer2013.csv again.") from error


FER2013 = Dataset(
    title="FER2013",
    schema={"expression": EXPRESSIONS},
    list_records=list_fer2013,
    usual_path="train_data/*[Ff][Ee][Rr]2013*",
    licence="non-commercial research only",
    split="official",
    pictures=35_887,
    # 40 of 48 pixels. The median face has its eyes at 41 % of the height and its nose's base at 65 %, where UTKFace's
    # chips have them at 31 and 59 % (176 and 120 pictures in which BlazeFace finds the face).
    frame=(4 / 48, 7 / 48, 44 / 48, 47 / 48),
    home="https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge",
    official_splits="Training, PublicTest (validation) and PrivateTest (test)",
)
