"""How good are some weights, for whom, and how sure: one page for people, and the same numbers as JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from facekit.core.files import make_folder, write_text

if TYPE_CHECKING:
    from facekit.evaluation.evaluate import Answers


def write_report(answers: "Answers", folder: str | Path) -> Path:
    """Writes report.html, which needs no other file, and report.json.

    Returns:
        Where the page is.

    Raises:
        FaceKitError: one of them cannot be written.
    """
    from facekit.evaluation.report.numbers import report_numbers
    from facekit.evaluation.report.page import page

    folder = make_folder(folder)
    numbers = report_numbers(answers)
    write_text(str(folder / "report.json"), json.dumps(numbers, indent=1, allow_nan=False) + "\n")
    write_text(str(folder / "report.html"), page(numbers, answers.faces.chips))
    return folder / "report.html"
