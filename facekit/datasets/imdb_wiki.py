"""IMDB-WIKI (Rothe, Timofte, Van Gool 2015, DEX): 460,723 and 62,328 pictures of celebrities, cropped with a margin.

`imdb.mat` and `wiki.mat` lie beside the pictures. Ages follow from the date of birth and the year of the picture.
"""

from collections import Counter
from datetime import date
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import DataError
from facekit.core.text import reasons_text
from facekit.datasets.archives import list_files, read_files
from facekit.datasets.matlab import read_matlab
from facekit.datasets.records import Dataset, Listing, Record
from facekit.heads import YEARS, Label

GENDERS = ("Female", "Male")  # by their codes: the other way round than in UTKFace
LEAST_SCORE = 1.0  # of the detector: below it, the crop often shows no face
OLDEST = 100  # years; ages beyond it are wrong dates
_FIRST_DAY = 366  # MATLAB's number of the day before 1 January of the year 1
_LAST_DAY = date.max.toordinal()
_JULY = 7  # pictures count as taken in the middle of their year
_NUMBERS = ("dob", "photo_taken", "gender", "face_score", "second_face_score")
_TEXTS = ("full_path", "name")
# Reasons why a picture is not used, in the order in which they are looked for.
_NO_FACE, _TWO_FACES, _NO_GENDER = "no face, or a doubtful one", "second face", "unknown gender"
_WRONG_AGE, _MISSING = f"age outside 0 to {OLDEST}", "missing picture"


def list_imdb_wiki(name: str, source: Path) -> Listing:
    """Lists the pictures of a folder or an archive of one of the two parts.

    Args:
        name: "imdb" or "wiki".
        source: holds `<name>.mat` and the pictures.

    Raises:
        DataError: it cannot be read, the table is missing, damaged or another one, or no picture can be used.
        MissingExtraError: SciPy is not installed.
    """
    files = set(list_files(source))
    tables = sorted(path for path in files if PurePosixPath(path).name == f"{name}.mat")
    if not tables:
        raise DataError(f"{source} has no file {name}.mat. Name the folder or archive that holds it and the pictures.")
    table = tables[0]
    columns = _read_table(f"{table} in {source}", name, dict(read_files(source, [table]))[table])
    ages, folder = _ages(columns["dob"], columns["photo_taken"]), PurePosixPath(table).parent
    paths = [(folder / path).as_posix() for path in columns["full_path"]]
    reasons = _reasons(columns, ages, np.array([path not in files for path in paths], bool))
    records = []
    for index in np.flatnonzero(reasons == "").tolist():
        labels: dict[str, Label | None] = {"age": int(ages[index]), "gender": GENDERS[int(columns["gender"][index])]}
        path, person, score = (columns[name][index] for name in ("full_path", "name", "face_score"))
        records.append(Record(paths[index], path, path, labels, group=person or None, score=float(score)))
    dropped = Counter[str](reasons[reasons != ""].tolist())
    if not records:
        found = reasons_text(dropped, "an empty table")
        raise DataError(f"{table} in {source} has no usable picture: {found}.")
    return Listing(records, partial(read_files, source), dropped)


def _reasons(columns: dict[str, Any], ages: NDArray[np.float64], is_missing: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Returns why each picture (n,) is not used, also where a number is NaN; empty if it is used."""
    with np.errstate(invalid="ignore"):
        conditions = [
            ~(columns["face_score"] >= LEAST_SCORE),
            columns["second_face_score"] > 0,
            ~np.isin(columns["gender"], (0, 1)),
            ~((ages >= 0) & (ages <= OLDEST)),
            is_missing,
        ]
    return np.select(conditions, [_NO_FACE, _TWO_FACES, _NO_GENDER, _WRONG_AGE, _MISSING], "")


def _read_table(title: str, name: str, content: bytes) -> dict[str, Any]:
    """Reads the columns that are used: numbers as float64 (n,), texts as lists."""
    variables = read_matlab(content, [name], title)
    try:
        struct = variables[name][0, 0]
        columns: dict[str, Any] = {field: struct[field].ravel().astype(np.float64) for field in _NUMBERS}
        for field in _TEXTS:
            columns[field] = [str(np.ravel(cell)[0]) if np.size(cell) else "" for cell in struct[field].ravel()]
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{title} must hold a struct {name} with {', '.join((*_NUMBERS, *_TEXTS))}. Received another one. "
            "Fetch it again."
        ) from error
    if len({len(column) for column in columns.values()}) > 1:
        raise DataError(f"{title} has columns of different lengths. Fetch it again.")
    return columns


def _ages(born: NDArray[np.float64], taken: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns ages (n,) in the middle of the years `taken`; `born` are MATLAB's numbers of days, some of them wrong."""
    days = np.clip(np.nan_to_num(born) - _FIRST_DAY, 1, _LAST_DAY).astype(int)
    births = [date.fromordinal(day) for day in days.tolist()]
    return taken - [birth.year + (birth.month >= _JULY) for birth in births]


def _dataset(name: str, title: str, pictures: int) -> Dataset:
    return Dataset(
        title=title,
        schema={"age": YEARS, "gender": GENDERS},
        list_records=partial(list_imdb_wiki, name),
        usual_path=f"train_data/{name}*",
        licence="academic research only",
        pictures=pictures,
        home="https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/",
        detector="blazeface",
    )


IMDB = _dataset("imdb", "the IMDB part of IMDB-WIKI", 460_723)
WIKI = _dataset("wiki", "the Wikipedia part of IMDB-WIKI", 62_328)
