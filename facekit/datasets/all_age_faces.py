"""All-Age-Faces (Cheng et al. 2019): 13,322 aligned faces, nearly all of East Asian people, 2 to 80 years.

Its files are named by number and age, `00000A02.jpg`; two lists of an official split hold name and gender, 0 = female.
"""

import re
from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath

from facekit.core.errors import DataError
from facekit.datasets.archives import list_files, read_files
from facekit.datasets.records import Dataset, Listing, Record
from facekit.heads import YEARS

_NAME = re.compile(r"(\d{5})A(\d{2})\.jpg")
_LINE = re.compile(r"(\d{5}A\d{2})(?:\.jpg)?\s+([01])")
_SIDES = {"train.txt": "train", "val.txt": "validation"}
_ALIGNED = {"aligned faces", "aglined faces"}  # as documented, and as published; "original images" has the same names
GENDERS = ("Female", "Male")  # by their codes: the other way round than in UTKFace
LAST_FEMALE = 7380  # faces up to this number are female, where no list tells


def list_all_age_faces(source: Path) -> Listing:
    """Lists the aligned faces of a folder or an archive of All-Age-Faces, or all where no folder is named so.

    Raises:
        DataError: it cannot be read, has no face, or its lists are damaged.
    """
    names = list_files(source)
    listed = _read_lists(source, [name for name in names if PurePosixPath(name).name in _SIDES])
    faces = [name for name in names if _NAME.fullmatch(PurePosixPath(name).name)]
    aligned = [name for name in faces if PurePosixPath(name).parent.name in _ALIGNED]
    records = []
    for name in aligned or faces:
        path = PurePosixPath(name)
        number, age = path.stem.split("A")
        gender, side = listed.get(path.stem, (GENDERS[int(number) > LAST_FEMALE], None))
        records.append(Record(name, path.name, path.name, {"age": int(age), "gender": gender}, side=side))
    if not records:
        raise DataError(f"{source} has no file named like 00000A02.jpg. Name the folder or archive of All-Age-Faces.")
    dropped = Counter({"not aligned": len(faces) - len(aligned)} if 0 < len(aligned) < len(faces) else {})
    return Listing(records, partial(read_files, source), dropped)


def _read_lists(source: Path, lists: list[str]) -> dict[str, tuple[str, str]]:
    """Reads the official split: a face's name without suffix -> its gender and its side."""
    listed: dict[str, tuple[str, str]] = {}
    if not lists:
        return listed  # saves decompressing an archive once more
    for name, content in read_files(source, lists):
        if not content:
            raise DataError(f"{name} in {source} is empty or damaged. Fetch it again: it says who is on which side.")
        for line in filter(None, map(str.strip, content.decode("utf-8", "replace").splitlines())):
            match = _LINE.fullmatch(line)
            if not match:
                raise DataError(f"{name} in {source} must have lines of name and gender, 0 or 1. Received: {line!r}.")
            listed[match[1]] = GENDERS[int(match[2])], _SIDES[PurePosixPath(name).name]
    return listed


ALL_AGE_FACES = Dataset(
    title="All-Age-Faces",
    schema={"age": YEARS, "gender": GENDERS},
    list_records=list_all_age_faces,
    usual_path="train_data/All*Age*Faces*",
    licence="research only",
    pictures=13_322,
    home="https://github.com/JingchunCheng/All-Age-Faces-Dataset",
    detector="blazeface",
    official_splits="train.txt and val.txt, a half each",
)
