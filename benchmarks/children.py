"""Programs run as children, and what they took. Linux and macOS only: other systems do not tell it."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Usage:
    """Time and memory that a program took.

    Args:
        cpu: user and system time of all its threads, seconds.
        wall: from its start to its end, seconds.
        peak: most memory that it held, GB (1e9 bytes).
    """

    cpu: float
    wall: float
    peak: float


def environment(bytecode: str) -> dict[str, str]:
    """For children that import the checkout, whose bytecode is kept in a folder as it is after an installation."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": bytecode}


def run_child(arguments: Sequence[str | Path], env: dict[str, str]) -> Usage:
    """Runs Python with these arguments. If it fails, the benchmark ends with the child's errors."""
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=errors, env=env)
        _, status, taken = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            errors.seek(0)
            sys.exit(errors.read().decode().strip() or f"error: exit status {child.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Usage(taken.ru_utime + taken.ru_stime, wall, taken.ru_maxrss * unit / 1e9)


def alternate(runs: dict[str, Callable[[], Usage]], rounds: int) -> dict[str, Usage]:
    """The medians of programs that are run in turn, A B A B, so that what else the machine does meets all of them."""
    taken: dict[str, list[Usage]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            usage = run()
            if number:  # the first round compiles bytecode and fills the disk cache
                taken[name].append(usage)
    return {
        name: Usage(*(median(getattr(usage, figure) for usage in usages) for figure in ("cpu", "wall", "peak")))
        for name, usages in taken.items()
    }


def machine() -> str:
    """The processors and the Python of this machine, in a line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"


def verdict(name: str, value: float, must: float, aim: float | None = None, unit: str = "") -> str:
    """A line with a figure and its targets. Less is better, unless the aim is the larger of the two."""
    more = aim is not None and aim > must
    met = value >= must if more else value <= must
    met_aim = aim is not None and (value >= aim if more else value <= aim)
    aimed = "" if aim is None else f", aim {aim:g}{unit}"
    return (
        f"{name:<58} {value:6.2f}{unit:3} at {'least' if more else 'most'} {must:g}{unit}{aimed}: "
        f"{'aim met' if met_aim else 'met' if met else 'MISSED'}"
    )
