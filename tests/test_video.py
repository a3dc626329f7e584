"""Videos are drawn whole, upright and at their own pace; whatever stops them, what was done is kept."""

import signal
import struct
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facekit import opencv
from facekit.errors import FaceKitError, UnknownNameError, VideoError
from facekit.files import PROJECT
from facekit.heads import AgeAnswer
from facekit.opencv import has_display, import_cv2
from facekit.video import annotate_video, sinks
from facekit.video.capture import Video

N_FRAMES = 12
RATE = 30000 / 1001
SIZE = (320, 240)
SCRIPT = "face_video_demo.py"
BOX = (100, 60, 200, 160)

cv2 = import_cv2()


class Estimator:
    """Finds one face in the middle; notes what it was given; at frame `fails_at` raises `failure`."""

    def __init__(self, faces: int = 1, fails_at: int = 0, failure: type[BaseException] = KeyboardInterrupt) -> None:
        self.faces, self.fails_at, self.failure = faces, fails_at, failure
        self.seen: list[np.ndarray] = []

    def estimate(self, picture: np.ndarray) -> list[Any]:
        self.seen.append(picture.copy())
        if len(self.seen) == self.fails_at:
            raise self.failure
        face = SimpleNamespace(box=BOX, score=1.0, answers={"age": AgeAnswer(34.0, 28.0, 41.0)})
        return [face] * self.faces


class Camera:
    """In OpenCV's place: gives `n_frames` frames, then fails."""

    def __init__(self, n_frames: int, rate: float) -> None:
        self.frames = iter(pictures(n_frames))
        self.rate = rate
        self.is_released = False

    def read(self) -> tuple[bool, np.ndarray | None]:
        frame = next(self.frames, None)
        return frame is not None, None if frame is None else frame[..., ::-1]

    def get(self, what: int) -> float:
        return self.rate if what == cv2.CAP_PROP_FPS else -1.0

    def release(self) -> None:
        self.is_released = True


def pictures(n_frames: int = N_FRAMES) -> list[np.ndarray]:
    """RGB frames (240, 320, 3): a photograph that moves."""
    with Image.open(PROJECT / "demo_images" / "speech.jpg") as photograph:
        still = np.asarray(photograph.convert("RGB").resize(SIZE))
    return [np.roll(still, 4 * number, axis=1) for number in range(n_frames)]


def write(path: Path, codec: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), RATE, SIZE)
    for picture in pictures():
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    writer.release()
    return path


def read(path: Path) -> tuple[list[np.ndarray], float]:
    """RGB frames, and the frame rate."""
    with Video(path) as video:
        return list(video), video.rate


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write(tmp_path / "clip.mp4")


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Path]:
    """A name to write to; afterwards no temporary file may be left."""
    yield tmp_path / "out" / "drawn.mp4"
    assert not list((tmp_path / "out").glob(".*"))


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Camera], Camera]:
    def plug(camera: Camera) -> Camera:
        real = cv2.VideoCapture
        monkeypatch.setattr(cv2, "VideoCapture", lambda source: camera if source == 0 else real(source))
        return camera

    return plug


# Files


def test_a_file_is_drawn_frame_by_frame_and_keeps_size_and_rate(clip: Path, output: Path) -> None:
    estimator = Estimator()
    report = annotate_video(clip, estimator, output)
    frames, rate = read(output)
    assert (report.frames, report.output, report.interrupted) == (N_FRAMES, output, False)
    assert str(report).startswith("12 frames, ") and str(report).endswith(f" frames per second, written to {output}")
    assert len(frames) == N_FRAMES and frames[0].shape == (SIZE[1], SIZE[0], 3)
    assert rate == pytest.approx(29.97, abs=0.001)
    left, top, right, _ = BOX
    for before, after in zip(estimator.seen, frames, strict=True):
        assert difference(before[top : top + 2, left:right], after[top : top + 2, left:right]) > 30  # the box
        assert difference(before[:50, 210:], after[:50, 210:]) < 10


def test_frames_are_rgb_for_the_estimator_and_keep_their_colours(clip: Path, output: Path) -> None:
    estimator = Estimator(faces=0)
    annotate_video(str(clip), estimator, str(output))
    frames, _ = read(output)
    for original, seen, written in zip(pictures(), estimator.seen, frames, strict=True):
        swapped = original[..., ::-1]
        assert 4 * difference(original, seen) < difference(swapped, seen)
        assert 4 * difference(original, written) < difference(swapped, written)


def test_a_video_filmed_upright_comes_upright(clip: Path, output: Path) -> None:
    film = bytearray(clip.read_bytes())
    matrix = film.index(b"tkhd") + 44  # ISO 14496-12, 8.3.2: the type, then 40 bytes of version 0, then the matrix
    film[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, SIZE[1] << 16, 0, 1 << 30)
    clip.write_bytes(film)
    estimator = Estimator(faces=0)
    annotate_video(clip, estimator, output)
    assert difference(estimator.seen[0], np.rot90(pictures()[0], -1)) < 12
    assert read(output)[0][0].shape == (SIZE[0], SIZE[1], 3)


def test_nothing_is_overwritten(clip: Path) -> None:
    film = clip.read_bytes()
    for number in (2, 3):
        report = annotate_video(clip, Estimator(), clip)
        assert report.output == clip.with_name(f"clip-{number}.mp4") and report.output.exists()
    assert clip.read_bytes() == film


def unreadable(kind: str, folder: Path) -> Path:
    path = folder / "bad.mp4"
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("no video\n" * 50)
    elif kind == "cut":
        path.write_bytes(write(folder / "whole.mp4").read_bytes()[:-2000])
    elif kind == "sound":
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(8000))
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "A video must exist. Received: {}. Check"),
        ("folder", "A video must be a file, or a camera's number such as 0. Received: {}."),
        ("empty", "{} is empty. Copy it anew."),
        ("text", "{} has no pictures that can be read"),
        ("cut", "{} has no pictures that can be read"),
        ("sound", "{} has no pictures that can be read"),
    ],
)
def test_a_file_that_is_no_video_is_refused_in_one_line(
    kind: str, message: str, tmp_path: Path, output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = unreadable(kind, tmp_path)
    with pytest.raises(VideoError) as caught:
        annotate_video(path, Estimator(), output)
    assert str(caught.value).startswith(message.format(path)) and "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert not output.exists()


def test_a_file_that_ends_too_early_is_told_and_what_could_be_read_is_kept(tmp_path: Path, output: Path) -> None:
    film = write(tmp_path / "clip.avi", codec="MJPG")
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    with pytest.raises(VideoError, match=r"it ends after \d of 12 frames. .* The frames until then are in .*drawn.mp4"):
        annotate_video(film, Estimator(), output)
    assert 3 <= len(read(output)[0]) <= 9


# Cameras


def test_no_camera_is_told_in_one_line(output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(VideoError, match=r"^Camera 98 gives no picture: .*name another camera or a video file.*$"):
        annotate_video("98", Estimator(), output)
    assert capfd.readouterr() == ("", "")


def test_a_camera_that_fails_is_told_and_what_was_recorded_is_kept(
    plug_in: Callable[[Camera], Camera], output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = plug_in(Camera(n_frames=5, rate=0))
    ticks = iter(np.arange(0, 1, 1 / 30) + 0.001)
    monkeypatch.setattr(sinks, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    with pytest.raises(VideoError, match=r"^Camera 0 gave no more pictures after 5 frames.* are in .*drawn.mp4\.$"):
        annotate_video(0, Estimator(), output)
    frames, rate = read(output)
    assert camera.is_released
    assert (len(frames), rate) == (5, 30)  # a camera that does not tell its rate


def test_a_recording_plays_as_fast_as_life(
    plug_in: Callable[[Camera], Camera], output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(Camera(n_frames=4, rate=10))
    moments = iter([50.0, 50.35, 50.36, 51.05])  # when the frames were ready
    monkeypatch.setattr(sinks, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    with pytest.raises(VideoError, match="no more pictures after 4 frames"):
        annotate_video(0, Estimator(faces=0), output)
    frames, rate = read(output)
    shown = [int(np.argmin([difference(frame, picture) for picture in pictures(4)])) for frame in frames]
    assert shown == [0, 1, 1, 1] + [3] * 7
    assert rate == 10


# Interruptions and writing


def test_ctrl_c_keeps_what_is_done(clip: Path, output: Path) -> None:
    report = annotate_video(clip, Estimator(fails_at=5), output)
    assert (report.frames, report.interrupted) == (4, True)
    assert len(read(output)[0]) == 4


def test_ctrl_c_before_the_first_frame_leaves_nothing(clip: Path, output: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        annotate_video(clip, Estimator(fails_at=1), output)
    assert not output.exists()


def test_an_error_of_the_estimator_passes_and_keeps_what_is_done(clip: Path, output: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        annotate_video(clip, Estimator(fails_at=5, failure=ZeroDivisionError), output)
    assert len(read(output)[0]) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_ctrl_c_in_the_terminal(clip: Path, output: Path) -> None:
    program = """
import sys, time
from facekit.video import annotate_video
class Slow:
    def estimate(self, picture):
        print("frame", flush=True)
        time.sleep(0.5)
        return []
sys.exit(130 if annotate_video(*sys.argv[1:2], Slow(), *sys.argv[2:]).interrupted else 0)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program, clip, output], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, b"")
    assert 1 <= len(read(output)[0]) <= 3


def test_a_name_that_cannot_be_written_is_told(clip: Path) -> None:
    with pytest.raises(VideoError, match=r"A video is written as .mp4. Received: .*drawn.avi"):
        annotate_video(clip, Estimator(), clip.with_name("drawn.avi"))
    with pytest.raises(VideoError, match=r"Cannot write .*drawn.mp4: .*. Free the space or choose another folder"):
        annotate_video(clip, Estimator(), clip / "drawn.mp4")


@pytest.mark.parametrize("answer", [False, None])  # of OpenCV 5, and of OpenCV 4, which does not tell
def test_a_full_disk_is_told(answer: bool | None, clip: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        """Writes nothing."""

        def __init__(self, *_: Any) -> None:
            self.isOpened = lambda: True
            self.release = lambda: None
            self.write = lambda frame: answer

    monkeypatch.setattr(cv2, "VideoWriter", Full)
    with pytest.raises(VideoError, match=r"Cannot write .*drawn.mp4: the disk may be full"):
        annotate_video(clip, Estimator(), output)
    assert not output.exists()


# Windows


class Screen:
    """In the place of OpenCV's window: the keys that come, and after which frame it is closed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, keys: dict[int, int], closed_at: int = 0) -> None:
        self.shown: list[np.ndarray] = []
        self.waited: list[int] = []
        self.keys, self.closed_at, self.is_destroyed = keys, closed_at, False
        monkeypatch.setattr(sinks, "has_display", lambda: True)
        for name in ("namedWindow", "resizeWindow"):
            monkeypatch.setattr(cv2, name, lambda *_: None)
        monkeypatch.setattr(cv2, "imshow", lambda title, frame: self.shown.append(frame))
        monkeypatch.setattr(cv2, "waitKey", self.wait)
        monkeypatch.setattr(cv2, "getWindowProperty", self.is_visible)
        monkeypatch.setattr(cv2, "destroyAllWindows", lambda: setattr(self, "is_destroyed", True))

    def wait(self, milliseconds: int) -> int:
        self.waited.append(milliseconds)
        return self.keys.get(len(self.shown), -1)

    def is_visible(self, title: str, what: int) -> float:
        if len(self.shown) == self.closed_at:
            raise cv2.error("NULL guiReceiver (please create a window)")
        return 1.0


@pytest.mark.parametrize("key", [ord("q"), ord("Q"), 27])
def test_a_key_stops(key: int, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, keys={2: ord("x"), 4: key})
    report = annotate_video(clip, Estimator(faces=0))
    assert (report.frames, report.output, report.interrupted, len(screen.shown)) == (4, None, False, 4)
    assert str(report).startswith("4 frames, ") and str(report).endswith(" frames per second")
    assert screen.is_destroyed


def test_closing_the_window_stops(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, keys={}, closed_at=3)
    assert annotate_video(clip, Estimator()).frames == 3
    assert screen.is_destroyed


def test_a_window_shows_a_file_at_its_pace(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch, keys={})
    monkeypatch.setattr(sinks, "time", SimpleNamespace(monotonic=lambda: 7.0))  # a computer that takes no time
    assert annotate_video(clip, Estimator(faces=0)).frames == N_FRAMES
    assert np.diff(screen.waited[1:]) == pytest.approx(1000 / RATE, abs=1)
    assert difference(screen.shown[0], pictures()[0][..., ::-1]) < 12


def test_without_a_display_the_user_is_told_what_to_do(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(VideoError, match=r"^There is no display .* --output FILE.mp4\.$"):
        annotate_video(clip, Estimator())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have a display")
def test_a_display_that_does_not_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":9876")
    assert not has_display()


# OpenCV


def test_opencv_that_does_not_load_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cv2")
    with pytest.raises(FaceKitError, match=r"libGL.so.1.*apt-get install libgl1 libglib2.0-0$"):
        import_cv2()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(FaceKitError, match=r"pip install opencv-python$"):
        import_cv2()


def test_an_unknown_language_is_told_before_anything_is_opened() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown language: 'fr'"):
        annotate_video("missing.mp4", Estimator(), "drawn.mp4", "fr")


# The script


def test_help_answers_at_once() -> None:
    started = time.perf_counter()
    shown = subprocess.run([sys.executable, PROJECT / SCRIPT, "--help"], capture_output=True, text=True)
    assert "--source" in shown.stdout
    assert time.perf_counter() - started < 2  # 0.1 s on an idle machine
    program = "import sys, face_video_demo; print(*{'cv2', 'dlib', 'keras', 'numpy', 'PIL'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True).stdout.strip() == b""


def test_the_script_finds_a_face(tmp_path: Path, script: Callable[..., Any], tiny_weights: Path) -> None:
    with Image.open(PROJECT / "demo_images" / "astronaut.jpg") as photograph:
        still = np.asarray(photograph.convert("RGB").resize((256, 256)))
    clip, drawn = tmp_path / "clip.mp4", tmp_path / "drawn.mp4"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter_fourcc(*"mp4v"), 25, (256, 256))
    for _ in range(4):
        writer.write(np.ascontiguousarray(still[..., ::-1]))
    writer.release()
    drawn.touch()
    status, out, err = script(SCRIPT, "--source", clip, "--output", drawn, "--weights", tiny_weights, "--heads", "age")
    assert (status, out) == (0, "")
    kept, done = err.splitlines()
    assert kept == f"{drawn} exists and is kept."
    assert done.startswith("4 frames, ") and done.endswith(f", written to {tmp_path / 'drawn-2.mp4'}")
    frames, rate = read(tmp_path / "drawn-2.mp4")
    assert (len(frames), rate) == (4, 25)
    assert difference(frames[0], still) > 3


def test_the_script_tells_in_one_line_what_is_wrong(script: Callable[..., Any], tiny_weights: Path) -> None:
    status, out, err = script(SCRIPT, "--source", "missing.mp4", "--weights", tiny_weights)
    assert (status, out) == (1, "")
    assert err == "error: A video must exist. Received: missing.mp4. Check the name, and the folder you are in.\n"


def test_the_script_tells_of_an_interruption(
    clip: Path, output: Path, script: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facekit.cli.make_estimator", lambda args: Estimator(fails_at=3))
    status, out, err = script(SCRIPT, "--source", clip, "--output", output)
    assert (status, out) == (130, "")
    assert err.startswith("2 frames, ") and err.endswith(f"written to {output}\n")
