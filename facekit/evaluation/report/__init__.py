"""Writes an evaluation as one page for people, and its numbers as JSON, CSV and PNG."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from facekit.core.files import make_folder, write_text
from facekit.core.lazy_imports import from_extra

with from_extra("train"):
    from facekit.evaluation.report.comparison import render_comparison
    from facekit.evaluation.report.files import write_curves, write_files
    from facekit.evaluation.report.numbers import report_numbers
    from facekit.evaluation.report.page import render_page

if TYPE_CHECKING:
    from facekit.evaluation.evaluate import Predictions


def write_report(predictions: "Predictions", folder: str | Path) -> Path:
    """Writes report.html, which needs no other file, report.json, and the files of `write_files`.

    Returns:
        Path of the page.

    Raises:
        FaceKitError: one of them cannot be written.
    """
    folder = make_folder(folder)
    numbers = report_numbers(predictions)
    write_text(str(folder / "report.json"), json.dumps(numbers, indent=1, allow_nan=False) + "\n")
    write_files(predictions, numbers, folder)
    curves = write_curves(predictions.card.name, folder)
    write_text(str(folder / "report.html"), render_page(numbers, predictions.faces.chips, curves))
    return folder / "report.html"


def write_comparison(collections: Mapping[str, "Predictions"], folder: str | Path) -> Path:
    """Writes report.html, which compares collections, and the report of each in a folder of its name.

    Args:
        collections: data set -> the answers of the same weights for it.

    Returns:
        Path of the page.

    Raises:
        FaceKitError: one of the files cannot be written.
    """
    folder = make_folder(folder)
    for name, predictions in collections.items():
        write_report(predictions, folder / name)
    write_text(str(folder / "report.html"), render_comparison(collections))
    return folder / "report.html"
