"""What every data set comes to: records with labels, and their chips in one array."""

import itertools
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from facekit.core.errors import PictureError
from facekit.faces.chips import resize_chips
from facekit.faces.images import decode_picture
from facekit.heads import MISSING, AgeHead, Head

THUMBNAIL_SIZE = 32
_AT_ONCE = 256  # pictures that are held encoded

Cut = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]  # picture -> (0 or 1, S, S, 3)
Allocate = Callable[[tuple[int, ...]], NDArray[np.uint8]]  # shape -> an array to be filled, wherever it lies


def in_memory(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The usual `Allocate`; it begins at a multiple of 64 bytes, as TensorFlow needs it to share its memory."""
    size = math.prod(shape)
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].reshape(shape)


@dataclass(frozen=True)
class Record:
    """One labelled picture.

    Args:
        name: where it lies.
        key: what the split is drawn from: the same wherever the data set lies.
        order: sorting by it puts older records first, so that those added later move nobody.
        labels: head's name -> age in years or number of the class.
        group: records of one group stay on one side of the split, e.g. those of one person.
    """

    name: str
    key: str
    order: str
    labels: dict[str, int]
    group: str | None = None


@dataclass
class Faces:
    """Labelled chips in one array, oldest first.

    Args:
        records: n of them.
        chips: (n, S, S, 3) uint8.
        thumbnails: (n, 1024) float32, the grey chip at 32x32; near duplicates are found by them.
        dropped: reason -> number of records that could not be used.
    """

    records: list[Record]
    chips: NDArray[np.uint8]
    thumbnails: NDArray[np.float32]
    dropped: dict[str, int]

    def labels(self, heads: Sequence[Head]) -> dict[str, NDArray[np.int16]]:
        """Head's name -> (n,) labels, MISSING where a record has none."""
        return {
            head.name: np.array([record.labels.get(head.name, MISSING) for record in self.records], np.int16)
            for head in heads
        }


def unusable(labels: dict[str, int], heads: Sequence[Head]) -> str | None:
    """The reason why these labels do not fit the heads, None if they do."""
    for head in heads:
        label = labels.get(head.name, MISSING)
        if label == MISSING:
            continue
        if isinstance(head, AgeHead):
            if not head.youngest <= label <= head.oldest:
                return f"{head.name} outside {head.youngest} to {head.oldest}"
        elif not 0 <= label < len(head.classes):
            return f"unknown {head.name}"
    return None


def read_faces(
    records: Iterable[Record],
    files: Iterable[tuple[str, bytes]],
    dropped: Counter[str],
    size: int,
    cut: Cut,
    allocate: Allocate = in_memory,
) -> Faces:
    """Decodes the pictures of all records, in threads, into one array that is filled in place.

    Args:
        records: with names that `files` gives.
        files: name and content of each picture, in any order; names without a record are passed over.
        dropped: what was left out so far; unreadable pictures are added.
        size: side of the chips, pixels.
        cut: picture -> its chip (1, S, S, 3), or none (0, S, S, 3).
        allocate: makes the array of the chips.
    """
    records = sorted(records, key=lambda record: (record.order, record.key))
    places = {record.name: place for place, record in enumerate(records)}
    if len(places) < len(records):  # only the last of them can be told from the others
        dropped["name twice"] += len(records) - len(places)
    chips = allocate((len(records), size, size, 3))
    thumbnails = np.empty((len(records), THUMBNAIL_SIZE**2), np.float32)
    read = np.zeros(len(records), bool)

    def decode(item: tuple[str, bytes]) -> str | None:
        name, content = item
        try:
            found = cut(decode_picture(content, name))
        except PictureError:
            return "unreadable picture"
        if not len(found):
            return "no face found"
        place = places[name]
        chips[place] = resize_chips(found, size)[0]
        grey = Image.fromarray(found[0]).convert("L")
        thumbnails[place] = np.asarray(grey.resize((THUMBNAIL_SIZE,) * 2, Image.Resampling.BOX)).ravel()
        read[place] = True
        return None

    wanted = (item for item in files if item[0] in places)
    bar = tqdm(total=len(records), desc="Reading pictures", unit="", leave=False, disable=None)
    with warnings.catch_warnings(), ThreadPoolExecutor() as threads, bar:
        warnings.simplefilter("ignore")  # Pillow's, of odd metadata
        for batch in _batches(wanted):
            for reason in threads.map(decode, batch):
                if reason:
                    dropped[reason] += 1
                bar.update()
    kept = np.flatnonzero(read)
    for place, old in enumerate(kept):  # in place: a second array of this size may not fit
        if place != old:
            chips[place], thumbnails[place] = chips[old], thumbnails[old]
    return Faces([records[old] for old in kept], chips[: len(kept)], thumbnails[: len(kept)], dict(dropped))


def _batches(items: Iterator[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    while batch := list(itertools.islice(items, _AT_ONCE)):
        yield batch
