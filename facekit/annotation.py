"""Photographs -> drawn photographs, and what was estimated as JSON, CSV or a table."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facekit.core.errors import PictureError, lookup
from facekit.core.files import unused_path
from facekit.drawing.photographs import LANGUAGES, draw_estimates
from facekit.estimator import FaceEstimate, FaceEstimator
from facekit.faces.images import read_picture, save_picture
from facekit.heads import AgeAnswer, AgeHead, Answer, Head


@dataclass(frozen=True)
class Annotated:
    """What became of one photograph.

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
        """The photograph's entry in the JSON."""
        if not self.was_read:
            return {"path": str(self.path), "error": self.error}
        faces = [face.to_dict() for face in self.faces]
        return {"path": str(self.path), "width": self.width, "height": self.height, "faces": faces}


def annotate(
    paths: Sequence[Path], estimator: FaceEstimator, folder: Path, language: str = "en"
) -> Iterator[Annotated]:
    """Estimates and draws one photograph after the other; one that fails does not stop the rest.

    Args:
        paths: of photographs.
        estimator: what answers.
        folder: gets a drawn copy of each, named like the photograph; a name that is taken gets a number.
        language: of the captions, "en" or "zh".

    Raises:
        PictureError: the folder cannot be made.
        UnknownNameError: no such language.
    """
    lookup("language", language, LANGUAGES)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"Cannot make the folder {folder}: {error.strerror}. Name another with --output.") from error
    for path in paths:
        try:
            picture = read_picture(path)
            faces = estimator.estimate(picture)
        except PictureError as error:
            yield Annotated(path, error=str(error))
            continue
        height, width = picture.shape[:2]
        suffix = path.suffix if path.suffix.lower() in (".jpg", ".jpeg") else ".png"
        drawn = unused_path(folder / f"{path.stem}{suffix}")
        try:
            save_picture(draw_estimates(picture, faces, language), drawn)
        except PictureError as error:
            yield Annotated(path, width, height, faces, error=str(error))
        else:
            yield Annotated(path, width, height, faces, drawn)


def to_json(results: Sequence[Annotated]) -> str:
    """The list of photographs and their faces."""
    return json.dumps([result.to_dict() for result in results], indent=1) + "\n"


def to_csv(results: Sequence[Annotated], heads: Sequence[Head]) -> str:
    """One row a face; a photograph without faces, or one that failed, has a row without a box."""
    columns = ["path", "left", "top", "right", "bottom", "score"]
    columns += answer_columns(heads)
    text = io.StringIO()
    table = csv.DictWriter(text, [*columns, "error"], lineterminator="\n")
    table.writeheader()
    for result in results:
        rows = [_row(face) for face in result.faces] or [{}]
        table.writerows({"path": result.path, "error": result.error, **row} for row in rows)
    return text.getvalue()


def table_header(paths: Sequence[Path], heads: Sequence[Head]) -> str:
    """The first line of the table whose further lines are `table_rows`."""
    titles = [f"{'photograph':{_name_width(paths)}}", f"{'face at':<{_BOX_WIDTH}}"]
    titles += [f"{head.name if n else f'estimated {head.name}':<{_ANSWER_WIDTH}}" for n, head in enumerate(heads)]
    return "  ".join(titles).rstrip()


def table_rows(result: Annotated, paths: Sequence[Path]) -> str:
    """The lines of one photograph: one for each face, or why there is none."""
    lines = []
    for face in result.faces:
        box = f"{face.box[0]},{face.box[1]} to {face.box[2]},{face.box[3]}"
        answers = [f"{phrase(answer):<{_ANSWER_WIDTH}}" for answer in face.answers.values()]
        lines.append("  ".join([f"{box:<{_BOX_WIDTH}}", *answers]).rstrip())
    if result.error:
        lines.append(f"error: {result.error}")
    width = _name_width(paths)
    return "\n".join(f"{result.path.name:{width}.{width}}  {line}" for line in lines or ["no face found"])


_BOX_WIDTH, _ANSWER_WIDTH = 22, 18


def _name_width(paths: Sequence[Path]) -> int:
    return min(max((len(path.name) for path in paths), default=10), 32)


def phrase(answer: Answer) -> str:
    """An answer in a table."""
    if isinstance(answer, AgeAnswer):
        return f"{answer.years:.0f} ({answer.low:.0f} to {answer.high:.0f})"
    return f"{answer.label} {min(answer.probability, 0.99):.0%}"  # certain it never is


def answer_columns(heads: Sequence[Head]) -> list[str]:
    """The columns of a CSV that `answer_fields` fills."""
    return [
        f"{head.name}{detail}"
        for head in heads
        for detail in (("", "_low", "_high") if isinstance(head, AgeHead) else ("", "_probability"))
    ]


def answer_fields(answers: Mapping[str, Answer]) -> dict[str, Any]:
    """Column -> value, rounded as in the JSON."""
    row: dict[str, Any] = {}
    for name, answer in answers.items():
        fields = answer.to_dict()
        if isinstance(answer, AgeAnswer):
            row |= {name: fields["years"], f"{name}_low": fields["low"], f"{name}_high": fields["high"]}
        else:
            row |= {name: fields["label"], f"{name}_probability": fields["probability"]}
    return row


def _row(face: FaceEstimate) -> dict[str, Any]:
    box = dict(zip(("left", "top", "right", "bottom"), face.box, strict=True))
    return {**box, "score": face.to_dict()["score"], **answer_fields(face.answers)}
