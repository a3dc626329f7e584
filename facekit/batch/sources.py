"""Sources of pictures: files, folders, patterns, lists, buckets, tar shards and Parquet tables."""

import glob
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from facekit.core.errors import DataError, PictureError
from facekit.faces.images import SUFFIXES, Item

_SHARD, _TABLE, _LIST = ".tar", ".parquet", ".txt"
Found = tuple[str, Item | PictureError]


def file_system(path: str) -> tuple[fs.FileSystem, str]:
    """Returns the file system of a path or URI, and the path in it. Raises DataError for an unknown kind of URI."""
    if "://" not in path:
        return fs.LocalFileSystem(), path
    try:
        return fs.FileSystem.from_uri(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"An address must be such as s3://bucket/folder. Received: {path}: {error}.") from error


def list_entries(sources: Sequence[str], column: str | None = None) -> Iterator[str]:
    """Yields the entries of sources: a picture, a tar shard, or one row group of a table as <path>#<number>.

    Args:
        sources: files; folders and s3:// prefixes, whose pictures are taken with those of all subfolders; patterns;
            .txt lists of pictures, one a line; .tar shards; .parquet tables.
        column: of a table, with pictures or their paths.

    Raises:
        DataError: a source is missing, empty or refuses to be listed, or a table has no such column.
    """
    for source in sources:
        n_entries = 0
        for entry in _entries(source, column):
            n_entries += 1
            yield entry
        if not n_entries:
            raise DataError(f"A source must have pictures. Received: {source}, which has none. Check its name.")


def _entries(source: str, column: str | None) -> Iterator[str]:
    if source.endswith(_LIST):
        try:
            with open(source, encoding="utf-8") as lines:
                yield from filter(None, (line.strip() for line in lines))
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"A list must be a text file with a path a line. Received: {source}: {error}.") from error
    elif source.endswith(_TABLE):
        yield from _row_groups(source, column)
    elif source.endswith((_SHARD, *SUFFIXES)):
        yield from [source] if "://" in source or os.path.exists(source) else sorted(glob.glob(source, recursive=True))
    elif "://" in source:
        yield from _bucket(source)
    elif os.path.isdir(source):
        for folder, folders, names in os.walk(source):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (os.path.join(folder, name) for name in sorted(names) if _is_picture(name))
    else:
        for name in sorted(glob.glob(source, recursive=True)):
            if name.endswith((_SHARD, _TABLE)):
                yield from _entries(name, column)
            elif _is_picture(os.path.basename(name)):
                yield name


def _bucket(source: str) -> Iterator[str]:
    """Yields the pictures under a prefix."""
    system, folder = file_system(source)
    scheme, _, rest = source.partition("://")
    query = rest.partition("?")[2]
    try:
        infos = system.get_file_info(fs.FileSelector(folder, recursive=True))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{source} cannot be listed: {error}. Check its name, and who may read it.") from error
    for info in infos:
        if info.is_file and _is_picture(info.base_name):
            yield f"{scheme}://{info.path}" + (f"?{query}" if query else "")


def _row_groups(source: str, column: str | None) -> Iterator[str]:
    """Yields the row groups of a table."""
    system, path = file_system(source)
    try:
        with pq.ParquetFile(path, filesystem=system) as table:
            names, n_groups = table.schema_arrow.names, table.num_row_groups
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"A table must be a Parquet file. Received: {source}: {error}.") from error
    if column not in names:
        raise DataError(
            f"A table needs the name of its column of pictures or paths, one of {', '.join(names)}. "
            f"Received: {column} for {source}.",
            argument="column",
        )
    yield from (f"{source}#{number}" for number in range(n_groups))


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def is_shard(entry: str) -> bool:
    """Tells whether an entry holds many pictures."""
    return entry.endswith(_SHARD) or f"{_TABLE}#" in entry


def read_entry(entry: str, column: str | None = None) -> Iterator[Found]:
    """Yields name and content of each picture of an entry; a path where the file is a local one.

    Raises:
        OSError: a bucket does not answer, which says nothing about the picture.
    """
    try:
        if f"{_TABLE}#" in entry:
            yield from _read_row_group(entry, column)
        elif entry.endswith(_SHARD):
            yield from _read_shard(entry)
        elif "://" in entry:
            system, path = file_system(entry)
            with system.open_input_file(path) as file:
                yield entry, file.read()
        else:
            yield entry, Path(entry)
    except FileNotFoundError:
        yield entry, PictureError(f"A source must exist. Received: {entry}. Check its name.")
    except (tarfile.TarError, EOFError, pa.ArrowInvalid) as error:
        yield entry, PictureError(f"A shard must be whole. Received: {entry}: {error}. Copy or download it again.")


def _read_shard(entry: str) -> Iterator[Found]:
    system, path = file_system(entry)
    with system.open_input_stream(path) as stream, tarfile.open(fileobj=stream, mode="r|") as members:
        for member in members:
            if _is_picture(os.path.basename(member.name)) and (file := members.extractfile(member)):
                yield f"{entry}::{member.name}", file.read()


def _read_row_group(entry: str, column: str | None) -> Iterator[Found]:
    source, _, number = entry.rpartition("#")
    system, path = file_system(source)
    with pq.ParquetFile(path, filesystem=system) as table:
        values = table.read_row_group(int(number), columns=[column]).column(0)
    for row, value in enumerate(values):
        name, content = f"{entry}:{row}", value.as_py()
        if isinstance(content, str):
            yield from ((name, item) for _, item in read_entry(content))
        elif isinstance(content, bytes):
            yield name, content
        else:
            yield name, PictureError(f"A column of pictures must hold bytes or paths. Received: {content!r} in {name}.")
