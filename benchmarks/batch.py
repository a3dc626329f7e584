"""Measures face_batch.py: a million pictures that are not read, and a few thousand that are."""

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from children import ROOT, environment, machine, run_child, verdict

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--pictures", type=int, default=1_000_000, metavar="N", help="that are not read")
parser.add_argument("--photographs", type=int, default=5000, metavar="N", help="that are")
ESTIMATE_BATCH = """
import sys
from pathlib import Path
from facekit import FaceEstimator

if __name__ == "__main__":
    for _ in FaceEstimator().estimate_batch(sorted(Path(sys.argv[1]).iterdir()), workers=2):
        pass
"""


def main() -> None:
    args = parser.parse_args()
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = environment(f"{folder}/bytecode")
        measure_plan(folder, env, args.pictures)
        measure_speed(folder, env, args.photographs)


def measure_plan(folder: Path, env: dict[str, str], count: int) -> None:
    """Runs actors that read nothing, from the start and with a hundredth left to do."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    source, output = folder / "list.txt", folder / "faces"
    source.write_text("".join(f"/archive/2024/05/{number:09}.jpg\n" for number in range(count)), encoding="utf-8")
    command = [ROOT / "benchmarks" / "stub_batch.py", source, output]
    usage = run_child(command, env)
    print(verdict(f"driver of {count:,} pictures, peak memory", usage.peak * 1000, 600, unit=" MB"))
    print(f"  {usage.wall:.0f} s, of which Ray's start is a part")
    parts = sorted(output.glob("part-*"))
    names = pq.read_table(parts, columns=["picture"])["picture"]
    print(verdict("rows less pictures, and pictures less distinct ones", len(names) - count, 0))
    print(verdict("", count - pc.count_distinct(names).as_py(), 0))
    for path in parts[: len(parts) // 100 or 1]:
        path.unlink()
    done = subprocess.run([sys.executable, *command], env=env, capture_output=True, text=True, check=True)
    print(verdict("continued with a hundredth left: time to the first", float(done.stdout.split()[-1]), 60, unit=" s"))


def measure_speed(folder: Path, env: dict[str, str], count: int) -> None:
    """Compares Ray's actors with `estimate_batch`, two of each."""
    pictures, source = sorted((ROOT / "demo_images").glob("*.jpg")), folder / "photographs"
    source.mkdir()
    for number, picture in enumerate(itertools.islice(itertools.cycle(pictures), count)):
        (source / f"{number:06}.jpg").symlink_to(picture)
    script = folder / "batch.py"
    script.write_text(ESTIMATE_BATCH, encoding="utf-8")
    batch = [ROOT / "face_batch.py", source, "--output", folder / "result", "--workers", "2"]
    walls = []
    for run in (partial(run_child, [script, source], env), partial(run_child, batch, env)):
        start = time.perf_counter()
        run()
        walls.append(time.perf_counter() - start)
    workers, ray = walls
    print(verdict("two actors, compared with two workers, photographs a second", workers / ray, 0.8, 0.95))
    print(f"  {count / workers:.1f} and {count / ray:.1f} photographs a second, with their start")


if __name__ == "__main__":
    main()
