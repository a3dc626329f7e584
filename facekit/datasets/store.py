"""Decodes the pictures of records, cuts their faces and stores the chips in one array."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from facekit.core.errors import PictureError
from facekit.datasets.duplicates import THUMBNAIL_SIZE
from facekit.datasets.records import ReadFiles, Record
from facekit.faces.batch import InputSize, height_and_width
from facekit.faces.chips import resize_chips
from facekit.faces.images import decode_picture

_BLOCK = 256  # pictures that are held encoded

Cut = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]  # picture -> chips (0 or 1, S, S, 3)
Allocate = Callable[[tuple[int, ...]], NDArray[np.uint8]]  # shape -> an array to be filled, wherever it lies


def in_memory(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Allocates an array that starts at a multiple of 64 bytes, as TensorFlow needs it to share its memory."""
    size = math.prod(shape)
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].reshape(shape)


@dataclass(frozen=True)
class Pictures:
    """The pictures of one data set that are to be read.

    Args:
        records: n of them; those read are stored oldest first.
        read_files: as of `Listing`.
        cut: picture -> its chip, or none.
        dropped: reason -> number; unreadable pictures are added.
    """

    records: Sequence[Record]
    read_files: ReadFiles
    cut: Cut
    dropped: Counter[str]


@dataclass(frozen=True)
class Stored:
    """Pictures that were read: their records, chips (n, H, W, 3) and thumbnails (n, 1024), oldest first."""

    records: list[Record]
    chips: NDArray[np.uint8]
    thumbnails: NDArray[np.float32]


def read_pictures(
    sources: Sequence[Pictures], size: InputSize, allocate: Allocate
) -> tuple[NDArray[np.uint8], list[Stored]]:
    """Decodes all pictures, in threads, into one array that is filled in place.

    Args:
        sources: one for each data set.
        size: side of the chips, or their height and width, pixels.
        allocate: makes the array.

    Returns:
        The chips of all sources, (n, H, W, 3), and the part of each source, as views of them.
    """
    ordered = [sorted(source.records, key=lambda record: (record.order, record.key)) for source in sources]
    n = sum(map(len, ordered))
    chips = allocate((n, *height_and_width(size), 3))
    thumbnails = np.empty((n, THUMBNAIL_SIZE**2), np.float32)
    is_read = np.zeros(n, bool)
    ends = list(itertools.accumulate(map(len, ordered), initial=0))
    bar = tqdm(total=n, desc="Reading pictures", unit="", leave=False, disable=None)
    with ThreadPoolExecutor() as threads, bar:
        for source, records, (start, end) in zip(sources, ordered, itertools.pairwise(ends), strict=True):
            store = _Store(chips[start:end], thumbnails[start:end], is_read[start:end], records, source.cut)
            if len(store.index) < len(records):  # only the last of them can be told from the others
                source.dropped["name twice"] += len(records) - len(store.index)
            wanted = (item for item in source.read_files(store.index.keys()) if item[0] in store.index)
            while block := list(itertools.islice(wanted, _BLOCK)):
                for reason in threads.map(store.add, block):
                    if reason:
                        source.dropped[reason] += 1
                    bar.update()
    kept = np.flatnonzero(is_read)
    for index, old in enumerate(kept):  # in place: a second array of this size may not fit
        if index != old:
            chips[index], thumbnails[index] = chips[old], thumbnails[old]
    parts, start = [], 0
    for records, (first, last) in zip(ordered, itertools.pairwise(ends), strict=True):
        read = [record for record, was_read in zip(records, is_read[first:last], strict=True) if was_read]
        part = slice(start, start + len(read))
        parts.append(Stored(read, chips[part], thumbnails[part]))
        start = part.stop
    return chips[:start], parts


class _Store:
    """Rows of the arrays that one source fills."""

    def __init__(
        self,
        chips: NDArray[np.uint8],
        thumbnails: NDArray[np.float32],
        is_read: NDArray[np.bool_],
        records: Sequence[Record],
        cut: Cut,
    ) -> None:
        self.chips, self.thumbnails, self.is_read, self.cut = chips, thumbnails, is_read, cut
        self.index = {record.name: row for row, record in enumerate(records)}

    def add(self, item: tuple[str, bytes]) -> str | None:
        """Decodes and stores one picture; returns the reason if it cannot be used."""
        name, content = item
        try:
            found = self.cut(decode_picture(content, name))
        except PictureError:
            return "unreadable picture"
        if not len(found):
            return "no face found"
        row = self.index[name]
        self.chips[row] = resize_chips(found, self.chips.shape[1:3])[0]
        grey = Image.fromarray(found[0]).convert("L")
        self.thumbnails[row] = np.asarray(grey.resize((THUMBNAIL_SIZE,) * 2, Image.Resampling.BOX)).ravel()
        self.is_read[row] = True
        return None
