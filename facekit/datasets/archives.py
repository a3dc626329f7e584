"""Files of a folder or an archive, one after the other, without unpacking it."""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from facekit.core.errors import DataError

# What damaged archives raise, and encrypted ones, ones of an unknown compression, and links to nowhere.
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, RuntimeError, KeyError)


def list_files(source: Path) -> list[str]:
    """Names of all files in a folder, `.tar`, `.tar.gz` or `.zip`, relative to it.

    Raises:
        DataError: it is missing or damaged, or no archive.
    """
    return [name for name, _ in _walk(source, set())]


def read_files(source: Path, names: set[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of the named files, in the order in which they lie there. Raises as `list_files`."""
    return ((name, content) for name, content in _walk(source, names) if name in names)


def _walk(source: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """All files; content only of the wanted ones."""
    try:
        if source.is_dir():
            for path in sorted(path for path in source.rglob("*") if path.is_file()):
                name = path.relative_to(source).as_posix()
                yield name, path.read_bytes() if name in wanted else b""
        elif zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                for member in archive.infolist():
                    if not member.is_dir():
                        yield member.filename, archive.read(member) if member.filename in wanted else b""
        else:
            with tarfile.open(source, "r:*") as archive:
                for entry in archive:
                    content = archive.extractfile(entry) if entry.name in wanted else None
                    if entry.isfile():
                        yield entry.name, content.read() if content else b""
                _check_end(archive)
    except (*_DAMAGE, OSError) as error:
        reason = str(error).splitlines()[0] if source.suffix != ".csv" else "for a table, add --dataset table"
        raise DataError(f"{source} cannot be read as a folder, .tar, .tar.gz or .zip: {reason}.") from error


def _check_end(archive: tarfile.TarFile) -> None:
    """Reads on to the end, where gzip compares its checksum: at a damaged header `tarfile` just stops."""
    while archive.fileobj and (rest := archive.fileobj.read(1 << 20)):
        if rest.strip(b"\0"):
            raise tarfile.ReadError("a header in it is damaged")
