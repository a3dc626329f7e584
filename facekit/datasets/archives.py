"""Reads the files of folders and archives one after the other, without unpacking them."""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from facekit.core.errors import DataError

# Raised by damaged and encrypted archives, unknown compressions, and dangling links.
_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(EOFError, KeyError, RuntimeError, ValueError),
)


def list_files(source: Path) -> list[str]:
    """Lists all files of a folder, `.tar`, `.tar.gz`, `.tar.xz` or `.zip`, by their names in it.

    Raises:
        DataError: it is missing or damaged, or no archive.
    """
    return [name for name, _ in _walk(source, set())]


def read_files(source: Path, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yields name and content of the named files, in the order in which they lie there. Raises as `list_files`.

    The content of a damaged or encrypted member of a `.zip` is empty, unless none of them can be read.
    """
    return ((name, content) for name, content in _walk(source, names) if name in names)


def _walk(source: Path, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yields all files; content only of the wanted ones."""
    try:
        if source.is_dir():
            for path in sorted(path for path in source.rglob("*") if path.is_file()):
                name = path.relative_to(source).as_posix()
                yield name, path.read_bytes() if name in wanted else b""
        elif zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                yield from _walk_zip(archive, wanted)
        else:
            with tarfile.open(source, "r:*") as archive:
                for entry in archive:
                    content = archive.extractfile(entry) if entry.name in wanted else None
                    if entry.isfile():
                        yield entry.name, content.read() if content else b""
                _check_end(archive)
    except (*_DAMAGE, OSError) as error:
        reason = str(error).splitlines()[0] if source.suffix != ".csv" else "for a table, name the data set table"
        raise DataError(
            f"{source} cannot be read as a folder, .tar, .tar.gz, .tar.xz or .zip: {reason}.",
            argument="dataset" if source.suffix == ".csv" else None,
        ) from error


def _walk_zip(archive: zipfile.ZipFile, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yields all members; each is compressed by itself, so that those behind a damaged one can be read."""
    failure, any_read = None, False
    for member in archive.infolist():
        content = b""
        if member.filename in wanted:
            try:
                content, any_read = archive.read(member), True
            except _DAMAGE as error:
                failure = error
        if not member.is_dir():
            yield member.filename, content
    if failure and not any_read:
        raise failure


def _check_end(archive: tarfile.TarFile) -> None:
    """Reads to the end, where gzip compares its checksum: at a damaged header `tarfile` just stops."""
    while archive.fileobj and (rest := archive.fileobj.read(1 << 20)):
        if rest.strip(b"\0"):
            raise tarfile.ReadError("a header in it is damaged")
