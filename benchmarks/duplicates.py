"""Measures time and memory of finding near duplicates among many faces, against comparing all with all."""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from children import ROOT, environment, machine, run_child
from numpy.typing import NDArray

SEARCH = """
import sys, time
import numpy as np
from facekit.datasets.duplicates import near_duplicates

thumbnails = np.load(sys.argv[1])
start = time.perf_counter()
found = near_duplicates(thumbnails)
with open(sys.argv[2], "w") as file:
    print(time.perf_counter() - start, len(found.pairs), file=file)
"""
BRUTE_FORCE = """
import sys, time
import numpy as np

thumbnails = np.load(sys.argv[1])
start = time.perf_counter()
unit = thumbnails - thumbnails.mean(axis=1, keepdims=True)
unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-6)
count = 0
for at in range(0, len(unit), 1024):
    correlation = unit[at : at + 1024] @ unit[: at + 1024].T
    count += np.sum(np.tril(correlation >= 0.95, at - 1))
with open(sys.argv[2], "w") as file:
    print(time.perf_counter() - start, count, file=file)
"""
MOST_BY_BRUTE_FORCE = 20_000

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="train_data/UTKFace*", metavar="PATH", help="default: %(default)s")
parser.add_argument(
    "--n", type=int, nargs="+", default=[20_000, 100_000, 500_000], help="numbers of thumbnails, default: %(default)s"
)


def main() -> None:
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from facekit.datasets.mixture import load_faces
    from facekit.datasets.source import DataSource
    from facekit.heads import AGE

    faces = load_faces(DataSource("utkface", args.data), (AGE,), 64).thumbnails
    print(f"{machine()}\n\n      n   seconds   peak GB    pairs   all with all")
    with tempfile.TemporaryDirectory() as folder:
        for n in args.n:
            _make(faces, n, Path(folder, "thumbnails.npy"))
            seconds, peak, pairs = _run(SEARCH, folder)
            against = ""
            if n <= MOST_BY_BRUTE_FORCE:
                slow, _, all_pairs = _run(BRUTE_FORCE, folder)
                against = f"{slow:.1f} s, {slow / seconds:.1f} times as long, {all_pairs} pairs"
            print(f"{n:>7} {seconds:9.1f} {peak:9.2f} {pairs:8}   {against}", flush=True)


def _make(faces: NDArray[np.float32], n: int, path: Path) -> None:
    """Writes n mixtures of two faces each, with a little noise; 5 % resemble an earlier one."""
    random = np.random.default_rng(0)
    made = np.lib.format.open_memmap(path, "w+", np.float32, (n, faces.shape[1]))
    for start in range(0, n, 8192):
        size = min(8192, n - start)
        first, second = faces[random.integers(len(faces), size=(2, size))]
        share = random.uniform(0.2, 0.8, (size, 1))
        block = share * first + (1 - share) * second
        if start:
            copies = random.random(size) < 0.05
            block[copies] = made[random.integers(start, size=copies.sum())]
        made[start : start + size] = (block + random.normal(0, 4, block.shape)).round().clip(0, 255)


def _run(program: str, folder: str) -> tuple[float, float, int]:
    result = Path(folder, "result")
    usage = run_child(["-c", program, f"{folder}/thumbnails.npy", result], environment(f"{folder}/bytecode"))
    seconds, pairs = result.read_text().split()
    return float(seconds), usage.peak, int(pairs)


if __name__ == "__main__":
    main()
