"""Freed memory that is kept costs no page faults when it is allocated again."""

import subprocess
import sys

import pytest
from checkout import ROOT

ALLOCATE = """
import resource, sys
from facekit.core.allocator import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()


def fill():
    for _ in range(20):
        bytearray(b"1") * 40_000_000


fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="an allocator of Linux")
def test_kept_memory_is_not_fetched_again() -> None:
    def faults(kind: str) -> int:
        command = [sys.executable, "-c", ALLOCATE, kind]
        return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)

    kept, returned = faults("kept"), faults("returned")
    assert kept < 1000
    assert kept * 100 < returned
