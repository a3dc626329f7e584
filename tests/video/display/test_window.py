"""Window with, without, and with an unreachable display; and OpenCV that does not load."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from films import film, pictures
from waiting import LIMIT

from facekit.core.errors import FaceKitError, UsageError, VideoError
from facekit.core.files import PROJECT
from facekit.core.lazy_imports import import_cv2
from facekit.heads import AGE
from facekit.video import VideoOptions, annotate, annotate_video
from facekit.video.display import window
from facekit.video.display.window import UNKNOWN_SCREEN, Window, work_area
from facekit.video.frames import Scene

ESTIMATOR: Any = SimpleNamespace(heads=[AGE], min_face=None, detector="hog")
N_FRAMES = 12


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return film(tmp_path / "clip.mp4", pictures(N_FRAMES))


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def test_without_a_display_the_user_is_told_what_to_do(no_display: None, clip: Path) -> None:
    with pytest.raises(VideoError, match=r"^There is no display .* instead, e.g. an .mp4 video\.$"):
        annotate_video(clip, ESTIMATOR)
    with pytest.raises(UsageError, match=r"^Without a window, whose space key captures, name what to capture"):
        annotate_video(clip, ESTIMATOR, VideoOptions(jsonl="-", capture_to="seen"))


def test_without_a_display_what_is_wanted_is_written(
    no_display: None, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(annotate, "_stages", lambda *_: {"all": lambda frame: (Scene(frame, ()), frame.picture)})
    report = annotate_video(clip, ESTIMATOR, VideoOptions(output=tmp_path / "o.mp4"))
    assert (report.frames, report.files) == (N_FRAMES, [tmp_path / "o.mp4"])
    assert capsys.readouterr().err == "note: There is no display: the video is written, but not shown.\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have a display")
def test_a_display_that_does_not_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":9876")
    assert work_area() is None


@pytest.mark.parametrize("system", ["darwin", "linux"])
def test_a_screen_of_unknown_size_counts_as_small(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window.sys, "platform", system)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(window.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0, stdout=""))
    assert work_area() == UNKNOWN_SCREEN


@pytest.mark.parametrize(
    ("size", "shown"), [((3840, 2160), (1165, 655)), ((1080, 1920), (369, 655)), ((640, 480), (640, 480))]
)
def test_a_window_fits_the_screen_and_keeps_the_shape(
    size: tuple[int, int], shown: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, int]] = []
    monkeypatch.setattr(window, "work_area", lambda: (1366, 728))
    for name in ("namedWindow", "imshow"):
        monkeypatch.setattr(window.cv2, name, lambda *_: None)
    monkeypatch.setattr(window.cv2, "resizeWindow", lambda title, *sides: sizes.append(sides))
    shows = Window()
    for _ in range(2):  # the size is set once: the user may change it
        shows.show(np.zeros((size[1], size[0], 3), np.uint8))
    assert sizes == [shown]


def test_opencv_that_does_not_load_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cv2")
    with pytest.raises(FaceKitError, match=r"libGL.so.1.*apt-get install libgl1 libglib2.0-0$"):
        import_cv2()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(FaceKitError, match=r"^cv2 is not installed\. It comes with the extra video\. "):
        import_cv2()


@pytest.mark.parametrize(
    ("preparation", "printed"),
    [("", "True"), *((f"sys.modules['{name}'] = None", f"{name} is not installed.") for name in ("cv2", "av"))],
)
def test_the_package_loads_opencv_before_pyav_or_says_what_to_install(preparation: str, printed: str) -> None:
    program = f"""
import sys
from facekit.core.errors import FaceKitError
{preparation}
try:
    import facekit.video
    print([name for name in sys.modules if name in ("cv2", "av")] == ["cv2", "av"])
except FaceKitError as error:
    print(str(error).partition(" It comes with the extra video.")[0])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, printed, "")


@pytest.fixture
def display() -> Iterator[str]:
    """Starts a virtual screen."""
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed")
    ours, theirs = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "800x600x24"], pass_fds=[theirs], stderr=subprocess.DEVNULL
    )
    os.close(theirs)
    with os.fdopen(ours) as told:
        number = told.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


PROGRAM = """
import sys
from types import SimpleNamespace
from facekit.heads import AGE
from facekit.video import VideoOptions, annotate, annotate_video, pipeline
from facekit.video.display.window import work_area
from facekit.video.frames import Scene
annotate._stages = lambda *_: {"all": lambda frame: (Scene(frame, ()), frame.picture)}
print(work_area())
estimator = SimpleNamespace(heads=[AGE], min_face=None, detector="hog")
print(annotate_video(sys.argv[1], estimator).frames)
"""


def test_a_real_window_opens_and_says_nothing(clip: Path, display: str) -> None:
    """PyAV and OpenCV bundle the same window library: loaded in the wrong order, this hangs."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, clip],
        env={**os.environ, "DISPLAY": display, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, ["(800, 600)", str(N_FRAMES)], "")
