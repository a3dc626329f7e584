"""Train, validation and test, drawn by groups of near duplicates."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import DataError
from facekit.datasets.records import THUMBNAIL_SIZE, Faces, Record

SIDES = ("train", "validation", "test")
VALIDATION_SHARE, TEST_SHARE = 0.05, 0.10
DUPLICATE_CORRELATION = 0.95
RULE = (
    f"sha256('seed:name') of the oldest record of a group: {TEST_SHARE:.0%} test, {VALIDATION_SHARE:.0%} validation. "
    f"A record follows the earlier ones whose grey {THUMBNAIL_SIZE}x{THUMBNAIL_SIZE} chips correlate with its own by "
    f"{DUPLICATE_CORRELATION} or more; if they are on two sides, it is on none."
)
_BLOCK = 1024


def split_sides(faces: Faces, seed: int) -> NDArray[np.str_]:
    """The side of each record: "train", "validation", "test", or "none".

    A record follows older ones only, so adding newer records moves nobody. Near duplicates never lie on two sides: a
    record that resembles older ones on two of them is on none.
    """
    sides: list[str] = []
    side_of_group: dict[str | None, str] = {}
    for record, near in zip(faces.records, _older_duplicates(faces.thumbnails), strict=True):
        followed = {sides[older] for older in near} | {side_of_group.get(record.group, "none")}
        followed.discard("none")
        side = _draw(record, seed) if not followed else followed.pop() if len(followed) == 1 else "none"
        if record.group is not None and side != "none":
            side_of_group[record.group] = side
        sides.append(side)
    return np.array(sides)


def duplicate_groups(faces: Faces) -> NDArray[np.intp]:
    """(n,) the number of each record's group: its near duplicates, theirs, and so on, and the data's own groups."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first: dict[str, int] = {}
    pairs = [(place, older) for place, near in enumerate(_older_duplicates(faces.thumbnails)) for older in near]
    for place, record in enumerate(faces.records):
        if record.group is not None:
            pairs.append((place, first.setdefault(record.group, place)))
    rows, columns = np.array(pairs, np.intp).reshape(-1, 2).T
    n = len(faces.records)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.intp)


def choose_side(faces: Faces, split: str, seed: int) -> Faces:
    """The faces on one side, or on any for "all".

    Raises:
        DataError: nobody is on it.
    """
    if split == "all":
        return faces
    sides = split_sides(faces, seed)
    places = np.flatnonzero(sides == split)
    if not len(places):
        raise DataError(f"None of the {len(faces.records)} records is on the {split} side. Use --split all.")
    records = [faces.records[place] for place in places]
    return Faces(records, faces.chips[places], faces.thumbnails[places], count_dropped(faces, sides))


def count_dropped(faces: Faces, sides: NDArray[np.str_]) -> dict[str, int]:
    """What could not be used, with the records that are on no side."""
    undecided = int(np.sum(sides == "none"))
    return faces.dropped | ({"resembles two sides of the split": undecided} if undecided else {})


def _draw(record: Record, seed: int) -> str:
    number = int.from_bytes(hashlib.sha256(f"{seed}:{record.key}".encode()).digest()[:8], "big") / 2**64
    if number < TEST_SHARE:
        return "test"
    return "validation" if number < TEST_SHARE + VALIDATION_SHARE else "train"


def _older_duplicates(thumbnails: NDArray[np.float32]) -> Sequence[list[int]]:
    """For each record, the places of the earlier ones that look the same."""
    centred = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    near: list[list[int]] = [[] for _ in unit]
    for start in range(0, len(unit), _BLOCK):
        block = unit[start : start + _BLOCK]
        correlation = block @ unit[: start + len(block)].T
        for row, older in np.argwhere(correlation >= DUPLICATE_CORRELATION):
            if older < start + row:
                near[start + row].append(int(older))
    return near
