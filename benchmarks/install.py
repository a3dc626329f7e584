"""Measures the README's first command in a fresh clone, with packages cached, and the size of a small installation."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from children import ROOT, machine, verdict


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clone, venv = Path(folder, "clone"), Path(folder, "venv")
        run("git", "clone", "--quiet", ROOT, clone)
        run("uv", "venv", "--quiet", venv)
        run("uv", "pip", "install", "--quiet", "--python", venv, clone)  # and caches the packages
        packages = list(venv.rglob("*.dist-info"))
        size = sum(path.lstat().st_size for path in venv.rglob("*")) / 1e6
        before, start = os.times(), time.perf_counter()
        run("uv", "run", "--quiet", "face_demo.py", "--quiet", cwd=clone)
        wall, after = time.perf_counter() - start, os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    print(f"{machine()}; without downloads\n")
    print(verdict("Packages that answer", len(packages), 14, 10))
    print(verdict("Their size", size, 600, 350, unit=" MB"))
    print(verdict("Fresh clone to drawn pictures, wall time", wall, 25, 12, unit=" s"))
    print(f"{'The same, CPU time':<58} {cpu:6.2f} s")


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Runs a program. If it fails, the benchmark ends with its errors."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip())


if __name__ == "__main__":
    main()
