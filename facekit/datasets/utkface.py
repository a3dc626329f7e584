"""UTKFace (Zhang, Song, Qi 2017), "Aligned&Cropped Faces": 200x200 chips whose names are their labels."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from facekit.core.errors import DataError
from facekit.datasets.archives import list_files, read_files
from facekit.datasets.records import Allocate, Cut, Faces, Record, in_memory, read_faces, unusable
from facekit.heads import Head

# [age]_[gender]_[race]_[date and time], whatever follows: one file of the set lacks the dot, one has a blank.
_NAME = re.compile(r"(\d{1,3})_(\d)_(\d)_(\d{8,20})\D")


def read_utkface(source: Path, heads: Sequence[Head], size: int, cut: Cut, allocate: Allocate = in_memory) -> Faces:
    """Reads all usable chips of a folder or an archive of UTKFace.

    Args:
        source: folder, `.tar`, `.tar.gz` or `.zip`.
        heads: a record whose label does not fit one of them is dropped, and counted.
        size: side of the chips, pixels.
        cut: picture -> its chip.
        allocate: makes the array of the chips.

    Raises:
        DataError: it cannot be read, or has no usable chip.
    """
    records, dropped = [], Counter[str]()
    for name in list_files(source):
        match = _NAME.match(Path(name).name)
        labels = dict(zip(("age", "gender", "race"), map(int, match.groups()), strict=False)) if match else {}
        reason = unusable(labels, heads) if match else "malformed name"
        if reason:
            dropped[reason] += 1
        elif match:
            records.append(Record(name, key=Path(name).name, order=match[4], labels=labels))
    if not records:
        raise DataError(
            f"{source} has no usable file named like 25_0_1_20170116174525125.jpg. Received: {dropped.total()} others."
        )
    files = read_files(source, {record.name for record in records})
    return read_faces(records, files, dropped, size, cut, allocate)
