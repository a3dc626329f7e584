"""Finds the faces in photographs, and writes each to a file of its own, with a table of where it was found."""

import csv
import io
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from facekit.core.errors import PictureError, UsageError
from facekit.core.files import writable_folder, write_text
from facekit.core.text import counted
from facekit.faces.batch import Picture
from facekit.faces.chips import ChipConfig
from facekit.faces.detectors import Detection
from facekit.faces.finder import FaceFinder
from facekit.faces.images import find_pictures, read_picture, save_picture

TABLE = "faces.csv"
COLUMNS = ("photograph", "left", "top", "right", "bottom", "score", "file")
_BLOCK = 32  # photographs whose faces are held at a time

Faces = list[tuple[Detection, Picture]]  # of a photograph: where each is, and its chip


@dataclass
class Cropped:
    """Counts of what was found in photographs.

    Args:
        photographs: those that were read.
        faces: files that were written.
        without_face: photographs in which none was found.
        unreadable: photographs that could not be read.
    """

    photographs: int = 0
    faces: int = 0
    without_face: int = 0
    unreadable: int = 0

    def __str__(self) -> str:
        parts = [counted(self.photographs, "photograph"), counted(self.faces, "face")]
        others = ((self.without_face, "without a face"), (self.unreadable, "could not be read"))
        return ", ".join(parts + [f"{number:,} {what}" for number, what in others if number])


def crop_faces(
    paths: Sequence[str],
    folder: Path,
    finder: FaceFinder,
    chip: ChipConfig,
    report: Callable[[PictureError], None],
    suffix: str = ".jpg",
) -> Cropped:
    """Writes each face as `PHOTOGRAPH-1.jpg`, `PHOTOGRAPH-2.jpg`, ... from left to right, and `faces.csv`.

    Args:
        paths: files, folders and patterns.
        folder: for the faces; it must be new or empty, so that nothing is overwritten.
        finder: finds the faces.
        chip: rule by which they are cut.
        report: is called with the error of each photograph that cannot be read.
        suffix: ".jpg" or ".png".

    Raises:
        UsageError: the folder has files, or there is no such suffix.
        PictureError, FaceKitError: a file cannot be written.
    """
    if suffix not in (".jpg", ".png"):
        raise UsageError(f"Faces are written as .jpg or .png. Received: {suffix}.", argument="format")
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"The output must be a new or an empty folder. Received: {folder}.", argument="output")
    photographs = find_pictures(paths)
    finder.rule(chip).load()
    writable_folder(folder, argument="output")
    counts, rows = Cropped(), list[tuple[object, ...]]()
    try:
        for path, stem, found in _search(photographs, finder, chip):
            if isinstance(found, PictureError):
                counts.unreadable += 1
                report(found)
                continue
            counts.photographs += 1
            counts.without_face += not found
            for number, (face, picture) in enumerate(found, start=1):
                file = f"{stem}-{number}{suffix}"
                save_picture(picture, folder / file)
                counts.faces += 1
                rows.append((path, *face.box, None if face.score is None else round(face.score, 4), file))
    finally:  # also of a run that is interrupted: the table has all files
        if counts.photographs:
            _write_table(folder, rows)
        else:
            folder.rmdir()
    return counts


def _search(
    photographs: Sequence[Path], finder: FaceFinder, chip: ChipConfig
) -> Iterator[tuple[str, str, Faces | PictureError]]:
    """Yields each photograph's path, the start of its faces' names, and its faces or error; searches in threads."""

    def search(path: Path) -> Faces | PictureError:
        try:
            picture = read_picture(path)
        except PictureError as error:
            return error
        found = finder.detect(picture)
        return list(zip(found, finder.cut(picture, [face.box for face in found], chip).chips, strict=True))

    remaining = iter(zip(photographs, _stems(photographs), strict=True))
    bar = tqdm(total=len(photographs), desc="Photographs", unit="", leave=False, disable=None)
    with bar, ThreadPoolExecutor() as threads:
        while block := list(itertools.islice(remaining, _BLOCK)):
            results = threads.map(search, [path for path, _ in block])
            for (path, stem), found in zip(block, results, strict=True):
                yield os.fspath(path), stem, found
                bar.update()


def _stems(photographs: Sequence[Path]) -> list[str]:
    """Returns the name of each photograph, with its suffix and a number where another has the same.

    Systems that ignore case take `A.jpg` and `a.jpg` for one file.
    """
    counts = Counter(path.stem.casefold() for path in photographs)
    taken: set[str] = set()
    stems = []
    for path in photographs:
        stem = path.stem if counts[path.stem.casefold()] == 1 else path.name
        number, candidate = 2, stem
        while candidate.casefold() in taken:
            candidate, number = f"{stem}-{number}", number + 1
        taken.add(candidate.casefold())
        stems.append(candidate)
    return stems


def _write_table(folder: Path, rows: Sequence[Sequence[object]]) -> None:
    """Writes `faces.csv`. Raises FaceKitError if that fails."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    write_text(str(folder / TABLE), text.getvalue())
