"""Records, their labels by name, and labelled faces in one array."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import DataError
from facekit.datasets.split_rule import SplitRule
from facekit.faces.batch import Picture
from facekit.faces.chips import ChipConfig
from facekit.heads import MISSING, Head, Label, LabelError

SHOWN_VALUES = 10  # of the labels that no head knows

# Head's name -> the class names that a data set uses, or the unit of a number.
Schema = Mapping[str, tuple[str, ...] | str]


@dataclass(frozen=True)
class CutFace:
    """A face that is cut out already, as files of chips hold it.

    Args:
        chip: RGB uint8 (H, W, 3).
        thumbnail: (1024,) uint8, the grey chip at 32x32 as it was before it was resized; None to take the chip's.
    """

    chip: Picture
    thumbnail: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class CutRule:
    """Rule by which the faces of a file of chips were cut.

    Args:
        detector: that found them, a key of `facekit.faces.detectors.DETECTORS`.
        chip: rule by which they were cut.
        size: side of the chips as they are stored, pixels.
    """

    detector: str
    chip: ChipConfig
    size: int


Content = bytes | CutFace  # of a picture's file, or what it was decoded to
ReadFiles = Callable[[Collection[str]], Iterator[tuple[str, Content]]]


@dataclass(frozen=True)
class Record:
    """One labelled picture.

    Args:
        name: where it lies in the data set.
        key: what the split is drawn from: the same wherever the data set lies.
        order: sorting by it puts older records first, so that records added later change no side.
        labels: head's name in lower case -> class name or number; None, or no entry, if unknown.
        group: records of one group, e.g. of one person, stay on one side of the split.
        side: side of the data set's official split; None if it has none.
        score: of the face, by the detector that the data set's authors used; None if they state none.
    """

    name: str
    key: str
    order: str
    labels: Mapping[str, Label | None]
    group: str | None = None
    side: str | None = None
    score: float | None = None


@dataclass(frozen=True)
class Listing:
    """Records that a reader finds in a data set, before any picture is decoded.

    Args:
        records: in any order.
        read_files: names -> name and content of these files, in the order in which they lie there.
        dropped: reason -> number of files that are no records.
        cut_rule: how the faces were cut, where the content is `CutFace`; None for pictures as they were published.
        min_score: lowest score of a face in a prepared file; None if none was asked for.
    """

    records: Sequence[Record]
    read_files: ReadFiles
    dropped: Counter[str] = field(default_factory=Counter)
    cut_rule: CutRule | None = None
    min_score: float | None = None


Frame = tuple[float, float, float, float]
WHOLE: Frame = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Dataset:
    """A data set that can be read.

    Args:
        title: for people.
        schema: what its labels mean; {} where each file defines its own, as tables do.
        list_records: path -> listing. Raises DataError if it cannot be read.
        usual_path: where it is looked for, a pattern; None if it must be named.
        licence: in a few words.
        unknown: what a label that a head does not know does to its record, a key of
            `facekit.datasets.source.UNKNOWN_LABELS`, unless the source says otherwise.
        split: rule by which it is split where its source names none, a key of `facekit.datasets.split_rule.SPLITS`.
        pictures: number of those that were published; None if it varies.
        home: where to get it: the publisher's page, or the title of the paper.
        official_splits: what its lists name, in a few words; "" if it was published without.
        detector: finds the face in its pictures, for a network of aligned chips that was not trained on it;
            "whole_image" where they are such chips.
        frame: part of a picture that a network of aligned chips is shown where no detector looks for the face: left,
            top, right and bottom as fractions of the side.
        also_compared: another label -> the head whose answers an evaluation compares with it too.
    """

    title: str
    schema: Schema
    list_records: Callable[[Path], Listing]
    usual_path: str | None
    licence: str
    unknown: str = "drop"
    split: str = "near_duplicates"
    pictures: int | None = None
    home: str = ""
    official_splits: str = ""
    detector: str = "whole_image"
    frame: Frame = WHOLE
    also_compared: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Describes it for people: a line for each fact."""
        labels = (
            f"{name} ({', '.join(declared) if isinstance(declared, tuple) else declared})"
            for name, declared in self.schema.items()
        )
        rows = {
            "pictures": "any number" if self.pictures is None else f"{self.pictures:,}",
            "labels": ", ".join(labels) or "its own columns",
            "licence": self.licence,
            "splits": self.official_splits or "none",
            "from": self.home or "you",
        }
        return "\n".join([self.title, *(f"  {name:<9} {text}" for name, text in rows.items())])


@dataclass
class Faces:
    """Labelled chips of one data set in one array, oldest first.

    Args:
        records: n of them.
        chips: (n, H, W, 3) uint8.
        thumbnails: (n, 1024) float32, the grey chips at 32x32, by which near duplicates are found.
        dropped: reason -> number of records, or of single labels, that could not be used.
        features: (n, F) float32, what the network takes beside the chips; None for nothing.
        path: of the data set; near duplicates are cached beside it.
        split_rule: how they are split.
    """

    records: list[Record]
    chips: NDArray[np.uint8]
    thumbnails: NDArray[np.float32]
    dropped: dict[str, int]
    features: NDArray[np.float32] | None = None
    path: Path | None = None
    split_rule: SplitRule = field(default_factory=SplitRule)

    def labels(self, heads: Sequence[Head]) -> dict[str, NDArray[np.generic]]:
        """Encodes the labels: head's name -> (n,), MISSING where a record has none.

        Raises:
            DataError: a head does not know a label.
        """
        return {head.name: np.array([self._encoded(record, head) for record in self.records], head.label_type)
                for head in heads}  # fmt: skip

    def _encoded(self, record: Record, head: Head) -> float:
        label = label_of(record, head)
        try:
            return MISSING if label is None else head.encode(label)
        except LabelError as error:
            raise DataError(f"{record.name} has the {head.name} {label!r}: {error}.") from error

    def select(self, index: NDArray[np.integer]) -> "Faces":
        """Returns some of the faces, in the order of their indices."""
        features = None if self.features is None else self.features[index]
        records = [self.records[at] for at in index]
        return replace(
            self, records=records, chips=self.chips[index], thumbnails=self.thumbnails[index], features=features
        )


def usable_records(
    listing: Listing, heads: Sequence[Head], unknown_is_missing: bool
) -> tuple[list[Record], Counter[str]]:
    """Selects the records whose labels the heads can learn.

    Args:
        listing: of a data set.
        heads: what is learned.
        unknown_is_missing: whether a label that a head does not know counts as missing; else its record is dropped.

    Returns:
        The records, and reason -> number of those, and of the labels, that were dropped, the listing's own included.
    """
    records, dropped, missing = [], Counter[str](), Counter[str]()
    for record in listing.records:
        labels, reasons = dict(record.labels), []
        for head in heads:
            label = label_of(record, head)
            try:
                if label is not None:
                    head.encode(label)
            except LabelError as error:
                labels[head.name.lower()] = None
                reasons.append(str(error))
                missing[f"label {label!r} ({error})"] += 1
        if reasons and not unknown_is_missing:
            dropped[reasons[0]] += 1
        elif all(labels.get(head.name.lower()) is None for head in heads):
            dropped["no label"] += 1
        else:
            records.append(replace(record, labels=labels) if reasons else record)
    dropped.update(listing.dropped)
    if unknown_is_missing:
        shown = Counter(dict(missing.most_common(SHOWN_VALUES)))
        dropped.update(shown)
        if others := (missing - shown).total():
            dropped["other unknown labels"] = others
    return records, dropped


def label_of(record: Record, head: Head) -> Label | None:
    """Returns the label that a head learns from a record; None if it has none."""
    return record.labels.get(head.name.lower())
