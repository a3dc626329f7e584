"""Photographs -> drawn photographs, and the estimates as JSON, CSV or a table."""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from facekit.core.errors import FaceKitError, PictureError, lookup
from facekit.core.files import make_folder, unused_path
from facekit.core.text import counted
from facekit.drawing.blur import blur_faces
from facekit.drawing.languages import LANGUAGES
from facekit.drawing.photographs import draw_estimates
from facekit.estimates import FaceEstimate, PictureEstimate
from facekit.estimator import FaceEstimator
from facekit.faces.images import save_picture
from facekit.heads import Answer, Head

Estimated = PictureEstimate | FaceKitError
_BOX_WIDTH, _ANSWER_WIDTH, _LONGEST_NAME = 22, 18, 32  # of the table's columns, characters


@dataclass(frozen=True)
class Annotated:
    """The result of one photograph.

    Args:
        path: as it was given.
        width, height: of the upright picture, pixels.
        faces: from left to right.
        drawn: the picture with the estimates drawn in, None if it could not be written.
        error: why the photograph could not be read, or the drawn one not be written.
    """

    path: Path
    width: int = 0
    height: int = 0
    faces: Sequence[FaceEstimate] = field(default_factory=list)
    drawn: Path | None = None
    error: str | None = None

    @property
    def was_read(self) -> bool:
        return self.width > 0

    def to_dict(self) -> dict[str, Any]:
        """Returns the photograph's entry in the JSON."""
        if not self.was_read:
            return {"path": str(self.path), "error": self.error}
        faces = [face.to_dict() for face in self.faces]
        return {"path": str(self.path), "width": self.width, "height": self.height, "faces": faces}


def annotate(
    paths: Sequence[Path],
    estimator: FaceEstimator,
    folder: Path,
    language: str = "en",
    *,
    blur: bool = False,
    workers: int = 1,
) -> Iterator[Annotated]:
    """Estimates and draws photographs; one that fails does not stop the rest.

    Args:
        paths: of photographs.
        estimator: what answers.
        folder: gets a drawn copy of each, named like the photograph; a name that is taken gets a number.
        language: of the captions, "en" or "zh".
        blur: make the found faces unrecognisable.
        workers: number of processes that estimate and draw, as of `FaceEstimator.estimate_batch`.

    Raises:
        FaceKitError: the folder cannot be made.
        UnknownNameError: no such language.
        UsageError, FaceKitError: as `facekit.parallel.Workers`.
    """
    lookup("language", language, LANGUAGES)
    make_folder(folder, argument="output")
    draw = partial(_draw, language=language, blur=blur)
    drawn_paths = _drawn_paths(paths, folder)
    if workers == 1:
        for path, drawn, result in zip(paths, drawn_paths, estimator.estimate_batch(paths), strict=True):
            yield draw(path, drawn, result)
        return
    from facekit.parallel import Workers

    tasks = ((path, (path, drawn)) for path, drawn in zip(paths, drawn_paths, strict=True))
    with Workers(estimator, workers) as processes:
        for path, done in processes.map(partial(_annotate_alone, draw=draw), tasks):
            yield done if isinstance(done, Annotated) else Annotated(path, error=str(done))


def _annotate_alone(
    estimator: FaceEstimator, task: tuple[Path, Path], draw: Callable[[Path, Path, Estimated], Annotated]
) -> Annotated:
    path, drawn = task
    (result,) = estimator.estimate_batch([path])
    return draw(path, drawn, result)


def _draw(path: Path, drawn: Path, result: Estimated, *, language: str, blur: bool) -> Annotated:
    """Writes the drawn picture of one photograph."""
    if isinstance(result, FaceKitError):
        return Annotated(path, error=str(result))
    picture = blur_faces(result.picture, [face.box for face in result.faces]) if blur else result.picture
    try:
        save_picture(draw_estimates(picture, result.faces, language), drawn)
    except PictureError as error:
        return Annotated(path, result.width, result.height, result.faces, error=str(error))
    return Annotated(path, result.width, result.height, result.faces, drawn)


def _drawn_paths(paths: Iterable[Path], folder: Path) -> Iterator[Path]:
    """Yields the name of each drawn picture: one that neither exists nor is another photograph's."""
    taken: set[str] = set()
    for path in paths:
        suffix = path.suffix if path.suffix.lower() in (".jpg", ".jpeg") else ".png"
        drawn = unused_path(folder / f"{path.stem}{suffix}", taken)
        taken.add(drawn.name.casefold())
        yield drawn


def to_json(results: Sequence[Annotated]) -> str:
    """Writes the list of photographs and their faces."""
    return json.dumps([result.to_dict() for result in results], indent=1) + "\n"


def to_csv(results: Sequence[Annotated], heads: Sequence[Head]) -> str:
    """Writes one row a face; a photograph without faces, or one that failed, has a row without a box."""
    columns = ["path", "left", "top", "right", "bottom", "score", "quality", *answer_columns(heads)]
    text = io.StringIO()
    table = csv.DictWriter(text, [*columns, "error"], lineterminator="\n")
    table.writeheader()
    for result in results:
        rows = [_row(face) for face in result.faces] or [{}]
        table.writerows({"path": result.path, "error": result.error, **row} for row in rows)
    return text.getvalue()


class Table:
    """The lines that are printed while photographs are read.

    Args:
        paths: of all photographs; a name that several of them have is printed with its folder.
        heads: whose answers are printed.
    """

    def __init__(self, paths: Sequence[Path], heads: Sequence[Head]) -> None:
        names = {path: path.name or str(path) for path in paths}  # "." has no name
        n_paths = Counter(names.values())
        self._names = {path: name if n_paths[name] == 1 else str(path) for path, name in names.items()}
        self._width = min(max(map(len, ("photograph", *self._names.values()))), _LONGEST_NAME)
        self._titles = [f"{title:<{_ANSWER_WIDTH}}" for title in answer_titles(heads)]

    @property
    def header(self) -> str:
        return "  ".join([f"{'photograph':{self._width}}", f"{'face at':<{_BOX_WIDTH}}", *self._titles]).rstrip()

    def rows(self, result: Annotated) -> str:
        """Returns the lines of one photograph: one for each face, or why there is none."""
        lines = []
        for face in result.faces:
            box = f"{face.box[0]},{face.box[1]} to {face.box[2]},{face.box[3]}"
            answers = [f"{answer!s:<{_ANSWER_WIDTH}}" for answer in face.answers.values()]
            lines.append("  ".join([f"{box:<{_BOX_WIDTH}}", *answers]).rstrip())
        if result.error:
            lines.append(f"error: {result.error}")
        name = self._names[result.path]
        if len(name) > self._width:  # the end tells more than the folders at the start
            name = "…" + name[1 - self._width :]
        return "\n".join(f"{name:{self._width}}  {line}" for line in lines or ["no face found"])


def summary(results: Sequence[Annotated], folder: Path) -> str:
    """Returns the last line: photographs, faces and failures, and the folder of the drawn pictures."""
    read = [result for result in results if result.was_read]
    n_folders = sum(not result.was_read and os.path.isdir(result.path) for result in results)
    n_photographs = len(results) - n_folders
    drawn = sum(result.drawn is not None for result in results)
    n_faces = sum(len(result.faces) for result in read)
    counts = [counted(n_photographs, "photograph"), counted(n_faces, "face")]
    for number, what in (
        (sum(not result.faces for result in read), "without a face"),
        (n_photographs - len(read), "could not be read"),
        (len(read) - drawn, "could not be drawn"),
    ):
        counts += [f"{number:,} {what}"] if number else []
    counts += [f"{counted(n_folders, 'folder')} without readable photographs"] if n_folders else []
    text = ", ".join(counts) + (f"; drawn in {folder}" if drawn else "")
    return f"{text}." + (" All figures are estimates of appearance, in years and percent." if n_faces else "")


def answer_titles(heads: Sequence[Head]) -> list[str]:
    """Lists the titles of the columns of a table for the terminal."""
    return [f"estimated {head.name}" if n == 0 else head.name for n, head in enumerate(heads)]


def answer_columns(heads: Sequence[Head]) -> list[str]:
    """Returns the columns of a CSV that `answer_fields` fills."""
    return [column for head in heads for column in head.columns]


def answer_fields(answers: Mapping[str, Answer]) -> dict[str, Any]:
    """Returns column -> value, rounded as in the JSON."""
    return {column: value for name, answer in answers.items() for column, value in answer.row(name).items()}


def _row(face: FaceEstimate) -> dict[str, Any]:
    box = dict(zip(("left", "top", "right", "bottom"), face.box, strict=True))
    rounded = face.to_dict()
    return {**box, "score": rounded["score"], "quality": rounded["quality"], **answer_fields(face.answers)}
