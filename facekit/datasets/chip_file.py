"""Files of chips: the faces of a data set, cut to one size, with all that its records say, in one HDF5 file.

HDF5's newer format has checksums of its own structure, and `fletcher32` adds those of the content, so that damage is an
error when it is read. Strings are arrays of bytes, as HDF5 checks no strings of varying length.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import DataError, FaceKitError
from facekit.core.files import atomic_path, remove_temporaries, writing
from facekit.core.text import file_stem
from facekit.datasets.duplicates import THUMBNAIL_SIZE
from facekit.datasets.records import CutFace, CutRule, Listing, Record
from facekit.faces.chips import chip_from_dict
from facekit.heads import Label

if TYPE_CHECKING:
    import h5py

FORMAT = 1
_ATTRIBUTE = "facekit_chips"
_BLOCK = 64  # chips that HDF5 stores, and checks, together
_TEXTS = ("name", "key", "order", "group", "side")  # fields of records; "" stands for None


@dataclass(frozen=True)
class ChipFileInfo:
    """Facts that a file of chips states of all its records together.

    Args:
        dataset: a key of `facekit.datasets.DATASETS`.
        source: name of the folder or archive that was read.
        cut_rule: how the faces were cut.
        min_score: lowest score of a face; None for all.
        dropped: reason -> number of records that are not in it.
    """

    dataset: str
    source: str
    cut_rule: CutRule
    min_score: float | None
    dropped: Mapping[str, int]

    def to_json(self) -> str:
        rule = {
            "detector": self.cut_rule.detector,
            "chip": self.cut_rule.chip.to_dict(),
            "size": self.cut_rule.size,
        }
        fields = {"dataset": self.dataset, "source": self.source, **rule, "min_score": self.min_score}
        return json.dumps({"format": FORMAT, **fields, "dropped": dict(self.dropped)})

    @classmethod
    def from_json(cls, text: str) -> "ChipFileInfo":
        """Reads what `to_json` wrote. Raises ValueError for a later format."""
        fields = json.loads(text)
        if fields["format"] > FORMAT:
            raise ValueError(f"format {fields['format']} is newer than this version of facekit")
        rule = CutRule(fields["detector"], chip_from_dict(fields["chip"]), fields["size"])
        return cls(fields["dataset"], fields["source"], rule, fields["min_score"], fields["dropped"])


def write_chip_file(
    path: Path, info: ChipFileInfo, records: Sequence[Record], rows: NDArray[np.void], index: Sequence[int]
) -> None:
    """Writes a file of chips, whole or not at all.

    Args:
        path: of the file.
        info: of all records.
        records: n of them.
        rows: structured, with `chip` (S, S, 3) and `thumbnail` (1024,); may lie in a file.
        index: (n,) the row of each record.

    Raises:
        FaceKitError: it cannot be written.
    """
    remove_temporaries(path.absolute().parent, path.stem)
    with writing(path, argument="output"), atomic_path(path) as temporary, _writing(temporary) as (file, check):
        file.attrs[_ATTRIBUTE] = info.to_json()
        file.create_group("labels")
        for name, column in _columns(records).items():
            _create(file, name, column.shape, column.dtype)[...] = column
        for name, array in (("image", rows["chip"]), ("thumbnail", rows["thumbnail"])):
            stored = _create(file, name, (len(index), *array.shape[1:]), np.uint8)
            for start in range(0, len(index), _BLOCK):
                stored[start : start + _BLOCK] = array[index[start : start + _BLOCK]]
                check()


def list_chip_file(dataset: str, path: Path) -> Listing:
    """Lists the records of a file of chips.

    Args:
        dataset: that it must be of.
        path: of the file.

    Raises:
        DataError: it is damaged, no file of chips, or of another data set.
    """
    with _reading(path) as file:
        text = file.attrs.get(_ATTRIBUTE)
        if not isinstance(text, str):
            raise DataError(
                f"{path} is HDF5, but no file of chips: it has no attribute {_ATTRIBUTE}. Prepare the data set, or "
                "name it as it was published.",
                argument="data",
            )
        info = ChipFileInfo.from_json(text)
        if info.dataset != dataset:
            raise DataError(f"{path} is of the data set {info.dataset}. Received: {dataset}.", argument="dataset")
        columns = {name: _strings(file[name]) for name in _TEXTS}
        scores = file["score"][()]
        labels = {unquote(name): _labels(stored) for name, stored in file["labels"].items()}
        shapes = file["image"].shape, file["thumbnail"].shape
    n = len(scores)
    lengths = {*map(len, columns.values()), *map(len, labels.values())}
    if lengths != {n} or len(shapes[0]) != 4 or shapes[0][3] != 3 or shapes[1] != (n, THUMBNAIL_SIZE**2):
        raise DataError(f"{path} is damaged: its arrays have different lengths. Prepare it anew.", argument="data")
    records = [
        Record(
            **{name: columns[name][row] or "" for name in ("name", "key", "order")},
            labels={name: column[row] for name, column in labels.items()},
            group=columns["group"][row],
            side=columns["side"][row],
            score=None if np.isnan(scores[row]) else float(scores[row]),
        )
        for row in range(n)
    ]
    return Listing(records, partial(_read_chips, path, records), Counter(info.dropped), info.cut_rule, info.min_score)


def _read_chips(path: Path, records: Sequence[Record], names: Collection[str]) -> Iterator[tuple[str, CutFace]]:
    """Yields the wanted chips, block by block."""
    with _reading(path) as file:
        images, thumbnails = file["image"], file["thumbnail"]
        for start in range(0, len(records), _BLOCK):
            block = records[start : start + _BLOCK]
            wanted = [record.name in names for record in block]
            if any(wanted):
                chips, small = images[start : start + _BLOCK], thumbnails[start : start + _BLOCK]
                for record, is_wanted, chip, thumbnail in zip(block, wanted, chips, small, strict=True):
                    if is_wanted:
                        yield record.name, CutFace(chip, thumbnail)


@contextmanager
def _reading(path: Path) -> "Iterator[h5py.File]":
    """Opens an HDF5 file; turns what damage makes h5py raise into DataError."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except FaceKitError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is damaged or no HDF5 file: {reason}. Prepare it anew.", argument="data") from error


def _columns(records: Sequence[Record]) -> dict[str, NDArray[Any]]:
    """Returns the arrays (n,) that hold the records."""
    columns = {name: _texts([getattr(record, name) for record in records]) for name in _TEXTS}
    scores = np.array([np.nan if record.score is None else record.score for record in records])
    for name in dict.fromkeys(name for record in records for name in record.labels):
        path, labels = f"labels/{file_stem(name)}", [record.labels.get(name) for record in records]
        if any(isinstance(label, str) for label in labels):
            columns[path] = _texts([None if label is None else str(label) for label in labels])
        else:
            columns[path] = np.array([np.nan if label is None else label for label in labels], float)
    return {**columns, "score": scores}


def _texts(values: Sequence[str | None]) -> NDArray[np.bytes_]:
    """Encodes strings; names of files need not be UTF-8."""
    return np.array([(value or "").encode("utf-8", "surrogateescape") for value in values], "S")


def _strings(stored: Any) -> list[str | None]:
    return [value.decode("utf-8", "surrogateescape") or None for value in stored[()]]


def _labels(stored: Any) -> list[Label | None]:
    """Decodes a column of labels; whole numbers become int, as readers give them."""
    if stored.dtype.kind == "S":
        return list(_strings(stored))
    numbers = stored[()].tolist()
    return [None if math.isnan(value) else int(value) if value.is_integer() else value for value in numbers]


@contextmanager
def _writing(path: Path) -> "Iterator[tuple[h5py.File, Callable[[], None]]]":
    """Makes an HDF5 file, and a function that raises OSError if a write has failed."""
    import h5py

    with open(path, "w+b") as file:
        target = _Target(file)
        with h5py.File(target, "w", libver=("v110", "v110")) as stored:
            yield stored, target.check
        target.flush()
        target.check()


class _Target:
    """A file for HDF5, whose library crashes where a write fails: the first failure is kept, and hidden from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._failure: OSError | None = None
        self.seek, self.tell, self.read = file.seek, file.tell, file.read

    def write(self, content: bytes) -> int:
        self._try(lambda: self._file.write(content))
        return len(content)

    def truncate(self, size: int) -> int:
        self._try(lambda: self._file.truncate(size))
        return size

    def flush(self) -> None:
        self._try(self._file.flush)

    def check(self) -> None:
        """Raises the failure."""
        if self._failure:
            raise self._failure

    def _try(self, change: Callable[[], object]) -> None:
        if self._failure is None:
            try:
                change()
            except OSError as error:
                self._failure = error


def _create(file: "h5py.File", name: str, shape: tuple[int, ...], kind: Any) -> Any:
    chunks = (min(_BLOCK if len(shape) > 1 else 4096, shape[0]), *shape[1:])
    return file.create_dataset(name, shape, kind, chunks=chunks, fletcher32=True)
