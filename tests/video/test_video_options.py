"""Validation of VideoOptions."""

from pathlib import Path
from typing import Any

import pytest

from facekit.core.errors import UnknownNameError, UsageError
from facekit.video import VideoOptions


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, r"Without a window, name what to write: output"),
        ({"capture_every": 5.0, "jsonl": "-"}, r"Captures need a target"),
        ({"capture_to": "seen"}, r"Without a window, whose space key captures, name what to capture"),
        (
            {"s3_endpoint": "http://localhost:1", "jsonl": "-"},
            r"An S3 endpoint or encryption needs a capture target of the form s3:",
        ),
        ({"summary": Path("o.txt")}, r"A summary must be a .csv file. Received: o.txt"),
        ({"jsonl": "-", "every": 0}, r"every must be at least 1. Received: 0"),
        ({"jsonl": "-", "detect_every": 0}, r"detect_every must be at least 1. Received: 0"),
        ({"jsonl": "-", "smoothing": -1}, r"smoothing must be at least 0. Received: -1"),
        ({"jsonl": "-", "smoothing": float("nan")}, r"smoothing must be at least 0. Received: nan"),
        ({"output": Path("drawn.avi")}, r"An output video must be an .mp4 file. Received: drawn.avi"),
        (
            {"output": "a.mp4", "jsonl": "./a.mp4"},
            r"JSON lines must be written to a file of their own. Received: ./a.mp4",
        ),
        ({"summary": "a.csv", "jsonl": "a.png"}, r"JSON lines must be written to a file of their own. Received: a.png"),
    ],
)
def test_options_that_cannot_be(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        VideoOptions(show=False, **wrong)
    assert caught.value.argument in VideoOptions.__dataclass_fields__


def test_unknown_names_are_told() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown language: 'fr'"):
        VideoOptions(show=False, jsonl="-", language="fr")
    with pytest.raises(UnknownNameError, match=r"Unknown RTSP transport: 'http'. Known: tcp, udp"):
        VideoOptions(show=False, jsonl="-", rtsp_transport="http")


def test_what_is_read_must_be_named_and_is_not_written_to(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="A source must be named"):
        VideoOptions().check_source("")
    (tmp_path / "film.mp4").touch()
    options = VideoOptions(show=False, jsonl=str(tmp_path / "film.mp4"))
    with pytest.raises(UsageError, match=r"film.mp4 is the source and would be overwritten"):
        options.check_source(tmp_path / "." / "film.mp4")
