"""Decodes the pictures of records, cuts their faces and stores the chips in one array."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from facekit.core.errors import PictureError
from facekit.datasets.duplicates import THUMBNAIL_SIZE
from facekit.datasets.listing import Cut
from facekit.datasets.records import Content, CutFace, ReadFiles, Record
from facekit.faces.batch import InputSize, Picture, height_and_width
from facekit.faces.chips import resize_chips
from facekit.faces.images import decode_picture

_BLOCK = 256  # pictures that are held encoded
UNREADABLE, NO_FACE = "unreadable picture", "no face found"  # reasons why a picture cannot be used

Result = TypeVar("Result")
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
    ordered = [oldest_first(source.records) for source in sources]
    n = sum(map(len, ordered))
    chips = allocate((n, *height_and_width(size), 3))
    thumbnails = np.empty((n, THUMBNAIL_SIZE**2), np.float32)
    is_read = np.zeros(n, bool)
    ends = list(itertools.accumulate(map(len, ordered), initial=0))
    with progress_bar(n) as bar:
        for source, records, start in zip(sources, ordered, ends[:-1], strict=True):
            rows = {record.name: row for row, record in enumerate(records, start)}
            if len(rows) < len(records):  # only the last of them can be told from the others
                source.dropped["name twice"] += len(records) - len(rows)
            for name, face in cut_faces(source, rows.keys(), size):
                bar.update()
                if isinstance(face, str):
                    source.dropped[face] += 1
                else:
                    row = rows[name]
                    chips[row], thumbnails[row], is_read[row] = face.chip, face.thumbnail, True
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


def oldest_first(records: Sequence[Record]) -> list[Record]:
    """Sorts records as splits need them."""
    return sorted(records, key=lambda record: (record.order, record.key))


def progress_bar(total: int, done: int = 0) -> "tqdm[None]":
    """Makes a progress bar on stderr, if that is a terminal."""
    return tqdm(total=total, initial=done, desc="Reading pictures", unit="", leave=False, disable=None)


def cut_faces(source: Pictures, names: Collection[str], size: InputSize) -> Iterator[tuple[str, CutFace | str]]:
    """Decodes pictures and cuts their faces, in threads.

    Args:
        source: where they are from; its records and what was dropped stay as they are.
        names: of those to read.
        size: of the chips, pixels.

    Returns:
        Name and face, or the reason why there is none: in the order in which they lie there.
    """

    def cut(item: tuple[str, Content]) -> tuple[str, CutFace | str]:
        name, content = item
        if isinstance(content, CutFace):
            chip, thumbnail = content.chip, content.thumbnail
        else:
            try:
                found = source.cut(decode_picture(content, name))
            except PictureError:
                return name, UNREADABLE
            if not len(found):
                return name, NO_FACE
            chip, thumbnail = found[0], None
        thumbnail = make_thumbnail(chip) if thumbnail is None else thumbnail
        return name, CutFace(resize_chips(chip[None], size)[0], thumbnail)

    return in_threads(cut, source.read_files, names)


def in_threads(
    work: Callable[[tuple[str, Content]], Result], read_files: ReadFiles, names: Collection[str]
) -> Iterator[Result]:
    """Yields the result of `work` for name and content of each of these files, in the order in which they lie there.

    An archive may hold a name twice: the first file counts.
    """

    def first_files() -> Iterator[tuple[str, Content]]:
        left = set(names)
        for name, content in read_files(names):
            if name in left:
                left.remove(name)
                yield name, content

    wanted = first_files()
    with ThreadPoolExecutor() as threads:
        while block := list(itertools.islice(wanted, _BLOCK)):
            yield from threads.map(work, block)


def make_thumbnail(chip: Picture) -> NDArray[np.uint8]:
    """Returns the grey copy (1024,) of a chip, by which near duplicates are found."""
    grey = Image.fromarray(chip).convert("L")
    return np.asarray(grey.resize((THUMBNAIL_SIZE,) * 2, Image.Resampling.BOX)).ravel()
