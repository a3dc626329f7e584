"""The script: options, output, and errors of one line."""

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from films import film
from PIL import Image

from facekit.core.files import PROJECT
from facekit.video.sources.cameras import Camera

SCRIPT = "face_video_demo.py"


def test_the_script_finds_a_face(tmp_path: Path, script: Callable[..., Any], tiny_weights: Path) -> None:
    with Image.open(PROJECT / "demo_images" / "astronaut.jpg") as photograph:
        still = np.asarray(photograph.convert("RGB").resize((512, 512)))
    source, drawn = film(tmp_path / "clip.mp4", [still] * 4, rate=Fraction(25)), tmp_path / "drawn.mp4"
    drawn.touch()
    options = ("--no-show", "--output", drawn, "--weights", tiny_weights, "--heads", "age")
    status, out, err = script(SCRIPT, "--source", source, *options)
    assert status == 0
    assert out.splitlines()[0].split() == ["track", "first", "seen", "on", "screen", "estimated", "age"]
    kept, small, done = err.splitlines()
    assert small == "Faces under 25 px were not searched for: --min-face 12 finds smaller ones, in more time."
    assert kept == f"{drawn} exists and is kept."
    assert done.startswith("4 frames, ") and done.endswith(f", written to {tmp_path / 'drawn-2.mp4'}")


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--source", "missing.mp4", "--no-show", "--jsonl", "-"], 1, "A video must exist, as a file or a camera."),
        (["--no-show"], 2, "Without a window, name what to write"),
        (["--no-show", "--capture-to", "seen"], 2, "Without a window, whose space key captures, name what"),
        (["--camera-size", "big"], 2, "argument --camera-size: must be like 1280x720. Received: 'big'"),
        (["--capture-every", "0s"], 2, "argument --capture-every: must be a time above zero"),
        (["--no-shw"], 2, "unrecognized arguments: --no-shw. Did you mean --no-show?"),
    ],
)
def test_the_script_tells_in_one_line_what_is_wrong(
    options: list[str], status: int, message: str, script: Callable[..., Any], tiny_weights: Path
) -> None:
    code, out, err = script(SCRIPT, *options, "--weights", tiny_weights)
    assert (code, out) == (status, "")
    assert err.startswith(f"error: {message}") and err.count("\n") == 1


def test_cameras_are_listed(script: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facekit.video.list_cameras", lambda: [Camera(0, "/dev/video0", "HD Cam")])
    assert script(SCRIPT, "--list-cameras") == (0, "0  /dev/video0  HD Cam\n", "")
    monkeypatch.setattr("facekit.video.list_cameras", lambda: [])
    assert script(SCRIPT, "--list-cameras") == (0, "", "No camera was found. Connect one.\n")


def test_help_loads_nothing_heavy() -> None:
    program = "import sys, face_video_demo; print(*{'av', 'cv2', 'dlib', 'keras', 'numpy', 'PIL'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True).stdout.strip() == b""
