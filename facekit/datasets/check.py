"""Checks a data set: what cannot be read, what is blank, what is in it twice with different labels, and its labels."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import DataError, PictureError
from facekit.core.lazy_imports import from_extra
from facekit.core.text import counted, reasons_text
from facekit.datasets import DATASETS
from facekit.datasets.duplicates import near_duplicates
from facekit.datasets.label_heads import Labels, read_labels
from facekit.datasets.listing import list_dataset
from facekit.datasets.records import Content, CutFace, Listing, Record
from facekit.datasets.source import DataSource, find_data
from facekit.datasets.store import in_threads, make_thumbnail, oldest_first, progress_bar
from facekit.faces.chips import WholeChip
from facekit.faces.images import decode_picture
from facekit.heads import MISSING

BLANK = 2.0  # standard deviation of a thumbnail's grey values, 0 to 255; below it there is nothing to see
SHOWN = 3  # names that are given as examples

Groups = list[list[int]]  # of records, by their numbers


@dataclass(frozen=True)
class Check:
    """Findings of a check of a data set.

    Args:
        title: of the data set.
        path: of it.
        listing: of it.
        records: n that could be read, oldest first.
        unreadable: names of the others.
        sizes: (n, 2) height and width of the pictures, pixels.
        blank: numbers of the records without contrast.
        identical: groups of pictures with the same pixels.
        near: groups of near duplicates, as splits keep them together; identical pictures are among them.
        labels: of the records, for each head that the data set labels.
    """

    title: str
    path: Path
    listing: Listing
    records: Sequence[Record]
    unreadable: Sequence[str]
    sizes: NDArray[np.intp]
    blank: Sequence[int]
    identical: Groups
    near: Groups
    labels: Sequence[Labels]

    def conflicts(self, groups: Groups) -> dict[str, Groups]:
        """Returns head's name -> groups whose pictures are labelled differently."""
        return {
            labels.head.name: [group for group in groups if len({*labels.encoded[group].tolist()} - {MISSING}) > 1]
            for labels in self.labels
        }

    def __str__(self) -> str:
        """The results for people."""
        rows = [
            (self.title, str(self.path)),
            ("pictures", f"{len(self.records):,} of {len(self.records) + len(self.unreadable):,} can be read"),
            ("left out", reasons_text(self.listing.dropped)),
            ("unreadable", _examples(self.unreadable)),
            ("sizes", _sizes(self.sizes)),
            ("blank", _examples([self.records[number].key for number in self.blank])),
            *self._duplicate_rows("identical", self.identical),
            *self._duplicate_rows("near duplicates", self.near),
        ]
        for labels in self.labels:
            rows += _label_rows(labels, self.records)
        sides = Counter(record.side or "none" for record in self.records)
        if sides.keys() != {"none"}:
            rows.append(("official sides", _counts(sides)))
        if persons := {record.group for record in self.records} - {None}:
            rows.append(("groups", f"{len(persons):,}, e.g. persons, that splits keep together"))
        return "\n".join(f"{name:<17} {text}" for name, text in rows)

    def _duplicate_rows(self, name: str, groups: Groups) -> list[tuple[str, str]]:
        if not groups:
            return [(name, "none")]
        rows = [(name, f"{sum(map(len, groups)):,} pictures in {counted(len(groups), 'group')}")]
        for head, conflicting in self.conflicts(groups).items():
            if conflicting:
                example = " and ".join(self.records[number].key for number in conflicting[0][:2])
                rows.append((f"  {head} differs", f"in {counted(len(conflicting), 'group')}, e.g. {example}"))
        return rows


def check_dataset(source: DataSource) -> Check:
    """Reads all pictures of a data set, and looks for what is wrong with them or their labels.

    Args:
        source: data set and path.

    Raises:
        DataError: the data set, or all of its pictures, cannot be read.
        MissingExtraError: SciPy is not installed.
    """
    with from_extra("train"):
        import scipy.sparse.csgraph  # noqa: F401 - near duplicates need it, after everything that takes long
    dataset, path = DATASETS[source.dataset], find_data(source)
    listing = _each_name_once(list_dataset(source.dataset, path))
    looks = _look_at(listing)
    records = [record for record in oldest_first(listing.records) if looks.get(record.name)]
    read = [look for record in records if (look := looks[record.name])]
    if not records:
        raise DataError(f"None of the {len(listing.records):,} pictures in {path} can be read.", argument="data")
    thumbnails = np.array([look.thumbnail for look in read], np.float32)
    return Check(
        dataset.title,
        path,
        listing,
        records,
        sorted(record.name for record in listing.records if not looks.get(record.name)),
        np.array([look.size for look in read]),
        np.flatnonzero(thumbnails.std(axis=1) < BLANK).tolist(),
        _groups(look.digest for look in read),
        _groups(near_duplicates(thumbnails, path).groups().tolist()),
        read_labels(dataset.schema, records),
    )


def _each_name_once(listing: Listing) -> Listing:
    """Counts the records whose names occur again, as in an archive, as left out."""
    records = {record.name: record for record in listing.records}
    twice = len(listing.records) - len(records)
    return replace(listing, records=[*records.values()], dropped=listing.dropped + Counter({"name twice": twice}))


@dataclass(frozen=True)
class _Look:
    """Trace of a picture: a digest of its pixels, its size, and its thumbnail."""

    digest: bytes
    size: tuple[int, int]
    thumbnail: NDArray[np.uint8]


def _look_at(listing: Listing) -> dict[str, _Look | None]:
    """Decodes all pictures: name -> what is kept of it, or None if it cannot be read."""

    def look(item: tuple[str, Content]) -> tuple[str, _Look | None]:
        name, content = item
        thumbnail = None
        if isinstance(content, CutFace):
            picture, thumbnail = content.chip, content.thumbnail
        else:
            try:
                picture = decode_picture(content, name)
            except PictureError:
                return name, None
        height, width = picture.shape[:2]
        if thumbnail is None:
            chip = picture if isinstance(content, CutFace) else whole.cut(picture, [(0, 0, width, height)]).chips[0]
            thumbnail = make_thumbnail(chip)
        digest = hashlib.blake2b(f"{width}x{height} ".encode() + picture.tobytes(), digest_size=16).digest()
        return name, _Look(digest, (height, width), thumbnail)

    whole = WholeChip()
    names = {record.name for record in listing.records}
    looks: dict[str, _Look | None] = {}
    with progress_bar(len(names)) as bar:
        for name, seen in in_threads(look, listing.read_files, names):
            looks[name] = seen
            bar.update()
    return looks


def _groups(values: Iterable[object]) -> Groups:
    """Groups the numbers of equal values; those that occur once are in no group."""
    members: dict[object, list[int]] = {}
    for number, value in enumerate(values):
        members.setdefault(value, []).append(number)
    return [group for group in members.values() if len(group) > 1]


def _label_rows(labels: Labels, records: Sequence[Record]) -> list[tuple[str, str]]:
    groups = {name: len(numbers) for name, numbers in labels.groups().items()}
    name, known = labels.head.name, labels.encoded[labels.encoded != MISSING]
    text = _counts(groups)
    if labels.head.groups_by == "bands" and len(known):
        text = f"{known.min():g} to {known.max():g}; " + _counts({f"{band}:": count for band, count in groups.items()})
    rows = [(name, text)]
    if unknown := sum(label is None for label in labels.given):
        rows.append(("  without label", f"{unknown:,}"))
    for reason, count in Counter(labels.unusable.values()).items():
        wrong = [number for number, why in labels.unusable.items() if why == reason]
        shown = ", ".join(f"{records[number].key} ({labels.given[number]})" for number in wrong[:SHOWN])
        rows.append(("  unusable", f"{count:,} {reason}, e.g. {shown}"))
    return rows


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _examples(names: Sequence[str]) -> str:
    if not names:
        return "none"
    return f"{len(names):,}: {', '.join(names[:SHOWN])}" + (", ..." if len(names) > SHOWN else "")


def _sizes(sizes: NDArray[np.intp]) -> str:
    """Returns the commonest size, and the smallest and the largest."""
    (common, count), *others = Counter(map(tuple, sizes.tolist())).most_common()
    text = f"{common[1]}x{common[0]} pixels"
    if not others:
        return text
    areas = sizes.prod(axis=1)
    small, large = (f"{width}x{height}" for height, width in (sizes[areas.argmin()], sizes[areas.argmax()]))
    return f"{small} to {large} pixels, {count:,} of {text}"
