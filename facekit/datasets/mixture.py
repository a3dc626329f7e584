"""Reads data sets into one array: their records are listed and checked, their pictures decoded, their faces cut."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facekit.core.array_cache import cached_arrays
from facekit.core.errors import DataError, lookup
from facekit.core.text import reasons_text
from facekit.datasets import DATASETS
from facekit.datasets.duplicates import first_identical
from facekit.datasets.listing import list_dataset, make_cut
from facekit.datasets.records import Dataset, Faces, Listing, usable_records
from facekit.datasets.source import DataSource, find_data
from facekit.datasets.splits import duplicate_groups, split_sides
from facekit.datasets.store import Allocate, Pictures, in_memory, read_pictures
from facekit.faces.batch import InputSize, height_and_width, size_text
from facekit.faces.chips import AlignedChip, ChipConfig
from facekit.faces.features import FEATURES, compute_features
from facekit.heads import MISSING, Head

CHIP = AlignedChip()
_BLOCK = 256  # chips between two movements of the progress bar


@dataclass(frozen=True)
class Mixture:
    """The faces of several sources, one after the other in one array.

    Args:
        sources: where they are from.
        parts: the faces of each source.
        chips: (n, H, W, 3) uint8 of all parts, which are views of it.
    """

    sources: Sequence[DataSource]
    parts: Sequence[Faces]
    chips: NDArray[np.uint8]

    @property
    def features(self) -> NDArray[np.float32] | None:
        """(n, F) what the network takes beside the chips; None for nothing."""
        parts = [part.features for part in self.parts]
        return None if any(part is None for part in parts) else np.concatenate(parts)  # type: ignore[arg-type]

    @property
    def source_index(self) -> NDArray[np.intp]:
        """(n,) the source of each face."""
        return np.repeat(np.arange(len(self.parts)), [len(part.records) for part in self.parts])

    def labels(self, heads: Sequence[Head]) -> dict[str, NDArray[np.generic]]:
        """Encodes the labels of all parts: head's name -> (n,), MISSING where unknown."""
        parts = [part.labels(heads) for part in self.parts]
        return {head.name: np.concatenate([labels[head.name] for labels in parts]) for head in heads}

    def conflicts(self, heads: Sequence[Head]) -> dict[str, int]:
        """Counts the groups of identical pictures, blank ones apart, whose labels disagree: head's name -> number."""
        counts = dict.fromkeys((head.name for head in heads), 0)
        for part in self.parts:
            group, has_contrast = first_identical(part.thumbnails), np.ptp(part.thumbnails, axis=1) > 0
            for name, labels in part.labels(heads).items():
                lowest, highest = np.full(len(group), np.inf), np.full(len(group), -np.inf)
                known = (labels != MISSING) & has_contrast
                np.minimum.at(lowest, group[known], labels[known])
                np.maximum.at(highest, group[known], labels[known])
                counts[name] += int(np.sum(lowest < highest))
        return counts

    def sides(self, seed: int) -> NDArray[np.str_]:
        """Assigns each face (n,) to a side, each source by its own rule."""
        return np.concatenate([split_sides(part, seed) for part in self.parts])

    def duplicate_groups(self) -> NDArray[np.intp]:
        """Numbers the groups (n,) of near duplicates; sources are not compared with each other."""
        groups, count = [], 0
        for part in self.parts:
            numbers = duplicate_groups(part) + count
            groups.append(numbers)
            count = int(numbers.max(initial=count - 1)) + 1
        return np.concatenate(groups)


def load_faces(
    source: DataSource,
    heads: Sequence[Head],
    size: InputSize,
    chip: ChipConfig = CHIP,
    features: str | None = None,
    allocate: Allocate = in_memory,
) -> Faces:
    """Reads a data set into one array; arguments and errors as of `load_mixture`."""
    return load_mixture([source], heads, size, chip, features, allocate).parts[0]


def load_mixture(
    sources: Sequence[DataSource],
    heads: Sequence[Head],
    size: InputSize,
    chip: ChipConfig = CHIP,
    features: str | None = None,
    allocate: Allocate = in_memory,
) -> Mixture:
    """Reads data sets into one array.

    Args:
        sources: what is read; their labels may differ.
        heads: what is learned; records without any label for them are dropped and counted.
        size: side of the stored chips, or their height and width, pixels.
        chip: how faces are cut out of photographs.
        features: what is computed of each chip, a key of `facekit.faces.features.FEATURES`; None for nothing.
        allocate: makes the array, which need not lie in memory.

    Raises:
        DataError: a data set is missing, damaged, has nothing usable, or has classes that a head does not know.
        UnknownNameError: no such features.
    """
    paths = [find_data(source) for source in sources]
    pictures = [_list_pictures(source, path, heads, chip, size) for source, path in zip(sources, paths, strict=True)]
    chips, stored = read_pictures(pictures, size, allocate)
    parts = [
        Faces(
            part.records,
            part.chips,
            part.thumbnails,
            dict(picture.dropped),
            _features(features, part.chips, path) if features else None,
            path,
            source.split_rule,
        )
        for part, picture, path, source in zip(stored, pictures, paths, sources, strict=True)
    ]
    return Mixture(sources, parts, chips)


def _features(name: str, chips: NDArray[np.uint8], path: Path) -> NDArray[np.float32]:
    """Computes the features (n, F) of the chips of a data set, once for all trainings and evaluations."""

    def compute() -> dict[str, NDArray[np.float32]]:
        # One block where there are no chips, as `np.concatenate` takes no empty list.
        blocks = tqdm(range(0, len(chips) or 1, _BLOCK), "Computing features", leave=False, disable=None, delay=2)
        return {"features": np.concatenate([compute_features(name, chips[at : at + _BLOCK]) for at in blocks])}

    key = repr((name, lookup("features", name, FEATURES).version))
    return cached_arrays("features", key, chips, path, compute)["features"]


def _list_pictures(
    source: DataSource, path: Path, heads: Sequence[Head], chip: ChipConfig, size: InputSize
) -> Pictures:
    dataset = DATASETS[source.dataset]
    if not source.unknown_is_missing:
        _check_schema(source.dataset, dataset, heads)
    listing = list_dataset(source.dataset, path)
    cut = make_cut(listing, path, source.detector, chip, dataset.frame)
    if listing.cut_rule and listing.cut_rule.size < max(height_and_width(size)):
        text = f"{path} has chips of {listing.cut_rule.size} pixels, which are enlarged to {size_text(size)}"
        print(f"note: {text}.", file=sys.stderr)
    _check_labels(path, listing, heads)
    records, dropped = usable_records(listing, heads, source.unknown_is_missing)
    if not records:
        raise DataError(f"{path} has no usable record: {reasons_text(dropped, 'no rows')}.")
    return Pictures(records, listing.read_files, cut, dropped)


def _check_schema(name: str, dataset: Dataset, heads: Sequence[Head]) -> None:
    """Refuses a data set whose classes a head does not know."""
    for head in heads:
        declared = dataset.schema.get(head.name.lower())
        if declared and (mismatch := head.mismatch(declared)):
            raise DataError(
                f"{name} labels {mismatch}. Give the head the data set's names, or let the source count unknown labels "
                'as missing (unknown="missing").'
            )


def _check_labels(path: Path, listing: Listing, heads: Sequence[Head]) -> None:
    """Refuses a data set that has labels for none of the heads."""
    given = dict.fromkeys(name for record in listing.records for name in record.labels)
    if given and not given.keys() & {head.name.lower() for head in heads}:
        names = ", ".join(head.name for head in heads)
        raise DataError(f"{path} must have labels for any of {names}. Received: {', '.join(given)}.")
