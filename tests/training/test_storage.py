"""Storage of the chips: the choice of auto, and the file on disk."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from facekit.core.errors import TrainingError, UnknownNameError
from facekit.datasets.mixture import load_faces
from facekit.datasets.source import DataSource
from facekit.heads import AGE, GENDER, RACE
from facekit.training import memory, storage
from facekit.training.storage import Storage, choose_store

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("device", "host", "store", "reason"),
    [
        (80, 16, "device", "its GPU has 80.0 GB free"),
        (4, 16, "host", "16.0 GB are free"),
        (None, 16, "host", "16.0 GB are free"),
        (None, 5, "stream", "only 5.0 GB of memory are free"),
        (4, 4, "stream", "only 4.0 GB"),
        (None, None, "host", "does not tell"),
    ],
)
def test_auto_takes_the_first_store_with_room(
    device: int | None, host: int | None, store: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "free_on_device", lambda: device and device * GB)
    monkeypatch.setattr(storage, "free_on_host", lambda: host and host * GB)
    got, why = choose_store(int(2.5 * GB))
    assert got == store and reason in why


def test_stores_that_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(
        UnknownNameError, match=r"Unknown storage of the data: 'hots'\. Did you mean 'host'\? Known: auto"
    ):
        Storage("hots", tmp_path)
    asked = Storage("host", tmp_path)
    assert asked.allocate((2, 3)).shape == (2, 3)
    assert str(asked) == "0.00 GB in host memory"


def test_file_on_disk_holds_the_same_chips_and_leaves_nothing(tiny_utkface: Path, tmp_path: Path) -> None:
    heads, source = (AGE, GENDER, RACE), DataSource("utkface", str(tiny_utkface))
    expected = load_faces(source, heads, 48)
    faces = load_faces(source, heads, 48, allocate=Storage("stream", tmp_path / "logs").allocate)
    assert isinstance(faces.chips, np.memmap)
    np.testing.assert_array_equal(faces.chips, expected.chips)
    if os.name == "posix":  # elsewhere it is deleted with the process
        assert not list((tmp_path / "logs").iterdir())


def test_full_disk_is_told_before_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(TrainingError, match=r"^The chips need 2\.0 GB in .*: No space left on device\. Make room, or "):
        Storage("stream", tmp_path).allocate((2, GB))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells what of the memory is a file's")
def test_chips_on_disk_need_no_memory(tmp_path: Path) -> None:
    def anonymous() -> int:
        rows = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(rows["RssAnon"].split()[0]) * 1024

    before = anonymous()
    chips = Storage("stream", tmp_path).allocate((100, 1000, 1000))
    chips[:] = 7
    assert chips[::10, 0, 0].tolist() == [7] * 10
    assert anonymous() - before < 20_000_000


def test_free_memory_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "meminfo": "MemTotal: 24000000 kB\nMemAvailable: 16000000 kB\n",
        "memory.max": "8000000000",
        "memory.current": "5000000000",
        "memory.stat": "anon 1\ninactive_file 1000000000\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory.free_on_host() == 4_000_000_000
    (tmp_path / "memory.max").write_text("max")
    assert memory.free_on_host() == 16_000_000 * 1024
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    found = memory.free_on_host()
    assert found is None or found > 0
