"""Written videos are complete, with exact times and colours, and playable up to a failure."""

import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from films import NTSC, difference, pictures, read_film

from facekit.core.errors import VideoError
from facekit.core.files import PROJECT
from facekit.video.sinks import writer
from facekit.video.sinks.writer import VideoWriter

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits and signals of Linux")


def write(path: Path, frames: list[np.ndarray], times: list[float], rate: Fraction, variable: bool = False) -> Path:
    height, width = frames[0].shape[:2]
    with VideoWriter(path, (width, height), rate, variable=variable) as video:
        for picture, time in zip(frames, times, strict=True):
            video.write(picture, time)
    assert video.n_written == len(frames)
    return path


@pytest.mark.parametrize("rate", [NTSC, Fraction(24000, 1001), Fraction(60000, 1001), Fraction(25), Fraction(1, 2)])
@pytest.mark.parametrize("digits", [9, 3])  # of the times, as in files that round to milliseconds
def test_a_rate_stays_exact_and_the_length_equal(rate: Fraction, digits: int, tmp_path: Path) -> None:
    times = [round(float(number / rate), digits) for number in range(40)]
    path = write(tmp_path / "out" / "film.mp4", pictures(40, (64, 48)), times, rate)
    _, written, mean = read_film(path)
    assert mean == rate
    assert written == pytest.approx([float(number / rate) for number in range(40)], abs=2e-5)
    with av.open(str(path)) as file:
        assert file.duration == pytest.approx(float(40 / rate) * 1e6, abs=2)
        assert file.streams.video[0].frames == 40  # an index of all: no fragments are left


@pytest.mark.parametrize("variable", [True, False])
def test_uneven_times_are_kept(variable: bool, tmp_path: Path) -> None:
    times = [7.0, 7.01, 7.045, 7.3, 9.8, 9.81234, 9.9]
    _, written, _ = read_film(write(tmp_path / "film.mp4", pictures(7, (64, 48)), times, Fraction(30), variable))
    assert written == pytest.approx([time - 7 for time in times], abs=2e-5 if variable else 1e-3)


def test_two_frames_of_one_time_are_both_kept(tmp_path: Path) -> None:
    _, written, _ = read_film(write(tmp_path / "film.mp4", pictures(4, (64, 48)), [0, 0.1, 0.1, 0.05], NTSC))
    assert len(written) == 4 and written == sorted(set(written))


def test_colours_survive_and_pictures_given_are_not_changed(tmp_path: Path) -> None:
    steps = np.array([0, 128, 255], np.uint8)
    chart = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(1, 27, 3)
    chart = chart.repeat(32, axis=0).repeat(16, axis=1)
    chart.flags.writeable = False
    before = chart.copy()
    path = write(tmp_path / "film.mp4", [chart] * 3, [0, 0.04, 0.08], Fraction(25))
    assert np.array_equal(chart, before)
    frame = read_film(path)[0][-1]
    middles = frame[16, 8::16].astype(int) - chart[16, 8::16]
    assert np.abs(middles).max() <= 6
    with av.open(str(path)) as file:
        context = file.streams.video[0].codec_context
        assert (context.colorspace, context.color_range, context.color_primaries, context.color_trc) == (1, 1, 1, 1)


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (63, 47), (1, 1)])
def test_odd_sizes_lose_nothing(size: tuple[int, int], tmp_path: Path) -> None:
    (given,) = pictures(1, size)
    ((frame,), _, _) = read_film(write(tmp_path / "film.mp4", [given], [0], NTSC))
    assert frame.shape[:2] == (size[1] + size[1] % 2, size[0] + size[0] % 2)
    assert difference(frame[: size[1], : size[0]], given) < 12


def test_without_h264_it_is_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ENCODERS", {"no_such": {}, "mpeg4": writer.ENCODERS["mpeg4"]})
    path = write(tmp_path / "film.mp4", pictures(), [float(number / NTSC) for number in range(12)], NTSC)
    frames, _, rate = read_film(path)
    assert rate == NTSC
    assert max(map(difference, frames, pictures())) < 6


# Names and disks


def test_names_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(VideoError, match=r"^Cannot write .*film.mp4: .*. Free some space or choose another path"):
        VideoWriter(tmp_path / "file" / "film.mp4", (64, 48), NTSC, variable=False)
    with pytest.raises(VideoError, match=r"^Cannot write .*film.mp4: no encoder takes 100000 x 48 pixels.$"):
        VideoWriter(tmp_path / "film.mp4", (100_000, 48), NTSC, variable=False)
    assert not (tmp_path / "film.mp4").exists()


def test_a_film_without_frames_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / "film.mp4", (64, 48), NTSC, variable=False):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_what_was_written_before_an_error_plays(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with pytest.raises(ZeroDivisionError), VideoWriter(path, (320, 240), NTSC, variable=False) as video:
        for number, picture in enumerate(pictures(5)):
            video.write(picture, float(number / NTSC))
        raise ZeroDivisionError
    assert len(read_film(path)[0]) == 5


PROGRAM = """
import os, resource, sys
from fractions import Fraction
from pathlib import Path
sys.path.insert(0, "tests/support")
from films import pictures
from facekit.core.errors import VideoError
from facekit.video.sinks.writer import VideoWriter
limit, n_frames = int(sys.argv[2]), int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with VideoWriter(Path(sys.argv[1]), (320, 240), Fraction(30), variable=False) as video:
        # Without a limit one picture stays: so little to write that it may wait in memory.
        for number, picture in enumerate(pictures(n_frames) if limit else pictures(1) * n_frames):
            video.write(picture, number / 30)
        if not limit:
            os.kill(os.getpid(), 9)
except VideoError as error:
    print(error)
"""


def in_a_process(path: Path, limit: int, n_frames: int) -> tuple[int, str]:
    command = [sys.executable, "-c", PROGRAM, path, str(limit), str(n_frames)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.returncode, done.stdout


@linux_only
def test_a_killed_process_loses_the_last_second_only(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    status, _ = in_a_process(path, 0, 90)
    assert status == -signal.SIGKILL
    frames, _, rate = read_film(path)
    assert 60 <= len(frames) < 90 and rate == 30
    assert difference(frames[-1], pictures(1)[0]) < 5


@linux_only
@pytest.mark.parametrize("share", [0.7, 0.999])  # of what the film takes: in a fragment, or in the index
def test_a_full_disk_is_told_and_the_film_until_then_plays(share: float, tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.mp4", tmp_path / "film.mp4"
    assert in_a_process(whole, 10**9, 60) == (0, "")  # of the same libraries: others were imported here
    size = os.path.getsize(whole)
    status, told = in_a_process(path, int(share * size), 60)
    assert status == 0
    assert told == f"Cannot write {path}: File too large. Free some space or choose another path.\n"
    frames, _, rate = read_film(path)
    assert share * 60 - 31 < len(frames) <= 60 and rate == 30 and len(frames) >= 15
    assert difference(frames[-1], pictures(60)[len(frames) - 1]) < 8


@linux_only
def test_a_disk_that_is_full_at_once_keeps_no_file(tmp_path: Path) -> None:
    status, told = in_a_process(tmp_path / "film.mp4", 100, 3)
    assert (status, told.startswith("Cannot write ")) == (0, True)
    assert not list(tmp_path.iterdir())
