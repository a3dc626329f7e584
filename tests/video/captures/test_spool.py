"""Spool: order, and no loss or duplicates through failures, kills and other processes."""

import os
import re
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import LIMIT, wait_for

from facekit.core.errors import VideoError
from facekit.core.locks import acquire_lock
from facekit.video.captures import spool as spool_module
from facekit.video.captures.spool import RefusedError, Spool, UploadError

FAST = (0.01, 0.05)


class Server:
    """Fake server: stores files unless it fails, and records attempts."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.attempts: list[str] = []
        self.failure: Exception | None = None
        self.loses_answers = 0

    def put(self, name: str, data: bytes) -> None:
        self.attempts.append(name)
        if self.failure:
            raise self.failure
        self.files[name] = data
        if self.loses_answers:
            self.loses_answers -= 1
            raise UploadError("No answer.")


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def opened(
    tmp_path: Path, server: Server, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Spool]]:
    made: list[Spool] = []

    def make(retry_seconds: tuple[float, float] = FAST) -> Spool:
        monkeypatch.setattr(spool_module, "RETRY_SECONDS", retry_seconds)
        made.append(Spool(tmp_path / "spool", server.put))
        return made[-1]

    yield make
    server.failure = None
    for spool in made:
        spool.close()


def waiting(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def fill(spool: Spool, numbers: range) -> dict[str, bytes]:
    """Adds captures, and returns the files that must arrive."""
    for number in numbers:
        spool.add(f"{number:03d}.5Z", b"picture %d" % number, b"facts %d" % number)
    pairs = ((number, suffix) for number in numbers for suffix in (("jpg", b"picture"), ("json", b"facts")))
    return {f"{number:03d}.5Z.{suffix}": b"%s %d" % (content, number) for number, (suffix, content) in pairs}


def test_all_arrive_each_picture_before_its_facts(opened: Callable[..., Spool], server: Server, tmp_path: Path) -> None:
    server.failure = UploadError("Down.")
    spool = opened()
    expected = fill(spool, range(20))
    wait_for(lambda: server.attempts)
    server.attempts.clear()
    server.failure = None
    wait_for(lambda: len(server.files) == 40)
    assert server.files == expected and list(server.files) == sorted(expected)
    spool.close()
    assert waiting(tmp_path / "spool") == []


def test_a_lost_answer_repeats_the_same_name(opened: Callable[..., Spool], server: Server, notes: list[str]) -> None:
    """A single failure is not reported."""
    server.loses_answers = 1
    spool = opened()
    expected = fill(spool, range(2))
    wait_for(lambda: len(server.attempts) == 4 + 1)
    server.loses_answers = 3
    expected |= fill(spool, range(2, 4))
    wait_for(lambda: len(server.attempts) == 8 + 1 + 3)
    assert server.files == expected
    wait_for(lambda: len(notes) == 2)
    assert notes[0].startswith("No answer. Captures are kept in ") and notes[1] == "Captures are uploaded again."


def test_attempts_become_rarer_and_one_note_is_made(
    opened: Callable[..., Spool], server: Server, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.failure = UploadError("Down.")
    spool = opened(retry_seconds=(4, 40))
    pauses: list[float] = []
    monkeypatch.setattr(spool._closing, "wait", lambda seconds: pauses.append(seconds) or time.sleep(0.01))
    fill(spool, range(1))
    wait_for(lambda: len(pauses) >= 5)
    for pause, usual in zip(pauses, [4, 8, 16, 32, 40], strict=False):
        assert usual / 2 <= pause <= usual  # jitter may halve it
    assert len(notes) == 1


def test_a_lasting_refusal_is_tried_rarely(opened: Callable[..., Spool], server: Server, notes: list[str]) -> None:
    server.failure = RefusedError("Denied.")
    spool = opened(retry_seconds=(0.001, 600))
    fill(spool, range(1))
    wait_for(lambda: notes)
    time.sleep(0.1)
    fill(spool, range(1, 3))  # which is no reason to hurry
    time.sleep(0.1)
    assert len(server.attempts) == len(notes) == 1
    server.failure = None
    spool.close()
    assert len(server.files) == 6


def test_the_end_tries_once_more_and_tells_what_waits(
    opened: Callable[..., Spool], server: Server, notes: list[str], tmp_path: Path
) -> None:
    server.failure = UploadError("Down.")
    spool = opened(retry_seconds=(600, 600))
    expected = fill(spool, range(3))
    wait_for(lambda: server.attempts)
    spool.close()
    assert len(server.attempts) == 2
    assert notes == [
        f"Down. Captures are kept in {tmp_path / 'spool'} and uploaded later.",
        f"3 captures wait in {tmp_path / 'spool'} to be uploaded at the next start with the same target.",
    ]
    server.failure = None
    again = opened(retry_seconds=(600, 600))
    again.close()
    assert server.files == expected and waiting(tmp_path / "spool") == []


def test_a_server_that_does_not_answer_holds_up_nothing(
    tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "CLOSE_SECONDS", 0.1)
    answers, asked = threading.Event(), threading.Event()
    spool = Spool(tmp_path, lambda name, data: (asked.set(), answers.wait(LIMIT)) and None)
    fill(spool, range(10))
    assert asked.wait(LIMIT)
    spool.close()
    assert notes == [f"10 captures wait in {tmp_path} to be uploaded at the next start with the same target."]
    answers.set()
    spool._sender.join(LIMIT)
    assert len(waiting(tmp_path)) == 19  # what was under way was confirmed; after the end nothing new was begun


def test_a_full_spool_takes_no_more_and_keeps_the_oldest(
    opened: Callable[..., Spool], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "MAX_FILES", 6)
    server.failure = UploadError("Down.")
    spool = opened()
    expected = fill(spool, range(3))
    with pytest.raises(
        VideoError, match=re.escape(f"6 files wait in {tmp_path / 'spool'} to be uploaded, and no more")
    ):
        fill(spool, range(3, 4))
    server.failure = None
    wait_for(lambda: server.files == expected and not waiting(tmp_path / "spool"))
    expected |= fill(spool, range(4, 5))
    wait_for(lambda: server.files == expected)


def test_files_are_removed_by_others_and_folders_too(
    opened: Callable[..., Spool], server: Server, tmp_path: Path
) -> None:
    server.failure = UploadError("Down.")
    spool = opened()
    expected = fill(spool, range(2))
    (tmp_path / "spool" / "000.5Z.jpg").unlink()
    server.failure = None
    wait_for(lambda: server.files.keys() == expected.keys() - {"000.5Z.jpg"})
    wait_for(lambda: not waiting(tmp_path / "spool"))
    (tmp_path / "spool" / ".lock").unlink()
    (tmp_path / "spool").rmdir()
    fill(spool, range(5, 6))
    wait_for(lambda: "005.5Z.json" in server.files)


def test_captures_enter_while_others_leave(opened: Callable[..., Spool], server: Server) -> None:
    spool = opened()
    threads = [threading.Thread(target=fill, args=(spool, range(start, start + 20))) for start in (0, 20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: len(server.files) == 120)
    assert len(server.attempts) == 120


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_only_the_user_can_read_it(opened: Callable[..., Spool], tmp_path: Path) -> None:
    opened()
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700


def test_orphaned_temporary_files_are_removed_and_new_ones_kept(
    opened: Callable[..., Spool], server: Server, tmp_path: Path
) -> None:
    (tmp_path / "spool").mkdir()
    for name, age in {".1-x.jpg": 3600, ".2-x.json": 3600, ".3-x.jpg": 1, "notes.txt": 3600, ".hidden": 3600}.items():
        (tmp_path / "spool" / name).touch()
        os.utime(tmp_path / "spool" / name, (time.time() - age,) * 2)
    expected = fill(opened(), range(1))
    wait_for(lambda: server.files == expected)
    assert {".3-x.jpg", "notes.txt", ".hidden"} == set(os.listdir(tmp_path / "spool")) - {".lock"} - expected.keys()


CHILD = """
import sys, time
from pathlib import Path
from facekit.video.captures import spool as spool_module
from facekit.video.captures.spool import Spool, UploadError
spool_module.RETRY_SECONDS = (0.01, 0.05)
def put(name, data):
    if sys.argv[2] == "down":
        raise UploadError("Down.")
    time.sleep(0.02)
    Path(sys.argv[2], name).write_bytes(data)
spool = Spool(Path(sys.argv[1]), put)
for number in range(int(sys.argv[3])):
    spool.add(f"{number:03d}.5Z", b"picture %d" % number, b"facts %d" % number)
print("full", flush=True)
time.sleep(60)
"""


def test_what_a_killed_process_left_is_sent_at_the_next_start(
    opened: Callable[..., Spool], child: Callable[..., Any], server: Server, tmp_path: Path
) -> None:
    process = child(CHILD, tmp_path / "spool", "down", 10)
    os.kill(process.pid, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    process.wait(LIMIT)
    assert len(waiting(tmp_path / "spool")) == 20
    spool = opened()
    wait_for(lambda: len(server.files) == 20)
    spool.close()
    assert len(server.attempts) == 20 and server.files["009.5Z.json"] == b"facts 9"
    assert waiting(tmp_path / "spool") == []


def is_locked(path: Path) -> bool:
    with open(path, "ab") as file:
        return not acquire_lock(file)


def test_of_two_processes_one_sends_for_both_and_the_other_takes_over(
    opened: Callable[..., Spool], child: Callable[..., Any], server: Server, tmp_path: Path
) -> None:
    arrived = tmp_path / "arrived"
    arrived.mkdir()
    process = child(CHILD, tmp_path / "spool", arrived, 0)
    wait_for(lambda: is_locked(tmp_path / "spool" / ".lock"))  # by the child, whose thread may have only begun
    spool = opened()
    expected = fill(spool, range(5))
    wait_for(lambda: len(os.listdir(arrived)) == 10 and not waiting(tmp_path / "spool"))
    assert server.attempts == []
    assert {path.name: path.read_bytes() for path in arrived.iterdir()} == expected
    process.kill()
    process.wait(LIMIT)
    expected = fill(spool, range(5, 8))
    wait_for(lambda: server.files == expected)
    assert len(os.listdir(arrived)) == 10
