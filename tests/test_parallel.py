"""Several processes: the same results in the same order, and none lost with a process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout import ROOT, Script
from PIL import Image
from works import end_process, measure

from facekit import FaceEstimator
from facekit.core.errors import FaceKitError, PictureError, UsageError
from facekit.estimates import PictureEstimate
from facekit.faces.images import read_picture
from facekit.parallel import Workers

PHOTOGRAPH = ROOT / "demo_images" / "astronaut.jpg"


@pytest.fixture(scope="module")
def estimator(tiny_weights: Path) -> FaceEstimator:
    return FaceEstimator(tiny_weights)


def alive(process: int) -> bool:
    """Whether a process runs; one that ended and was not asked for its status does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(processes: list[int]) -> bool:
    until = time.monotonic() + 10
    while any(map(alive, processes)) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(map(alive, processes))


def test_two_processes_answer_as_one(estimator: FaceEstimator, tmp_path: Path) -> None:
    (tmp_path / "half.jpg").write_bytes(PHOTOGRAPH.read_bytes()[:4000])
    picture = read_picture(PHOTOGRAPH)
    items: list[Any] = [PHOTOGRAPH, b"none", str(PHOTOGRAPH), picture, tmp_path / "half.jpg", None]
    items += [PHOTOGRAPH.read_bytes(), Image.fromarray(picture), np.zeros((40, 40), np.uint8)]
    expected = list(estimator.estimate_batch(items))
    results = list(estimator.estimate_batch(items, workers=2))
    assert [type(result) for result in results] == [type(result) for result in expected]
    for one, two in zip(expected, results, strict=True):
        if isinstance(one, PictureEstimate) and isinstance(two, PictureEstimate):
            np.testing.assert_array_equal(two.picture, picture)
            assert (two.width, two.height) == (one.width, one.height) == picture.shape[1::-1]
            assert [face.to_dict() for face in two.faces] == [face.to_dict() for face in one.faces]
        else:
            assert str(two) == str(one)


def test_results_come_in_order_and_large_pictures_alone(estimator: FaceEstimator) -> None:
    large = Image.new("1", (10_000, 10_000))
    pictures = [large if number % 5 == 2 else np.zeros((9, 9, 3), np.uint8) for number in range(12)]
    tasks = [(picture, (0.2 if number % 3 == 0 else 0.01, number)) for number, picture in enumerate(pictures)]
    with Workers(estimator, 2) as workers:
        results = list(workers.map(measure, tasks))
    assert [picture for picture, _ in results] == pictures
    done = [result for _, result in results if not isinstance(result, PictureError)]
    assert [number for *_, number in done] == list(range(12))
    assert len({process for process, *_ in done}) == 2
    for picture, (_, began, ended, number) in zip(pictures, done, strict=True):
        if picture is large:
            assert all(end <= began or begin >= ended for _, begin, end, other in done if other != number)


def test_a_picture_that_ends_processes_costs_itself(estimator: FaceEstimator, tmp_path: Path) -> None:
    """One that ended a single process, as when memory was short, costs nothing."""
    kinds = ["", "", "always", "", "once", "", "", ""]
    tasks = [(Path(f"{number}.jpg"), (kind, tmp_path / str(number))) for number, kind in enumerate(kinds)]
    with Workers(estimator, 2) as workers:
        results = [result for _, result in workers.map(end_process, tasks)]
    assert results[:2] + results[3:] == kinds[:2] + kinds[3:]
    assert isinstance(results[2], PictureError)
    assert str(results[2]) == (
        "A picture must not end the process that reads it. Received: 2.jpg, which ended two (exit status -9). "
        "Leave it out."
    )


def test_pictures_are_handed_out_as_results_are_taken(estimator: FaceEstimator) -> None:
    """A caller that stops early can end the processes."""
    taken: list[int] = []

    def tasks() -> Iterator[tuple[Any, Any]]:
        for number in range(1000):
            taken.append(number)
            yield np.zeros((9, 9, 3), np.uint8), (0.01, number)

    with Workers(estimator, 2) as workers:
        results = workers.map(measure, tasks())
        processes = {next(results)[1][0] for _ in range(6)}  # type: ignore[index]
        assert len(taken) < 20
    assert gone(list(processes))


def test_impossible_workers(estimator: FaceEstimator, tiny_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="workers must be at least 1"):
        list(estimator.estimate_batch([PHOTOGRAPH], workers=0))
    with pytest.raises(UsageError, match="Several workers need the runtime openvino"):
        list(FaceEstimator(tiny_weights, runtime="keras").estimate_batch([PHOTOGRAPH], workers=2))
    lost = tmp_path / "lost.h5"
    lost.write_bytes(tiny_weights.read_bytes())
    without_file = FaceEstimator(lost)
    without_file.keep_graphs()
    lost.unlink()
    with pytest.raises(FaceKitError, match="The worker processes end at once"):
        list(without_file.estimate_batch([PHOTOGRAPH], workers=2))


def test_photographs_of_two_processes_are_drawn_as_by_one(script: Script, tiny_weights: Path, tmp_path: Path) -> None:
    """Also those of one name in several folders."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "face.jpg").write_bytes(PHOTOGRAPH.read_bytes())
    (tmp_path / "b" / "half.jpg").write_bytes(PHOTOGRAPH.read_bytes()[:4000])
    given = ["face_demo.py", tmp_path / "a", tmp_path / "b", "--weights", tiny_weights, "--json", "-"]
    one = script(*given, "--output", tmp_path / "one", "--workers", 1)
    two = script(*given, "--output", tmp_path / "two", "--workers", 2)
    assert two[:2] == one[:2] and two[0] == 0
    assert two[2].replace("/two", "/one") == one[2]
    names = sorted(os.listdir(tmp_path / "one"))
    assert names == ["face-2.jpg", "face.jpg"] and sorted(os.listdir(tmp_path / "two")) == names
    for name in names:
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_program_leaves_no_process(tiny_weights: Path, tmp_path: Path, number: signal.Signals) -> None:
    """And no half-written file; Ctrl-C reaches all processes of a terminal, and keeps what was done."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for index in range(300):
        (folder / f"{index:03}.jpg").symlink_to(PHOTOGRAPH)
    command = [sys.executable, ROOT / "face_demo.py", folder, "--weights", tiny_weights, "--workers", "2"]
    command += ["--output", tmp_path / "drawn", "--json", tmp_path / "faces.json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as program:
        assert program.stdout is not None
        for _ in range(4):
            program.stdout.readline()
        children = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
        assert len(children) >= 2
        if number == signal.SIGINT:
            os.killpg(program.pid, number)
            _, errors = program.communicate(timeout=30)
            assert (program.returncode, errors) == (130, b"error: interrupted\n")
            assert (tmp_path / "faces.json").exists()
            assert not [name for name in os.listdir(tmp_path / "drawn") if name.startswith(".")]
        else:
            program.kill()
    assert gone([int(child) for child in children])
