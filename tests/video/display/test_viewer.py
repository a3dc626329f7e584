"""Viewer: keys and playback speed, with a fake screen."""

import itertools
import re
import signal
import threading
import time
from collections.abc import Iterator
from copy import copy
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from films import NTSC, film, pictures, read_film
from waiting import LIMIT

from facekit.drawing.languages import LANGUAGES
from facekit.heads import AGE
from facekit.video import annotate, annotate_video, pipeline
from facekit.video.display import viewer, window
from facekit.video.frames import Frame, Scene
from facekit.video.sinks import recorder
from facekit.video.sources.source import Source

ESTIMATOR: Any = SimpleNamespace(heads=[AGE], min_face=None, detector="hog")
N_FRAMES = 12
ESC = 27


class Screen:
    """Fake of OpenCV's window: keys by the number of shown pictures, and when it is closed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, keys: dict[int, str] | None = None, closed_at: int = 0) -> None:
        self.shown: list[np.ndarray] = []
        self.waited: list[int] = []
        self.keys, self.closed_at, self.is_destroyed = dict(keys or {}), closed_at, False
        monkeypatch.setattr(window, "work_area", lambda: (1366, 728))
        for name in ("namedWindow", "resizeWindow"):
            monkeypatch.setattr(cv2, name, lambda *_: None)
        monkeypatch.setattr(cv2, "imshow", lambda title, frame: self.shown.append(frame))
        monkeypatch.setattr(cv2, "waitKeyEx", self.wait)
        monkeypatch.setattr(cv2, "getWindowProperty", self.is_visible)
        monkeypatch.setattr(cv2, "destroyAllWindows", lambda: setattr(self, "is_destroyed", True))

    def wait(self, milliseconds: int) -> int:
        self.waited.append(milliseconds)
        key = self.keys.pop(len(self.shown), None)
        if key:
            return ord(key)
        time.sleep(milliseconds / 1000)
        return -1

    def is_visible(self, title: str, what: int) -> float:
        if len(self.shown) == self.closed_at:
            raise cv2.error("NULL guiReceiver (please create a window)")
        return 1.0


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return film(tmp_path / "clip.mp4", pictures(N_FRAMES))


@pytest.fixture(autouse=True)
def stages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stage(frame: Frame) -> tuple[Scene, np.ndarray]:
        return Scene(frame, ()), frame.picture

    monkeypatch.setattr(annotate, "_stages", lambda *_: {"all": stage})
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("key", ["q", "Q", chr(ESC)])
def test_a_key_leaves(key: str, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, {2: "x", 4: key})
    report = annotate_video(clip, ESTIMATOR)
    assert (report.frames, report.files, report.interrupted, len(screen.shown)) == (4, [], False, 4)
    assert screen.is_destroyed


@pytest.mark.parametrize(
    "code", [0xFF51, 0x10FF51, 0xFF50, 0xFFE1, 0xE9, -0x37]
)  # left, Home, Shift, a letter with accent
def test_other_keys_do_nothing(code: int, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Truncated to a byte, the left arrow is a Q, and Home a P."""
    screen = Screen(monkeypatch)
    monkeypatch.setattr(cv2, "waitKeyEx", lambda milliseconds: (time.sleep(milliseconds / 1000), code)[1])
    assert annotate_video(clip, ESTIMATOR).frames == len(screen.shown) == N_FRAMES


def test_a_key_is_known_while_num_lock_is_on(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Screen(monkeypatch)
    monkeypatch.setattr(cv2, "waitKeyEx", lambda _: 0x100000 | ord("q"))
    assert annotate_video(clip, ESTIMATOR).frames == 1


class Unplugged(Source):
    """Camera that gives one picture, then is lost until it is stopped."""

    name, is_live, rate, size = "Camera 0", True, Fraction(30), (320, 240)

    def __init__(self) -> None:
        self.is_closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        yield Frame(0, 0.0, pictures(1)[0], time.monotonic())
        self.is_closed.wait(LIMIT)

    def seconds_lost(self) -> float:
        return 12.9

    def close(self) -> None:
        self.is_closed.set()


def test_one_can_leave_while_the_camera_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "SHUTDOWN_SECONDS", 0.1)
    screen = Screen(monkeypatch, {2: "h", 4: "q"})
    source = Unplugged()
    assert annotate_video(source, ESTIMATOR).frames == 1
    assert len(screen.shown) == 4 and (screen.shown[1] != screen.shown[2]).any()  # help is listed
    assert source.is_closed.is_set()


def test_a_lost_camera_is_shown_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "SHUTDOWN_SECONDS", 0.1)
    seconds, huds = iter([0.0, 4.5, 5.5]), []
    real = viewer.Overlay.draw_hud
    monkeypatch.setattr(
        viewer.Overlay, "draw_hud", lambda self, *rest: (huds.append(copy(rest[-1])), real(self, *rest))[1]
    )
    monkeypatch.setattr(Unplugged, "seconds_lost", lambda _: next(seconds, 0.0))
    Screen(monkeypatch, {5: "q"})
    annotate_video(Unplugged(), ESTIMATOR)
    assert [(hud.is_lost, int(hud.seconds_lost)) for hud in huds] == [
        (False, 0),
        (True, 4),
        (True, 5),
        *[(False, 0)] * 2,
    ]


class Endless(Unplugged):
    """Camera that gives pictures until it is stopped."""

    def __iter__(self) -> Iterator[Frame]:
        for number in itertools.count():
            if self.is_closed.wait(0.002):
                return
            yield Frame(number, number / 500, pictures(1)[0], time.monotonic())

    def seconds_lost(self) -> float:
        return 0.0


def test_what_comes_during_a_pause_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer, "PAUSE_POLL_SECONDS", 0.05)
    Screen(monkeypatch, {1: "p", 10: "q"})  # 200 pictures come meanwhile
    report = annotate_video(Endless(), ESTIMATOR)
    assert report.frames == 1 and report.dropped < 30


def test_closing_the_window_leaves(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, closed_at=3)
    assert annotate_video(clip, ESTIMATOR).frames == 3
    assert screen.is_destroyed


def test_pictures_keep_their_colours_and_have_the_display(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch)
    annotate_video(clip, ESTIMATOR)
    difference = abs(screen.shown[0].astype(int) - pictures(1)[0][..., ::-1])
    assert np.median(difference[60:]) < 6
    assert difference[:12, :60].mean() > 20


def test_a_file_is_shown_at_its_pace(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen, now = Screen(monkeypatch), 7.0

    def wait(milliseconds: int) -> int:
        nonlocal now
        screen.waited.append(milliseconds)
        now += milliseconds / 1000
        return -1

    monkeypatch.setattr(viewer, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(cv2, "waitKeyEx", wait)
    annotate_video(clip, ESTIMATOR)
    # Waited until each frame's time; the first is shown at once, and the last for no longer than it takes.
    assert sum(screen.waited) / 1000 == pytest.approx((N_FRAMES - 1) / NTSC, abs=0.02)
    assert max(screen.waited) <= 34


def test_space_captures_into_a_folder(clip: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Screen(monkeypatch, {3: " ", 6: " "})
    annotate_video(clip, ESTIMATOR)
    assert len(list((tmp_path / "captures").glob("*.jpg"))) == len(list((tmp_path / "captures").glob("*.json"))) == 2


def test_r_starts_and_stops_a_recording_of_what_is_shown_without_the_display(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Screen(monkeypatch, {2: "r", 7: "r", 9: "r"})
    report = annotate_video(clip, ESTIMATOR)
    first, second = report.files
    frames, times, _ = read_film(first)
    assert [len(frames), len(read_film(second)[0])] == [5, N_FRAMES - 9]
    assert times[-1] == pytest.approx(4 / NTSC, abs=1e-3)
    assert abs(frames[0].astype(int) - pictures(3)[2])[:12, :60].mean() < 10


def test_a_recording_without_a_frame_is_not_reported(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Screen(monkeypatch, {2: "p", 4: "r", 6: "r", 8: "p"})
    assert annotate_video(clip, ESTIMATOR).files == []


@pytest.mark.parametrize("key", [" ", "r"])
def test_a_key_that_can_write_nothing_ends_nothing(
    key: str, clip: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "captures").touch()
    monkeypatch.setattr(recorder.time, "strftime", lambda _: "captures/recording.mp4")
    Screen(monkeypatch, {3: key})
    report = annotate_video(clip, ESTIMATOR)
    assert (report.frames, report.files) == (N_FRAMES, [])
    assert re.fullmatch(r"Cannot (write|make the folder) captures.*\n", capsys.readouterr().err)


def test_p_pauses_until_p(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer, "PAUSE_POLL_SECONDS", 0.002)
    screen = Screen(monkeypatch, {4: "p", 30: "h", 60: "p"})
    assert annotate_video(clip, ESTIMATOR).frames == N_FRAMES
    assert len(screen.shown) == N_FRAMES + 56  # the paused frame is shown again and again
    lower = [shown[60:] for shown in screen.shown[4:59]]
    assert all((shown[90:] == lower[0][90:]).all() for shown in lower)
    assert (screen.shown[10] != screen.shown[40]).any()  # help is listed over it


def test_ctrl_c_ends_a_pause(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, {4: "p", 99: "q"})

    def wait(milliseconds: int) -> int:
        if len(screen.shown) == 9:
            signal.raise_signal(signal.SIGINT)
        return screen.wait(milliseconds)

    monkeypatch.setattr(cv2, "waitKeyEx", wait)
    report = annotate_video(clip, ESTIMATOR)
    assert (report.interrupted, len(screen.shown)) == (True, 9)
    assert 1 <= report.frames <= 4  # a picture is shown again while a loaded machine has no other


def test_l_changes_the_language(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[str] = []
    real = viewer.Overlay.draw_hud
    monkeypatch.setattr(
        viewer.Overlay, "draw_hud", lambda self, *rest: (spoken.append(self.language), real(self, *rest))[1]
    )
    Screen(monkeypatch, {2: "l", 4: "L"})
    annotate_video(clip, ESTIMATOR)
    assert spoken[:5] == ["en", "en", "zh", "zh", "en"]


def test_keys_have_words_in_all_languages() -> None:
    assert all(meaning in words for words in list(LANGUAGES.values())[1:] for _, meaning in viewer.KEYS)
