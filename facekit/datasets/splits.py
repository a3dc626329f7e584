"""Train, validation and test: by the data set's official lists, or drawn by groups of near duplicates."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import DataError
from facekit.datasets.duplicates import near_duplicates
from facekit.datasets.records import Faces, Record
from facekit.datasets.split_rule import SplitRule

SIDES = ("train", "validation", "test")


def split_sides(faces: Faces, seed: int) -> NDArray[np.str_]:
    """Assigns each record (n,) to "train", "validation", "test", or "none", by the rule `faces.split_rule`.

    Raises:
        DataError: an official side has another name.
    """
    official = [record.side if faces.split_rule.name == "official" else None for record in faces.records]
    if unknown := {side for side in official if side is not None} - {*SIDES}:
        raise DataError(
            f"Official sides must be {', '.join(SIDES)}. Received: {', '.join(sorted(unknown))}. "
            "Rename them, or remove the column split."
        )
    # Records of the official validation and test sides come first, so that others can avoid their near duplicates.
    order = np.argsort([side in (None, "train") for side in official], kind="stable")
    sides = np.empty(len(order), dtype="<U10")
    if any(official):
        faces = replace(faces, records=[faces.records[at] for at in order], thumbnails=faces.thumbnails[order])
    sides[order] = _assign(faces, [official[at] for at in order], seed)
    return sides


def _assign(faces: Faces, official: Sequence[str | None], seed: int) -> list[str]:
    """Assigns sides so that near duplicates and groups never lie on two of them.

    A record follows older ones only, so that records added later change no side. A record that resembles older ones on
    two sides is on none, and so is one that official lists hold out although an identical one is listed to be trained
    on. Sides that they lack are drawn from their training side; a record that they do not list is trained on, unless it
    resembles one that they hold out.
    """
    found = near_duplicates(faces.thumbnails, faces.path)
    trained = {found.representatives[index] for index, side in enumerate(official) if side == "train"}
    held_out = {side for side in official if side is not None} - {"train"}
    drawn = {*SIDES} - held_out
    side_of_group: dict[str, str] = {}

    def choose(index: int, near: frozenset[str]) -> str:
        record, listed = faces.records[index], official[index]
        if listed in held_out:
            return "none" if found.representatives[index] in trained else listed
        if listed and drawn == {"train"}:
            return listed
        followed = near - {"none"}
        if record.group in side_of_group:
            followed |= {side_of_group[record.group]}
        if listed:
            followed &= drawn
        if not followed:
            side = _draw(record, faces.split_rule, seed)
            side = side if side in drawn else "train"
        else:
            side = next(iter(followed)) if len(followed) == 1 and followed <= drawn else "none"
        if record.group is not None and side != "none":
            side_of_group[record.group] = side
        return side

    return found.assign_in_order(choose)


def duplicate_groups(faces: Faces) -> NDArray[np.intp]:
    """Numbers the groups (n,): a record's near duplicates, theirs, and so on, and the data's own groups."""
    first: dict[str, int] = {}
    pairs = [
        (index, first.setdefault(record.group, index))
        for index, record in enumerate(faces.records)
        if record.group is not None
    ]
    return near_duplicates(faces.thumbnails, faces.path).groups(pairs)


def choose_side(faces: Faces, split: str, seed: int) -> Faces:
    """Selects the faces of one side, or all for "all".

    Raises:
        DataError: the side is empty.
    """
    if split == "all":
        return faces
    sides = split_sides(faces, seed)
    index = np.flatnonzero(sides == split)
    if not len(index):
        raise DataError(
            f"None of the {len(faces.records)} records is on the {split} side. Use another, or all.", argument="split"
        )
    chosen = faces.select(index)
    chosen.dropped = count_dropped(faces, sides)
    return chosen


def count_dropped(faces: Faces, sides: NDArray[np.str_]) -> dict[str, int]:
    """Counts the records that could not be used, with those that are on no side."""
    undecided = int(np.sum(sides == "none"))
    return faces.dropped | ({"resembles two sides of the split": undecided} if undecided else {})


def _draw(record: Record, rule: SplitRule, seed: int) -> str:
    number = int.from_bytes(hashlib.sha256(f"{seed}:{record.key}".encode()).digest()[:8], "big") / 2**64
    if number < rule.test_share:
        return "test"
    return "validation" if number < rule.test_share + rule.validation_share else "train"
