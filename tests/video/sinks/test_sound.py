"""The sound of a written video: copied or converted, in step with the pictures, and kept after a kill."""

import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from films import film, loudness, pictures, read_film, read_sound

from facekit.core.files import PROJECT
from facekit.video.frames import Scene
from facekit.video.sinks import sound
from facekit.video.sinks.recorder import Recorder
from facekit.video.sources import open_source

N_FRAMES, RATE = 30, Fraction(25)
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits and signals of Linux")


def make(path: Path, *sounds: tuple[str, float, float], late: float = 0.0, video: str = "libx264") -> Path:
    times = [late + number / 25 for number in range(N_FRAMES)] if late else None
    return film(path, pictures(N_FRAMES, (64, 48)), rate=RATE, codec=video, times=times, sounds=sounds)


def copy(path: Path, since: int = 0) -> Path:
    """Records the frames from index `since` on."""
    files: list[Path] = []
    with open_source(path) as source, Recorder(source, path.parent / "out" / "drawn.mp4", files) as recorder:
        if since:
            recorder.toggle()
        for frame in source:
            if frame.index and frame.index == since:
                recorder.toggle()
            recorder.write(Scene(frame, ()), frame.picture)
        recorder.finish()
    return files[-1]


def codecs(path: Path) -> list[str]:
    with av.open(str(path)) as file:
        return [stream.codec_context.codec.canonical_name for stream in file.streams.audio]


def assert_in_step(path: Path, begin: float, end: float, index: int = 0, since: float = 0.0) -> None:
    """Checks when a sound begins and ends, and that its loudness, which changes every 0.1 s, fits best unshifted.

    Args:
        begin, end: seconds after the first picture.
        since: how much of the sound is missing at its begin, seconds.
    """
    values, times = read_sound(path, index)
    assert (times[0], times[-1]) == (pytest.approx(begin, abs=0.06), pytest.approx(end, abs=0.06))
    shifts = np.arange(-9, 10) / 100
    errors = [np.abs(values - loudness(times - begin + since + shift))[5:-5].mean() for shift in shifts]
    assert abs(shifts[np.argmin(errors)]) < 0.015 and min(errors) < 0.03


@pytest.mark.parametrize(
    ("name", "codec", "written", "late"),
    [
        ("a.mp4", "aac", "aac", 0.0),
        ("a.mp4", "aac", "aac", 0.7),
        ("a.ts", "aac", "aac", 0.0),
        ("a.mkv", "libmp3lame", "mp3", 0.7),
        ("a.mkv", "libopus", "opus", 0.0),
        ("a.mov", "pcm_s16le", "aac", 0.7),
    ],
)
def test_the_sound_is_copied_or_converted_and_late_pictures_stay_late(
    name: str, codec: str, written: str, late: float, tmp_path: Path
) -> None:
    path = copy(make(tmp_path / name, (codec, 0.0, 1.6), late=late))
    assert codecs(path) == [written]
    assert_in_step(path, -late, 1.6 - late)
    _, times, rate = read_film(path)
    assert rate == RATE and np.diff(times) == pytest.approx(0.04, abs=2e-5) and len(times) == N_FRAMES


@pytest.mark.parametrize("begin", [0.4, 1.0])
def test_sound_that_starts_late_stays_late(begin: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "MAX_DELAY_SECONDS", 0.6)
    values, times = read_sound(copy(make(tmp_path / "a.mkv", ("aac", begin, 1.8))))
    heard = times[values > 0.05]
    assert heard[0] == pytest.approx(begin, abs=0.05) and heard[-1] == pytest.approx(1.8, abs=0.05)


def test_all_streams_are_copied_and_a_later_recording_has_its_part(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mkv", ("aac", 0.0, 1.5), ("flac", 0.0, 1.0))
    whole = copy(source)
    assert codecs(whole) == ["aac", "flac"]
    assert_in_step(whole, 0.0, 1.0, index=1)
    assert_in_step(copy(source, since=10), 0.0, 1.1, since=0.4)


@pytest.mark.parametrize("step", ["av.open", "_Track.__init__", "_Track.time"])
def test_sound_that_cannot_be_had_costs_no_picture(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source = make(tmp_path / "a.mp4", ("aac", 0.0, 1.5))

    def fail(*_: Any, **__: Any) -> None:
        raise av.error.InvalidDataError(1, "Invalid data", "http://user:secret@host/")

    with monkeypatch.context() as patch:
        if step == "av.open":
            opened = av.open
            patch.setattr(av, "open", lambda *a, **b: fail() if "timeout" in b else opened(*a, **b))
        else:
            patch.setattr(f"facekit.video.sinks.sound.{step}", fail)
        path = copy(source)
    assert len(read_film(path)[0]) == N_FRAMES
    (note,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("note: ")]
    assert str(source) in note and "secret" not in note


PROGRAM = """
import os, resource, sys
sys.path.insert(0, "tests/support")
from facekit.core.errors import VideoError
from facekit.video.sinks.recorder import Recorder
from facekit.video.sources import open_source
from facekit.video.frames import Scene
source, path, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with open_source(source) as source, Recorder(source, path, []) as recorder:
        for frame in source:
            recorder.write(Scene(frame, ()), frame.picture)
        if not limit:
            os.kill(os.getpid(), 9)
except VideoError as error:
    print(error)
"""


@linux_only
@pytest.mark.parametrize("share", [0.0, 0.5])  # of the bytes that fit; 0 for a kill
def test_after_a_kill_or_on_a_full_disk_sound_and_pictures_remain(share: float, tmp_path: Path) -> None:
    frames = pictures(75, (160, 120))
    source = film(tmp_path / "a.mp4", frames, rate=RATE, sounds=[("aac", 0.0, 3.0)])
    path = tmp_path / "drawn.mp4"
    limit = int(share * copy(source).stat().st_size)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, source, path, str(limit)], cwd=PROJECT, capture_output=True, text=True
    )
    if share:
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"Cannot write {path}: File too large. Free some space or choose another path.\n"
    else:
        assert done.returncode == -signal.SIGKILL
    n_frames = len(read_film(path)[0])
    end = read_sound(path)[1][-1]
    assert (share or 1) * 75 - 26 < n_frames <= 75
    assert abs(end - n_frames / 25) < 0.6  # neither runs ahead of the other
    assert_in_step(path, 0.0, end)
