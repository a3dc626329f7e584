"""Photographs -> drawn photographs, and the estimates as JSON, CSV or a table."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facekit.core.errors import FaceKitError, PictureError, lookup
from facekit.core.files import make_folder, unused_path
from facekit.drawing.languages import LANGUAGES
from facekit.drawing.photographs import draw_estimates
from facekit.estimator import FaceEstimate, FaceEstimator
from facekit.faces.images import save_picture
from facekit.heads import Answer, Head

_BOX_WIDTH, _ANSWER_WIDTH = 22, 18  # of the table's columns, characters


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
    paths: Sequence[Path], estimator: FaceEstimator, folder: Path, language: str = "en"
) -> Iterator[Annotated]:
    """Estimates and draws photographs; one that fails does not stop the rest.

    Args:
        paths: of photographs.
        estimator: what answers.
        folder: gets a drawn copy of each, named like the photograph; a name that is taken gets a number.
        language: of the captions, "en" or "zh".

    Raises:
        FaceKitError: the folder cannot be made.
        UnknownNameError: no such language.
    """
    lookup("language", language, LANGUAGES)
    make_folder(folder, argument="output")
    for path, result in zip(paths, estimator.estimate_batch(paths), strict=True):
        if isinstance(result, FaceKitError):
            yield Annotated(path, error=str(result))
            continue
        height, width = result.picture.shape[:2]
        suffix = path.suffix if path.suffix.lower() in (".jpg", ".jpeg") else ".png"
        drawn = unused_path(folder / f"{path.stem}{suffix}")
        try:
            save_picture(draw_estimates(result.picture, result.faces, language), drawn)
        except PictureError as error:
            yield Annotated(path, width, height, result.faces, error=str(error))
        else:
            yield Annotated(path, width, height, result.faces, drawn)


def to_json(results: Sequence[Annotated]) -> str:
    """Writes the list of photographs and their faces."""
    return json.dumps([result.to_dict() for result in results], indent=1) + "\n"


def to_csv(results: Sequence[Annotated], heads: Sequence[Head]) -> str:
    """Writes one row a face; a photograph without faces, or one that failed, has a row without a box."""
    columns = ["path", "left", "top", "right", "bottom", "score", *answer_columns(heads)]
    text = io.StringIO()
    table = csv.DictWriter(text, [*columns, "error"], lineterminator="\n")
    table.writeheader()
    for result in results:
        rows = [_row(face) for face in result.faces] or [{}]
        table.writerows({"path": result.path, "error": result.error, **row} for row in rows)
    return text.getvalue()


def table_header(paths: Sequence[Path], heads: Sequence[Head]) -> str:
    """Returns the first line of the table whose further lines are `table_rows`."""
    titles = [f"{'photograph':{_name_width(paths)}}", f"{'face at':<{_BOX_WIDTH}}"]
    titles += [f"{head.name if n else f'estimated {head.name}':<{_ANSWER_WIDTH}}" for n, head in enumerate(heads)]
    return "  ".join(titles).rstrip()


def table_rows(result: Annotated, paths: Sequence[Path]) -> str:
    """Returns the lines of one photograph: one for each face, or why there is none."""
    lines = []
    for face in result.faces:
        box = f"{face.box[0]},{face.box[1]} to {face.box[2]},{face.box[3]}"
        answers = [f"{answer!s:<{_ANSWER_WIDTH}}" for answer in face.answers.values()]
        lines.append("  ".join([f"{box:<{_BOX_WIDTH}}", *answers]).rstrip())
    if result.error:
        lines.append(f"error: {result.error}")
    width = _name_width(paths)
    return "\n".join(f"{result.path.name:{width}.{width}}  {line}" for line in lines or ["no face found"])


def _name_width(paths: Sequence[Path]) -> int:
    return min(max((len(path.name) for path in paths), default=10), 32)


def answer_columns(heads: Sequence[Head]) -> list[str]:
    """Returns the columns of a CSV that `answer_fields` fills."""
    return [column for head in heads for column in head.columns]


def answer_fields(answers: Mapping[str, Answer]) -> dict[str, Any]:
    """Returns column -> value, rounded as in the JSON."""
    return {column: value for name, answer in answers.items() for column, value in answer.row(name).items()}


def _row(face: FaceEstimate) -> dict[str, Any]:
    box = dict(zip(("left", "top", "right", "bottom"), face.box, strict=True))
    return {**box, "score": face.to_dict()["score"], **answer_fields(face.answers)}
