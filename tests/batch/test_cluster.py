"""Runs on Ray: on this machine, and on a cluster of two nodes of which one is lost."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from checkout import ROOT

PHOTOGRAPHS = sorted((ROOT / "demo_images").glob("*.jpg"))
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
pytestmark = pytest.mark.slow


def command(source: Path, output: Path, *options: str) -> list[str]:
    script = [sys.executable, str(ROOT / "face_batch.py"), str(source), "--output", str(output)]
    return [*script, "--heads", "age", *options]


def photographs(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05}.jpg").symlink_to(PHOTOGRAPHS[number % len(PHOTOGRAPHS)])
    return folder


def rows(output: Path) -> list[dict[str, Any]]:
    return [row for part in sorted(output.glob("part-*")) for row in pq.read_table(part).to_pylist()]


def assert_complete(output: Path, count: int) -> None:
    """Each picture has its row set once: its faces are numbered without a gap."""
    faces = Counter((row["picture"], row["face"]) for row in rows(output))
    assert set(faces.values()) == {1}
    numbers: dict[str, list[int]] = {}
    for picture, number in faces:
        numbers.setdefault(picture, []).append(number)
    assert len(numbers) == count
    for picture, found in numbers.items():
        assert sorted(found) == list(range(4 if "group" in os.path.realpath(picture) else 1))


def parts_appear(output: Path, count: int) -> None:
    until = time.monotonic() + 300
    while len(list(output.glob("part-*"))) < count:
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def small_parts(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment in which parts have few pictures, so that there are many."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import sys\nif sys.argv[0].endswith('face_batch.py'):\n    import facekit.batch.run\n"
        "    facekit.batch.run.PART = 10\n"
    )
    yield {**ENVIRONMENT, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}


def test_a_run_on_this_machine(tmp_path: Path) -> None:
    source, output = photographs(tmp_path / "photographs", 12), tmp_path / "faces"
    (source / "half.jpg").write_bytes(PHOTOGRAPHS[0].read_bytes()[:4000])
    done = subprocess.run(command(source, output), env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0 and "error: " not in done.stderr, done.stderr
    assert done.stdout.startswith("13 pictures, 21 faces, 1 could not be read; written to ")
    (failed,) = [row for row in rows(output) if row["error"]]
    assert failed["picture"].endswith("half.jpg")
    again = subprocess.run(command(source, output), env=ENVIRONMENT, capture_output=True, text=True)
    assert (again.returncode, again.stdout) == (0, f"Nothing is left to do in {output}.\n")


def test_a_killed_driver_continues(tmp_path: Path, small_parts: dict[str, str]) -> None:
    source, output = photographs(tmp_path / "photographs", 100), tmp_path / "faces"
    with subprocess.Popen(command(source, output), env=small_parts, start_new_session=True) as driver:
        parts_appear(output, 2)
        driver.kill()
    done = subprocess.run(command(source, output), env=small_parts, capture_output=True, text=True)
    assert done.returncode == 0 and "error: " not in done.stderr, done.stderr
    assert_complete(output, 100)


def test_a_lost_node_costs_nothing(tmp_path: Path, small_parts: dict[str, str]) -> None:
    from ray.cluster_utils import Cluster

    source, output = photographs(tmp_path / "photographs", 100), tmp_path / "faces"
    variables = {name: small_parts[name] for name in ("PYTHONPATH",)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        try:
            node = cluster.add_node(num_cpus=1)
            cluster.wait_for_nodes()
            options = ("--address", cluster.address)
            with subprocess.Popen(
                command(source, output, *options), env=small_parts, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            ) as driver:
                parts_appear(output, 2)
                cluster.remove_node(node, allow_graceful=False)
                out, errors = driver.communicate(timeout=500)
            assert driver.returncode == 0, (out, errors)
        finally:
            cluster.shutdown()
    assert_complete(output, 100)


def test_interrupted_run_says_so(tmp_path: Path, small_parts: dict[str, str]) -> None:
    source, output = photographs(tmp_path / "photographs", 100), tmp_path / "faces"
    with subprocess.Popen(command(source, output), env=small_parts, stderr=subprocess.PIPE) as driver:
        parts_appear(output, 1)
        driver.send_signal(signal.SIGINT)
        _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 130 and errors.endswith(b"error: interrupted\n")
