"""Finds the faces in photographs, and writes each to a file of its own, with a table of where it was found."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from facekit.core.errors import PictureError, UsageError
from facekit.core.files import writable_folder, write_rows
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

    def add(self, found: Faces | PictureError) -> None:
        """Counts a photograph, by its faces or by why it could not be read."""
        if isinstance(found, PictureError):
            self.unreadable += 1
        else:
            self.photographs += 1
            self.faces += len(found)
            self.without_face += not found

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
    is_new = not folder.exists()
    writable_folder(folder, argument="output")
    counts, rows = Cropped(), list[tuple[object, ...]]()
    try:
        for path, stem, found in _search(photographs, finder, chip):
            counts.add(found)
            if isinstance(found, PictureError):
                report(found)
            else:
                rows += ((path, *row) for row in _save(found, folder, stem, suffix))
    finally:  # also of a run that is interrupted: the table has all files
        if counts.photographs:
            write_rows(folder / TABLE, [COLUMNS, *rows])
        elif is_new:
            folder.rmdir()
    return counts


def _save(found: Faces, folder: Path, stem: str, suffix: str) -> Iterator[tuple[object, ...]]:
    """Writes the faces of a photograph; yields the rest of the row of each, once its file is there."""
    for number, (face, picture) in enumerate(found, start=1):
        file = f"{stem}-{number}{suffix}"
        save_picture(picture, folder / file)
        yield (*face.box, None if face.score is None else round(face.score, 4), file)


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
