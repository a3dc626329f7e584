"""JSON Lines: one line per frame, written at once."""

import errno
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from facekit.core.errors import FaceKitError
from facekit.heads import AgeAnswer
from facekit.video.frames import Frame, Scene, TrackedFace
from facekit.video.sinks.jsonl import JsonLines

ROOT = Path(__file__).resolve().parents[3]
PICTURE = np.zeros((8, 8, 3), np.uint8)


def scene(number: int, faces: int = 1) -> Scene:
    tracked = tuple(
        TrackedFace(n + 1, (1, 2, 3, 4), {"age": AgeAnswer(30.04, 25, 36)}, 2, 0.87654) for n in range(faces)
    )
    return Scene(Frame(number, number / 30, PICTURE, 0.0), tracked)


def test_a_line_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.jsonl"
    with JsonLines(path) as lines:
        for number in range(3):
            lines.write(scene(number, faces=number))
            assert len(path.read_text().splitlines()) == number + 1  # at once
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert entries[1] == {
        "frame": 1,
        "time": 0.0333,
        "faces": [
            {
                "track": 1,
                "box": [1, 2, 3, 4],
                "evidence": 2,
                "quality": 0.877,
                "age": {"years": 30.0, "low": 25, "high": 36, "minor_probability": None, "unsure": False},
            },
        ],
    }
    assert [len(entry["faces"]) for entry in entries] == [0, 1, 2]


def test_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with JsonLines("-") as lines:
        lines.write(scene(0))
    print("still open")
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first)["frame"] == 0 and second == "still open"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with (
        pytest.raises(
            FaceKitError, match=r"^Cannot write /dev/full: No space left on device\. Free some space or choose"
        ),
        JsonLines("/dev/full") as lines,
    ):
        lines.write(scene(0))


def test_a_full_disk_behind_stdout_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sys.stdout", SimpleNamespace(write=len, flush=fail))
    with pytest.raises(FaceKitError, match=r"^Cannot write stdout: No space left on device\. Free some space"):
        JsonLines("-").write(scene(0))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_hides_no_other_error() -> None:
    with pytest.raises(ValueError, match="another"), JsonLines("/dev/full") as lines:
        with pytest.raises(FaceKitError, match="No space left"):
            lines.write(scene(0))
        raise ValueError("another")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FaceKitError, match=r"Is a directory|Permission denied"):
        JsonLines(tmp_path)


PROGRAM = """
import sys
from test_jsonl import scene
from facekit.video.sinks.jsonl import JsonLines
with JsonLines(sys.argv[1]) as lines:
    for number in range(10**9):
        lines.write(scene(number, faces=20))
        if number == 50:
            print("ready", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
def test_a_kill_loses_at_most_a_line(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    command = [sys.executable, "-c", PROGRAM, str(path)]
    with subprocess.Popen(
        command, cwd=Path(__file__).parent, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout and child.stdout.readline() == b"ready\n"
        child.kill()
    *whole, _ = path.read_text().split("\n")
    assert [json.loads(line)["frame"] for line in whole] == list(range(len(whole))) and len(whole) > 50
