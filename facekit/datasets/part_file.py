"""A file of chips that is being prepared: rows are appended as pictures are read, and are found again after a kill."""

import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import DataError
from facekit.core.files import make_folder, writing
from facekit.core.locks import acquire_lock
from facekit.datasets.duplicates import THUMBNAIL_SIZE
from facekit.datasets.records import CutFace
from facekit.datasets.store import NO_FACE, UNREADABLE

_STATES = ("", UNREADABLE, NO_FACE)  # of a row: a face, or the reason why there is none


class PartFile:
    """The rows that were written so far, behind one line of JSON that says what they are of.

    Args:
        output: the file that is prepared; `<output>.part` is made, or continued.
        header: what it is of; a file of something else is refused.
        size: side of the chips, pixels.

    Attributes:
        path: of the file.
        done: number of the record -> its row. Records whose picture could not be read in an earlier run are not there.

    Raises:
        DataError: it is of something else, another process writes it, or the output exists.
        FaceKitError: it cannot be written.
    """

    def __init__(self, output: Path, header: Mapping[str, Any], size: int) -> None:
        self.path = path = output.with_name(f"{output.name}.part")
        content = [("thumbnail", "u1", (THUMBNAIL_SIZE**2,)), ("chip", "u1", (size, size, 3))]
        self._type = np.dtype([("record", "<u4"), ("state", "u1"), *content, ("check", "<u4")])
        make_folder(path.absolute().parent, argument="output")
        with writing(path, argument="output"):
            self._file = open(path, "ab+")
        try:
            if not acquire_lock(self._file):
                raise DataError(f"Another process writes {path}. Wait for it, or choose another output.")
            if output.exists():  # another process has completed it since
                with suppress(OSError):  # Windows removes no open file
                    path.unlink()
                refuse_existing(output)
            self._start = self._check_header(header)
            self.done, self._count = self._find_rows()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with writing(self.path, argument="output"):
            self._file.close()

    def add(self, record: int, face: CutFace | str) -> None:
        """Appends the face of a record, or the reason why there is none. Raises FaceKitError if the disk is full."""
        row = np.zeros((), self._type)
        row["record"] = record
        if isinstance(face, str):
            row["state"] = _STATES.index(face)
        else:
            row["chip"], row["thumbnail"] = face.chip, face.thumbnail
        row["check"] = _checksum(row)
        with writing(self.path, argument="output"):
            self._file.write(row.tobytes())
        self.done[record] = self._count  # of a record that is added twice, the last row counts
        self._count += 1

    def rows(self) -> NDArray[np.void]:
        """Returns all rows, which stay in the file. Raises FaceKitError if the last cannot be written."""
        with writing(self.path, argument="output"):
            self._file.flush()
        if not self._count:
            return np.empty(0, self._type)
        return np.memmap(self.path, self._type, "r", self._start, (self._count,))

    def remove(self) -> None:
        """Removes the file, which must be closed. Raises FaceKitError if that fails."""
        with writing(self.path, argument="output"):
            self.path.unlink(missing_ok=True)

    def reasons(self) -> dict[int, str]:
        """Returns number of the record -> reason, for those without a face."""
        rows = self.rows()
        states = rows["state"].tolist()
        return {record: _STATES[states[row]] for record, row in self.done.items() if states[row]}

    def _check_header(self, header: Mapping[str, Any]) -> int:
        """Writes the header, or compares the one that is there; returns where the rows start."""
        line = json.dumps(header, sort_keys=True).encode() + b"\n"
        self._file.seek(0)
        found = self._file.readline(1 << 20)
        if not found.endswith(b"\n"):  # new, or killed before its first row
            with writing(self.path, argument="output"):
                self._file.truncate(0)
                self._file.write(line)
                self._file.flush()
        elif found != line:
            raise DataError(
                f"{self.path} was begun with another {_difference(found, header)}. Go on with the same, delete it, or "
                "choose another output.",
                argument="output",
            )
        return len(line)

    def _find_rows(self) -> tuple[dict[int, int], int]:
        """Finds the whole rows, and cuts off what follows them; returns those that are done, and how many there are."""
        done: dict[int, int] = {}
        count = 0
        self._file.seek(self._start)
        while len(content := self._file.read(self._type.itemsize)) == self._type.itemsize:
            row = np.frombuffer(content, self._type)[0]
            if row["check"] != _checksum(row):
                break
            if _STATES[row["state"]] != UNREADABLE:  # it may be readable by now
                done[int(row["record"])] = count
            count += 1
        self._file.truncate(self._start + count * self._type.itemsize)
        return done, count


def refuse_existing(output: Path) -> None:
    """Raises DataError if there is such a file."""
    if output.exists():
        raise DataError(f"{output} exists. Delete it, or choose another output.", argument="output")


def _checksum(row: Any) -> int:
    return zlib.crc32(row.tobytes()[:-4])


def _difference(found: bytes, header: Mapping[str, Any]) -> str:
    """Returns what differs from the header that was found."""
    try:
        before = dict(json.loads(found))
    except ValueError:
        return "content"
    return next((str(name) for name in header if before.get(name) != header[name]), "content")
