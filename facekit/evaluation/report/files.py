"""Writes the tables and pictures of a report: for each head its figures and its confusion, and all predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from facekit.core.errors import DataError
from facekit.core.files import atomic_path, write_rows, writing
from facekit.core.text import file_stem
from facekit.evaluation.curves import draw_curves, history_path
from facekit.evaluation.history import read_history
from facekit.evaluation.report.pictures import Caption, confusion_matrix, prediction_grid, sample
from facekit.heads import MISSING

if TYPE_CHECKING:
    from facekit.evaluation.evaluate import Predictions

CURVES = "training-curves.png"


def write_files(predictions: "Predictions", numbers: Mapping[str, Any], folder: Path) -> None:
    """Writes, beside the page, what programs and spreadsheets read.

    <head>-report.csv has the figures of each class or band; <head>-confusion.csv and .png count which is answered as
    which; predictions.csv has the label and the answer of every picture, predictions.png those of a few.

    Args:
        predictions: faces, labels and outputs.
        numbers: as `report_numbers` returns them.
        folder: that exists.

    Raises:
        FaceKitError: one of them cannot be written.
    """
    for name, section in numbers["heads"].items():
        stem = file_stem(name)
        _write_csv(folder / f"{stem}-report.csv", section["table"])
        if len(section["groups"]) == 1:  # of a number that has no bands
            continue
        _write_csv(folder / f"{stem}-confusion.csv", _confusion_rows(section))
        _write_png(folder / f"{stem}-confusion.png", confusion_matrix(name, section))
    if rows := _prediction_rows(predictions):
        _write_csv(folder / "predictions.csv", rows)
        places = sample(len(rows))
        captions = [_captions(predictions, place) for place in places]
        _write_png(folder / "predictions.png", prediction_grid(predictions.faces.chips[places], captions))


def write_curves(name: str, folder: Path) -> bytes | None:
    """Draws the curves of the training that is named so, where the log of its epochs lies in the working folder.

    Returns:
        The PNG, None if there is no such log; then an older one is removed.

    Raises:
        FaceKitError: it cannot be written.
    """
    path = folder / CURVES
    with writing(path):
        try:
            draw_curves(path, read_history(history_path(name)))
        except DataError:  # the log is elsewhere, or damaged
            path.unlink(missing_ok=True)
            return None
        return path.read_bytes()


def _confusion_rows(section: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns a row for each labelled class or band: the counts of what is answered."""
    counts = zip(section["groups"], section["confusion"], strict=True)
    return [{"labelled": group, **dict(zip(section["groups"], row, strict=True))} for group, row in counts]


def _prediction_rows(predictions: "Predictions") -> list[dict[str, Any]]:
    """Returns a row for each picture: its name, and each head's label and answer."""
    rows: list[dict[str, Any]] = [{"name": record.key} for record in predictions.faces.records]
    for head in predictions.heads:
        labels, answers = predictions.labels[head.name], head.decode(predictions.outputs[head.name])
        for row, label, answer in zip(rows, labels, answers, strict=True):
            row[f"{head.name}_label"] = None if label == MISSING else head.label_name(label)
            row |= answer.fields(head.name)
    return rows


def _captions(predictions: "Predictions", place: int) -> list[Caption]:
    """Returns name, label and answer of each head for one picture."""
    captions = []
    for head in predictions.heads:
        label, (answer,) = predictions.labels[head.name][place], head.decode(predictions.outputs[head.name][[place]])
        captions.append((head.name, "-" if label == MISSING else str(head.label_name(label)), answer.cell()))
    return captions


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    write_rows(path, [rows[0], *(row.values() for row in rows)])


def _write_png(path: Path, figure: Figure) -> None:
    with writing(path), atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)
