"""HDF5 files with a header that is checked first: damage makes HDF5's library crash, or read for ever.

The header is HDF5's user block, which other programs skip. It holds a digest of itself and of all that follows, and the
attributes, so that these are read without HDF5. Files without it, of other programs and earlier versions, are first
read in another process.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import WeightsError
from facekit.core.files import atomic_path

if TYPE_CHECKING:
    import h5py

Tensors = dict[str, NDArray[np.generic]]
Attributes = dict[str, str]

_MAGIC = b"facekit 1 "
_READ_ALL = """
import signal, sys
import h5py

def read(name, item):
    dict(item.attrs)
    if isinstance(item, h5py.Dataset):
        item[()]

if hasattr(signal, "setitimer"):  # ends this process after so many seconds of CPU time
    signal.setitimer(signal.ITIMER_PROF, float(sys.argv[2]))
with h5py.File(sys.argv[1], "r") as file:
    read("", file)
    file.visititems(read)
"""


def write_hdf5(path: Path, datasets: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
    """Writes an HDF5 file whole or not at all, with its header. Raises OSError."""
    import h5py

    header: dict[str, Any] = {
        "attributes": dict(attributes),
        "header_size": 512,
        "file_size": 1 << 60,
        "sha256": "0" * 64,
    }
    while len(_encode(header)) > header["header_size"]:  # HDF5 wants a power of two
        header["header_size"] *= 2
    encoded = io.BytesIO()  # in memory first: when HDF5 writes to the file itself, it hides why that failed
    with h5py.File(encoded, "w", userblock_size=header["header_size"]) as file:
        for name, value in datasets.items():
            file[name] = value
        file.attrs.update(attributes)  # for other programs
    content = encoded.getbuffer()
    header |= {"file_size": len(content), "sha256": hashlib.sha256(content[header["header_size"] :]).hexdigest()}
    text = _encode(header)
    content[: len(text)] = text
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def read_attributes(path: Path) -> Attributes:
    """Reads the attributes of a file that `write_hdf5` wrote; of another one, those that are text.

    Raises:
        WeightsError: it is missing, damaged or something else.
    """
    with _open(path) as stream:
        if header := _read_header(path, stream):
            return dict(header["attributes"])
    with open_hdf5(path) as file:
        return _text_attributes(file)


def read_hdf5(path: Path) -> tuple[Tensors, Attributes]:
    """Reads all tensors of a file by their path, and its attributes; raises as `read_attributes`."""
    import h5py

    tensors: Tensors = {}

    def collect(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            tensors[str(name)] = item[()]  # bytes where damage makes the name no UTF-8

    with open_hdf5(path) as file:
        file.visititems(collect)
        return tensors, _text_attributes(file)


@contextmanager
def open_hdf5(path: Path) -> "Iterator[h5py.File]":
    """Opens an HDF5 file for reading.

    Raises:
        WeightsError: it is missing, damaged or something else, or reading it fails inside the `with`.
    """
    import h5py

    source: Path | io.BytesIO = path
    with _open(path) as stream:
        if header := _read_header(path, stream):
            content = stream.read()
            if hashlib.sha256(memoryview(content)[header["header_size"] :]).hexdigest() != header["sha256"]:
                raise _damaged(path)
            source = io.BytesIO(content)
        else:
            status = os.fstat(stream.fileno())
            _check_readable(path, status.st_size, status.st_mtime_ns, status.st_ino)
    try:
        with h5py.File(source, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:  # what damage makes h5py raise
        raise _damaged(path) from error


def hash_tensors(tensors: Tensors) -> str:
    """Returns a hash of tensors and their names, which is the same in whatever file they are."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


def _encode(header: Mapping[str, Any]) -> bytes:
    """Encodes a header as two lines: magic number and digest of the second, which is JSON."""
    text = json.dumps(header).encode() + b"\n"
    return _MAGIC + hashlib.sha256(text).hexdigest().encode() + b"\n" + text


def _open(path: Path) -> BinaryIO:
    """Opens a file. It is read through this alone, as another may take its place meanwhile. Raises WeightsError."""
    if not path.is_file():
        raise WeightsError(f"No weights file {path}. Train one, or name another.", argument="weights")
    try:
        return open(path, "rb")
    except OSError as error:
        raise WeightsError(f"Cannot read {path}: {error.strerror or error}.", argument="weights") from error


def _read_header(path: Path, stream: BinaryIO) -> dict[str, Any] | None:
    """Reads a file's header and rewinds; None if the file starts as HDF5, without one. Raises WeightsError."""
    first, text = stream.readline(len(_MAGIC) + 65), b""
    if first.startswith(_MAGIC):
        text = stream.readline()
    file_size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if first == b"\x89HDF\r\n":
        return None
    if first != _MAGIC + hashlib.sha256(text).hexdigest().encode() + b"\n":
        raise _damaged(path)
    header: dict[str, Any] = json.loads(text)
    if file_size != header["file_size"]:
        raise _damaged(path)
    return header


@lru_cache(maxsize=16)
def _check_readable(path: Path, size: int, *version: int) -> None:
    """Reads a file without a header in another process, which damage may kill. Raises WeightsError if it does."""
    seconds = 1 + size / 100e6
    command = [sys.executable, "-P", "-c", _READ_ALL, str(path), str(seconds)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=30 * seconds)
    except (subprocess.SubprocessError, OSError) as error:
        raise _damaged(path) from error


def _text_attributes(file: "h5py.File") -> Attributes:
    return {str(name): value for name, value in file.attrs.items() if isinstance(value, str)}


def _damaged(path: Path) -> WeightsError:
    return WeightsError(f"{path} is damaged or not a weights file. Fetch or train it again.")
