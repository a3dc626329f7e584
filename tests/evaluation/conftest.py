"""What the tests of reports share."""

from pathlib import Path

import pytest


@pytest.fixture
def page_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Reports are a page and its numbers; the tables and pictures beside them take most of the time."""
    monkeypatch.chdir(tmp_path)  # without logs of trainings
    monkeypatch.setattr("facekit.evaluation.report.write_files", lambda predictions, numbers, folder: None)
