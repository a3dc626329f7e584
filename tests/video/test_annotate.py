"""annotate_video from source to files, and what remains after errors and signals."""

import csv
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from clips import clip as clip_of
from clips import write_clip
from films import NTSC, difference, film, pictures, read_film
from PIL import Image
from waiting import LIMIT, wait_for

from facekit.core.errors import FaceKitError, PictureError, UsageError, VideoError
from facekit.core.files import PROJECT
from facekit.core.signals import SIGNALS
from facekit.estimator import FaceEstimator
from facekit.faces.detectors import make_detector
from facekit.faces.images import read_picture
from facekit.heads import AGE
from facekit.video import VideoOptions, annotate, annotate_video
from facekit.video.frames import Frame, Scene
from facekit.video.sources.source import Source

ESTIMATOR: Any = SimpleNamespace(heads=[AGE], min_face=None, detector="hog")
N_FRAMES = 12


class Moving(Source):
    """Source of given pictures, live or not; fails at index `fails_at`."""

    def __init__(self, frames: list[np.ndarray], *, is_live: bool, pace: float = 0, fails_at: int = -1) -> None:
        self.name, self.is_live, self.rate, self.size = "Made 0", is_live, Fraction(30), (320, 240)
        self.frames, self.pace, self.fails_at = frames, pace, fails_at
        self.n_given, self.is_closed = 0, False

    def __iter__(self) -> Iterator[Frame]:
        for number, picture in enumerate(self.frames):
            if number == self.fails_at:
                raise VideoError(f"{self.name} is gone.")
            time.sleep(self.pace)
            self.n_given += 1
            yield Frame(number, number / 30, picture, time.monotonic())

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return film(tmp_path / "clip.mp4", pictures(N_FRAMES))


@pytest.fixture
def made_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Frame], Any]], None]:
    """Replaces the stages that search, track, estimate and draw by a single one."""

    def put(function: Callable[[Frame], Any]) -> None:
        def stage(frame: Frame) -> tuple[Scene, np.ndarray]:
            function(frame)
            return Scene(frame, ()), frame.picture

        monkeypatch.setattr(annotate, "_stages", lambda *_: {"all": stage})

    put(lambda frame: None)
    return put


def hidden(**options: Any) -> VideoOptions:
    return VideoOptions(show=False, **options)


def test_a_video_becomes_a_video_lines_and_a_summary(tmp_path: Path, tiny_weights: Path) -> None:
    with Image.open(PROJECT / "demo_images" / "astronaut.jpg") as photograph:
        still = np.asarray(photograph.convert("RGB").resize((512, 512)))
    source = film(tmp_path / "still.mp4", [still] * 20)
    options = hidden(
        output=tmp_path / "o.mp4",
        jsonl=str(tmp_path / "o.jsonl"),
        summary=tmp_path / "o.csv",
        capture_to=str(tmp_path / "seen"),
        capture_faces=True,
    )
    report = annotate_video(source, FaceEstimator(tiny_weights, heads=["age"]), options)
    assert report.files == [tmp_path / name for name in ("o.jsonl", "o.mp4", "o.csv", "o.png")]
    assert (report.frames, report.dropped, report.interrupted) == (20, 0, False)
    frames, times, rate = read_film(tmp_path / "o.mp4")
    assert len(frames) == 20 and rate == NTSC and times[-1] == pytest.approx(19 / NTSC, abs=1e-4)
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(20))
    assert lines[-1]["time"] == pytest.approx(float(19 / NTSC), abs=1e-3)
    (face,) = lines[-1]["faces"]
    assert face["track"] == 1 and face["evidence"] >= 1 and "minor_probability" in face["age"]
    (row,) = csv.DictReader((tmp_path / "o.csv").read_text().splitlines())
    assert row["track"] == "1" and row["age"] in ("unsure", str(face["age"]["years"]))
    left, top, right, bottom = face["box"]
    assert difference(frames[-1][top:bottom, left:right], still[top:bottom, left:right]) > 2  # the box is drawn
    assert "1 " in report.tracks and str(report).startswith("20 frames, ")
    names = ", ".join(str(tmp_path / name) for name in ("o.jsonl", "o.mp4", "o.csv", "o.png"))
    assert str(report).endswith(f", written to {names} and 1 capture in {tmp_path / 'seen'}")


def test_blurred_faces_are_hidden_from_the_first_frame_on_and_still_estimated(
    tmp_path: Path, tiny_weights: Path
) -> None:
    with Image.open(PROJECT / "demo_images" / "astronaut.jpg") as photograph:
        still = np.asarray(photograph.convert("RGB").resize((512, 512)))
    options = hidden(
        blur=True, output=tmp_path / "o.mp4", jsonl=str(tmp_path / "o.jsonl"), capture_to=str(tmp_path / "seen"),
        capture_faces=True, capture_every=0.1,
    )  # fmt: skip
    annotate_video(film(tmp_path / "still.mp4", [still] * 4), FaceEstimator(tiny_weights, heads=["age"]), options)
    detect = make_detector("blazeface")
    (face,) = json.loads((tmp_path / "o.jsonl").read_text().splitlines()[-1])["faces"]
    assert "age" in face and len(detect(still)) == 1
    pictures = [read_picture(path) for path in (tmp_path / "seen").glob("*.jpg")]
    assert len(pictures) == 3
    left, top, right, bottom = face["box"]
    for drawn in (*pictures, *read_film(tmp_path / "o.mp4")[0]):
        assert detect(np.ascontiguousarray(drawn)) == []
        if drawn.shape == still.shape:
            assert difference(drawn[top:bottom, left:right], still[top:bottom, left:right]) > 15


def test_the_same_file_gives_the_same_lines(tmp_path: Path, tiny_weights: Path) -> None:
    moving = tmp_path / "clip.mp4"
    write_clip(clip_of("three_walking", seconds=1.5), moving)
    texts = []
    for name in ("one", "two"):
        annotate_video(moving, FaceEstimator(tiny_weights), hidden(jsonl=str(tmp_path / name)))
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1] and '"track": 3' in texts[0]


def test_a_file_loses_no_frame_however_slow_the_network(made_of: Any, clip: Path, tmp_path: Path) -> None:
    made_of(lambda frame: time.sleep(0.03))
    report = annotate_video(clip, ESTIMATOR, hidden(output=tmp_path / "o.mp4"))
    assert (report.frames, report.dropped) == (N_FRAMES, 0)
    frames = read_film(tmp_path / "o.mp4")[0]
    assert all(difference(one, other) < 6 for one, other in zip(frames, pictures(N_FRAMES), strict=True))


def test_a_live_source_drops_what_is_old_and_tells(made_of: Any, tmp_path: Path) -> None:
    source = Moving(pictures(60), is_live=True, pace=0.01)
    made_of(lambda frame: wait_for(lambda: source.n_given >= min(60, frame.index + 5)))
    report = annotate_video(source, ESTIMATOR, hidden(jsonl=str(tmp_path / "o.jsonl")))
    numbers = [json.loads(line)["frame"] for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert report.frames + report.dropped == 60 and report.dropped > 20
    assert numbers[-1] == 59 and numbers == sorted(set(numbers))
    assert np.median(report.latencies) < 1  # old frames are not shown late, but never
    assert f"{report.dropped} dropped, latency " in str(report)
    assert source.is_closed


@pytest.mark.parametrize(
    ("size", "is_live", "expected"),
    [((640, 480), False, 12), ((3840, 2160), False, 12), ((7680, 4320), False, 3), ((640, 480), True, 3)],
)
def test_few_large_pictures_are_held(size: tuple[int, int], is_live: bool, expected: int) -> None:
    source = Moving([], is_live=is_live)
    source.size = size
    assert annotate._in_flight(source) == expected


@pytest.mark.parametrize(
    ("detector", "is_live", "size", "expected"),
    [
        ("blazeface", True, (640, 480), 64),
        ("blazeface", True, (720, 1296), 129),
        ("blazeface", False, (640, 480), 32),
        ("blazeface", False, (1920, 1080), 96),
        ("hog", False, (1920, 1080), None),
        ("whole_image", True, (640, 480), None),
    ],
)
def test_files_are_searched_for_smaller_faces(
    detector: str, is_live: bool, size: tuple[int, int], expected: int | None
) -> None:
    source = Moving([], is_live=is_live)
    source.size = size
    assert annotate.smallest_face(source, detector) == expected


def test_each_nth_frame_is_written_at_its_time(made_of: Any, clip: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    made_of(lambda frame: seen.append(frame.index))
    report = annotate_video(clip, ESTIMATOR, hidden(output=tmp_path / "o.mp4", every=5))
    _, times, rate = read_film(tmp_path / "o.mp4")
    assert (seen, report.frames, rate) == ([0, 5, 10], 3, NTSC / 5)
    assert times == pytest.approx([float(n / NTSC) for n in seen])


def test_mirrored(made_of: Any, clip: Path, tmp_path: Path) -> None:
    annotate_video(clip, ESTIMATOR, hidden(output=tmp_path / "o.mp4", mirror=True))
    assert difference(read_film(tmp_path / "o.mp4")[0][0], pictures(1)[0][:, ::-1]) < 6


def test_nothing_is_overwritten(made_of: Any, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "o.mp4").write_text("precious")
    report = annotate_video(clip, ESTIMATOR, hidden(output=tmp_path / "o.mp4"))
    assert report.files == [tmp_path / "o-2.mp4"] and (tmp_path / "o.mp4").read_text() == "precious"


def test_the_source_is_not_replaced(clip: Path, tmp_path: Path) -> None:
    content = clip.read_bytes()
    with pytest.raises(UsageError, match=r"clip.mp4 is the source and would be overwritten. Choose another name"):
        annotate_video(clip, ESTIMATOR, hidden(jsonl=f"{tmp_path}/./clip.mp4", output=tmp_path / "o.mp4"))
    assert clip.read_bytes() == content and [*tmp_path.iterdir()] == [clip]


def test_captures_are_taken(made_of: Any, clip: Path, tmp_path: Path) -> None:
    annotate_video(clip, ESTIMATOR, hidden(capture_to=str(tmp_path / "seen"), capture_every=0.2))
    assert len(list((tmp_path / "seen").glob("*.jpg"))) == len(list((tmp_path / "seen").glob("*.json"))) == 2


# What stops it


def test_a_source_that_breaks_off_is_told_and_what_was_done_is_kept(made_of: Any, tmp_path: Path) -> None:
    source = Moving(pictures(9), is_live=False, fails_at=7)
    options = hidden(output=tmp_path / "o.mp4", summary=tmp_path / "o.csv")
    with pytest.raises(
        VideoError, match=r"^Made 0 is gone. What was done until then is in .*o.mp4, .*o.csv and .*png\.$"
    ):
        annotate_video(source, ESTIMATOR, options)
    assert len(read_film(tmp_path / "o.mp4")[0]) == 7 and (tmp_path / "o.csv").exists()
    assert source.is_closed


def test_of_two_errors_the_first_is_told(made_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise PictureError("Cannot write the timeline.")

    monkeypatch.setattr(annotate, "draw_timeline", full)
    options = hidden(output=tmp_path / "o.mp4", summary=tmp_path / "o.csv")
    with pytest.raises(VideoError, match=r"^Made 0 is gone. What was done until then is in .*o.mp4 and .*o.csv\.$"):
        annotate_video(Moving(pictures(9), is_live=False, fails_at=7), ESTIMATOR, options)
    with pytest.raises(PictureError, match=r"^Cannot write the timeline. What was done until then is in .*o-2.mp4 and"):
        annotate_video(Moving(pictures(9), is_live=False), ESTIMATOR, options)


def test_an_error_of_a_stage_passes_and_what_was_done_is_kept(made_of: Any, clip: Path, tmp_path: Path) -> None:
    made_of(lambda frame: 1 // (5 - frame.index))
    with pytest.raises(ZeroDivisionError):
        annotate_video(clip, ESTIMATOR, hidden(output=tmp_path / "o.mp4"))
    assert len(read_film(tmp_path / "o.mp4")[0]) == 5


def test_what_cannot_be_written_is_told(made_of: Any, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "o.jsonl").write_text("precious")
    with pytest.raises(VideoError, match=r"Cannot write .*drawn.mp4: .*. Free some space or choose another path"):
        annotate_video(clip, ESTIMATOR, hidden(output=clip / "drawn.mp4"))


def test_a_summary_that_cannot_be_written_is_told_at_the_start(made_of: Any, clip: Path, tmp_path: Path) -> None:
    made_of(lambda frame: pytest.fail("too late"))
    with pytest.raises(FaceKitError, match=r"^Cannot make the folder .*clip.mp4: "):
        annotate_video(clip, ESTIMATOR, hidden(output=tmp_path / "o.mp4", summary=clip / "o.csv"))
    assert not (tmp_path / "o.mp4").exists()


PROGRAM = """
import sys, time
from types import SimpleNamespace
from facekit.faces.detectors import make_detector
from facekit.faces.images import read_picture
from facekit.heads import AGE
from facekit.video import VideoOptions, annotate, annotate_video
from facekit.video.frames import Scene
def slow(frame):
    print("frame", flush=True)
    time.sleep(0.1)
    return Scene(frame, ()), frame.picture
annotate._stages = lambda *_: {"slow": slow}
source, output, lines = sys.argv[1:]
from pathlib import Path
options = VideoOptions(show=False, output=Path(output), jsonl=lines)
estimator = SimpleNamespace(heads=[AGE], min_face=None, detector="hog")
sys.exit(130 if annotate_video(source, estimator, options).interrupted else 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_it_in_good_order(number: signal.Signals, tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", pictures(100))
    output, lines = tmp_path / "o.mp4", tmp_path / "o.jsonl"
    command = [sys.executable, "-c", PROGRAM, clip, output, lines]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    for _ in range(5):
        process.stdout.readline()
    process.send_signal(number)
    _, errors = process.communicate(timeout=LIMIT)
    assert (process.returncode, errors) == (130, b"")
    n_frames = len(read_film(output)[0])
    assert 2 <= n_frames < 100 and n_frames == len(lines.read_text().splitlines())


def test_ctrl_c_before_the_first_frame_leaves_nothing(made_of: Any, clip: Path, tmp_path: Path) -> None:
    def interrupt(frame: Frame) -> None:
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.3)

    made_of(interrupt)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        annotate_video(clip, ESTIMATOR, hidden(output=tmp_path / "o.mp4"))
    assert not (tmp_path / "o.mp4").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_while_it_is_opened_is_no_error_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any, **__: Any) -> Source:
        signal.raise_signal(signal.SIGINT)
        raise VideoError("rtsp://there was stopped before it gave a picture.")

    monkeypatch.setattr(annotate, "open_source", stopped)
    with pytest.raises(KeyboardInterrupt):
        annotate_video("rtsp://there", ESTIMATOR, hidden(jsonl="-"))


def test_it_works_in_another_thread(made_of: Any, clip: Path, tmp_path: Path) -> None:
    reports: list[Any] = []
    options = hidden(jsonl=str(tmp_path / "o.jsonl"))
    thread = threading.Thread(target=lambda: reports.append(annotate_video(clip, ESTIMATOR, options)))
    thread.start()
    thread.join(LIMIT)
    assert reports[0].frames == N_FRAMES
