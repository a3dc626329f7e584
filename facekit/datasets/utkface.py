"""UTKFace (Zhang, Song, Qi 2017), "Aligned&Cropped Faces": 200x200 chips whose names are their labels."""

import re
from collections import Counter
from functools import partial
from pathlib import Path

from facekit.core.errors import DataError
from facekit.datasets.archives import list_files, read_files
from facekit.datasets.records import Dataset, Listing, Record
from facekit.heads import YEARS, Label

# [age]_[gender]_[race]_[date and time], whatever follows: one file of the set lacks the dot, one has a blank.
_NAME = re.compile(r"(\d{1,3})_(\d)_(\d)_(\d{8,20})\D")
GENDERS = ("Male", "Female")  # by their codes
RACES = ("White", "Black", "Asian", "Indian", "Others")


def list_utkface(source: Path) -> Listing:
    """Lists the chips of a folder, `.tar`, `.tar.gz`, `.tar.xz` or `.zip` of UTKFace.

    Raises:
        DataError: it cannot be read, or has no file that is named as in UTKFace.
    """
    records, dropped = [], Counter[str]()
    for name in list_files(source):
        match = _NAME.match(Path(name).name)
        if match:
            age, gender, race, time = match.groups()
            labels: dict[str, Label | None] = {
                "age": int(age),
                "gender": named(GENDERS, gender),
                "race": named(RACES, race),
            }
            records.append(Record(name, key=Path(name).name, order=time, labels=labels))
        else:
            dropped["malformed name"] += 1
    if not records:
        raise DataError(
            f"{source} has no usable file named like 25_0_1_20170116174525125.jpg. Received: {dropped.total()} others."
        )
    return Listing(records, partial(read_files, source), dropped)


def named(classes: tuple[str, ...], code: str) -> str:
    """Returns the class that a code stands for; an unknown code stays, and no head knows it."""
    return classes[int(code)] if int(code) < len(classes) else code


UTKFACE = Dataset(
    title="UTKFace",
    schema={"age": YEARS, "gender": GENDERS, "race": RACES},
    list_records=list_utkface,
    usual_path="train_data/UTKFace*",
    licence="non-commercial research only",
    pictures=23_708,
    home="https://susanqq.github.io/UTKFace/",
)
