"""Paths of the project and the user, and files that are written whole or not at all."""

import csv
import errno
import io
import os
import sys
import tempfile
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from facekit.core.errors import FaceKitError

# The folder of face_weights/, fonts/ and demo_images/: the checkout; facekit/ itself where a wheel was installed.
_PACKAGE = Path(__file__).resolve().parent.parent
PROJECT = _PACKAGE if (_PACKAGE / "face_weights").is_dir() else _PACKAGE.parent
LOGS = Path("logs")  # of trainings, a folder each, in the working folder

# Reading it means setting it for all threads of the process: once, before there are any.
_UMASK = os.umask(0)
os.umask(_UMASK)


@contextmanager
def writing(
    path: str | Path, error: type[FaceKitError] = FaceKitError, *, argument: str | None = None
) -> Iterator[None]:
    """Turns an OSError of a failed write into one clear line; a pipe that its reader has closed is no failure.

    Args:
        path: what is written, for the message.
        error: class to raise.
        argument: name of the argument that gave the path.

    Raises:
        FaceKitError: of class `error`, if the block raises OSError.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as failure:
        reason = failure.strerror or failure
        raise error(
            f"Cannot write {path}: {reason}. Free some space or choose another path.", argument=argument
        ) from failure


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary name beside `path`; on success the file takes its place, on failure it is removed.

    A device or a pipe, such as /dev/stdout, is never replaced: the data is copied into it.
    """
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        with tempfile.TemporaryDirectory() as folder:
            yield (temporary := Path(folder) / f"file{path.suffix}")
            with open(path, "wb") as device:
                device.write(temporary.read_bytes())
        return
    path = Path(os.path.realpath(path))  # a link stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays: writers of pictures and videos choose the format by it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_UMASK)  # mkstemp makes files private
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_temporaries(folder: Path, stem: str = "*") -> None:
    """Removes what killed processes left of files that they wrote with `atomic_path`.

    Args:
        folder: where the files are.
        stem: their names without the suffix, a pattern.
    """
    for path in folder.glob(f".{stem}-????????.*"):
        path.unlink(missing_ok=True)


def is_one_of(path: str | Path, others: Iterable[str | Path]) -> bool:
    """Tells whether a path is the same file as one of the others, by whatever name; "-" is none."""
    return str(path) != "-" and os.path.realpath(path) in {os.path.realpath(other) for other in others}


def write_text(target: str, text: str) -> None:
    """Writes a text file whole or not at all, or to stdout for "-".

    Raises:
        FaceKitError: it cannot be written.
    """
    if target == "-":
        print(text, end="")
        return
    with writing(target), atomic_path(target) as temporary:
        # Names of files that are not UTF-8 are written as they are.
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_rows(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Writes a CSV table, whole or not at all. Raises FaceKitError if it cannot be written."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(str(path), text.getvalue())


def make_folder(target: str | Path, *, argument: str | None = None) -> Path:
    """Makes a folder if it is missing.

    Raises:
        FaceKitError: it cannot be made.
    """
    folder = Path(target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise FaceKitError(f"Cannot make the folder {folder}: {reason}. Choose another.", argument=argument) from error
    return folder


def writable_folder(target: str | Path, *, argument: str | None = None) -> Path:
    """Makes a folder if it is missing, and checks that files can be made in it, before anything takes long.

    Raises:
        FaceKitError: they cannot.
    """
    folder = make_folder(target, argument=argument)
    with writing(f"to the folder {folder}", argument=argument), tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x")
    return folder


def check_writable(path: Path, *, argument: str | None = None) -> None:
    """Checks that a file can be written, before anything takes long; unlike `writable_folder`, makes no folder.

    Raises:
        FaceKitError: it cannot.
    """
    with writing(path, argument=argument):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        tempfile.TemporaryFile(dir=folder).close()


def cache_folder() -> Path | None:
    """Returns this system's folder for files that can be made again; XDG_CACHE_HOME, where it is set, on any system.

    None for a user without a home folder, as in a container that runs under another user id.
    """
    variables = ("XDG_CACHE_HOME", *(["LOCALAPPDATA"] if sys.platform == "win32" else []))
    if named := next(filter(None, map(os.environ.get, variables)), None):
        return Path(named) / "facekit"
    usual = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    try:
        return Path.home() / usual / "facekit"
    except RuntimeError:
        return None


def user_state() -> Path:
    """Returns the folder for files that must outlive a program, unlike a cache, which may be emptied at any time."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")


def unused_path(path: Path, taken: Container[str] = ()) -> Path:
    """Returns `path`, or the first of path-2, path-3, ... that does not exist yet.

    Args:
        path: preferred.
        taken: names, casefolded, of files of that folder that will exist.
    """
    candidate, number = path, 2
    while candidate.name.casefold() in taken or candidate.exists():
        candidate = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return candidate
