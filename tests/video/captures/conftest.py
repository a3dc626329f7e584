import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from waiting import LIMIT

from facekit.core.files import PROJECT
from facekit.video.captures import captures, spool

Child = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collects the notes of captures."""
    noted: list[str] = []
    for module in (captures, spool):
        monkeypatch.setattr(module, "print_note", noted.append)
    return noted


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives uploads the time that a loaded machine needs, and looks often whether another process has ended."""
    monkeypatch.setattr(spool, "CLOSE_SECONDS", LIMIT)
    monkeypatch.setattr(spool, "POLL_SECONDS", 0.05)


@pytest.fixture
def child() -> Iterator[Child]:
    """Starts a program with arguments, waits until it prints "full", and kills it at the end of the test."""
    children: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        children.append(subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True))
        assert children[-1].stdout is not None and children[-1].stdout.readline() == "full\n"
        return children[-1]

    yield start
    for process in children:
        process.kill()
        process.communicate()
