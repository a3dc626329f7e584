"""What can be asked of a video, and what cannot."""

from pathlib import Path
from typing import Any

import pytest

from facekit.core.errors import UnknownNameError, UsageError
from facekit.video import VideoOptions


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, r"Without a window, name what to write: --output"),
        ({"capture_every": 5.0, "jsonl": "-"}, r"Name where captures go, with --capture-to"),
        (
            {"s3_endpoint": "http://localhost:1", "jsonl": "-"},
            r"--s3-endpoint and --s3-encryption want --capture-to s3:",
        ),
        ({"summary": Path("o.txt")}, r"A summary is a table, .csv. Received: o.txt"),
        ({"jsonl": "-", "detect_every": 0}, r"--detect-every must be at least 1. Received: 0"),
        ({"jsonl": "-", "smoothing": -1}, r"--smoothing must be at least 0. Received: -1"),
        ({"jsonl": "-", "smoothing": float("nan")}, r"--smoothing must be at least 0. Received: nan"),
        ({"output": Path("drawn.avi")}, r"A video is written as .mp4. Received: drawn.avi. Choose a name"),
        ({"output": "a.mp4", "jsonl": "./a.mp4"}, r"--jsonl must have a name of its own. Received: ./a.mp4"),
        ({"summary": "a.csv", "jsonl": "a.png"}, r"--jsonl must have a name of its own. Received: a.png"),
    ],
)
def test_options_that_cannot_be(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        VideoOptions(show=False, **wrong)


def test_an_unknown_language_is_told() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown language: 'fr'"):
        VideoOptions(show=False, jsonl="-", language="fr")


def test_what_is_read_must_be_named_and_is_not_written_to(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Name what to read with --source"):
        VideoOptions().check_source("")
    (tmp_path / "film.mp4").touch()
    options = VideoOptions(show=False, jsonl=str(tmp_path / "film.mp4"))
    with pytest.raises(UsageError, match=r"film.mp4 is what is read, and would be lost"):
        options.check_source(tmp_path / "." / "film.mp4")
