"""Databases of age-gender-estimation (yu4u): a `.mat` file of chips, their ages and genders.

They name neither persons nor files: a record's key is its number, and only near duplicates stay on one side.
"""

import sys
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import DataError
from facekit.datasets import imdb_wiki, utkface
from facekit.datasets.matlab import read_matlab
from facekit.datasets.records import CutFace, CutRule, Listing, Record
from facekit.faces.chips import WholeChip
from facekit.heads import Label

_COLUMNS = ("age", "gender", "db", "img_size")
_GENDERS = {  # by their codes, in each of the databases
    "imdb": imdb_wiki.GENDERS,
    "wiki": imdb_wiki.GENDERS,
    "utkface": utkface.GENDERS,
}
_NAMES = {"utk": "utkface"}  # what it calls a data set -> a key of `facekit.datasets.DATASETS`


def list_age_gender_mat(dataset: str, path: Path) -> Listing:
    """Lists the records of a database.

    Args:
        dataset: that it must be of.
        path: of the `.mat` file.

    Raises:
        DataError: it is damaged, something else, or of another data set.
    """
    columns = _read(path, _COLUMNS)
    name = "".join(map(str, np.ravel(columns["db"])))
    name = _NAMES.get(name, name)
    if name not in _GENDERS:
        raise DataError(f"{path} must be of imdb, wiki or utk. Received: db {name!r}.", argument="data")
    if name != dataset:
        raise DataError(f"{path} is of the data set {name}. Received: {dataset}.", argument="dataset")
    ages, genders, sizes = (_numbers(path, title, columns[title]) for title in ("age", "gender", "img_size"))
    if len(ages) != len(genders):
        raise DataError(
            f"{path} must have as many ages as genders. Received: {len(ages)} and {len(genders)}.", argument="data"
        )
    if len(sizes) != 1 or not 1 <= sizes[0] < np.inf:
        raise DataError(
            f"{path} must have one img_size of 1 pixel or more. Received: {sizes.tolist()}. Make it again.",
            argument="data",
        )
    print(
        f"note: {path.name} names no persons and no files. Its split is drawn by near duplicates only.", file=sys.stderr
    )
    records = []
    for number, (age, gender) in enumerate(zip(ages.tolist(), genders.tolist(), strict=True)):
        labels: dict[str, Label | None] = {"age": age, "gender": _gender(name, gender)}
        records.append(Record(f"{number:07}", f"{number:07}", f"{number:07}", labels))
    rule = CutRule("whole_image", WholeChip(), int(sizes[0]))
    return Listing(records, partial(_read_chips, path, len(records)), cut_rule=rule)


def _numbers(path: Path, title: str, column: NDArray[Any]) -> NDArray[Any]:
    """Returns a column (n,) of numbers. Raises DataError if it holds something else."""
    if column.dtype.kind not in "biuf":
        raise DataError(
            f"{path} must have numbers as {title}. Received: {column.dtype}. Make it again.", argument="data"
        )
    return np.ravel(column)


def _gender(name: str, code: float) -> str | None:
    """Returns the gender that a code stands for; an unknown code stays, and no head knows it."""
    if np.isnan(code):
        return None
    return _GENDERS[name][int(code)] if code in (0, 1) else f"{code:g}"


def _read_chips(path: Path, n: int, names: Collection[str]) -> Iterator[tuple[str, CutFace]]:
    images = _read(path, ("image",))["image"]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[0] != n or images.shape[3] != 3:
        raise DataError(
            f"{path} must have image ({n}, S, S, 3) uint8. Received: {images.dtype} {images.shape}.", argument="data"
        )
    for number, image in enumerate(images):
        if (name := f"{number:07}") in names:
            yield name, CutFace(np.ascontiguousarray(image[:, :, ::-1]))  # OpenCV wrote BGR


def _read(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Reads some variables. Raises DataError if they are not there."""
    columns = read_matlab(path, names, path)
    if missing := [name for name in names if name not in columns]:
        raise DataError(
            f"{path} is no whole database of age-gender-estimation: it has no {', '.join(missing)}. Make it again, or "
            "name the folder or archive of the data set.",
            argument="data",
        )
    return {name: np.asarray(columns[name]) for name in names}
