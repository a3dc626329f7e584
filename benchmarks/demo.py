"""CPU time and memory of face_demo.py, against a straightforward script that does what the original demo did."""

import argparse
import itertools
import tempfile
from pathlib import Path

from children import ROOT, Usage, alternate, environment, machine, run_child, verdict

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--weights", default=ROOT / "face_weights" / "dlib_utkface.h5", metavar="FILE")
parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each, of which the median counts")
parser.add_argument("--photographs", type=int, default=8, metavar="N", help="of the longer runs")


def main() -> None:
    args = parser.parse_args()
    pictures = sorted((ROOT / "demo_images").glob("*.jpg"))
    photographs = list(itertools.islice(itertools.cycle(pictures), args.photographs))
    with tempfile.TemporaryDirectory() as folder:
        env = environment(f"{folder}/bytecode")

        def ours(paths: list[Path]) -> Usage:
            options = ["--quiet", "--weights", args.weights, "--output", f"{folder}/ours"]
            return run_child([ROOT / "face_demo.py", *options, *paths], env)

        def naive(paths: list[Path]) -> Usage:
            return run_child([ROOT / "benchmarks" / "naive_demo.py", folder, *paths], env)

        taken = alternate(
            {
                "face_demo.py, 1": lambda: ours(photographs[:1]),
                "straightforward, 1": lambda: naive(photographs[:1]),
                f"face_demo.py, {len(photographs)}": lambda: ours(photographs),
                f"straightforward, {len(photographs)}": lambda: naive(photographs),
            },
            args.rounds,
        )
    report(taken, len(photographs))


def report(taken: dict[str, Usage], photographs: int) -> None:
    print(f"{machine()}; medians, bytecode compiled before\n")
    print(f"{'program, photographs':<24}{'CPU s':>8}{'wall s':>8}{'peak GB':>9}")
    for name, usage in taken.items():
        print(f"{name:<24}{usage.cpu:8.2f}{usage.wall:8.2f}{usage.peak:9.2f}")
    ours, naive, ours_many, naive_many = taken.values()
    further, naive_further = (
        (many.cpu - one.cpu) / (photographs - 1) for one, many in ((ours, ours_many), (naive, naive_many))
    )
    print(f"\nEach further photograph: {further:.3f} s of CPU time, straightforward {naive_further:.3f} s\n")
    print(verdict("One photograph, CPU time, share of the straightforward", ours.cpu / naive.cpu, 0.8))
    print(verdict("Each further one, the same", further / naive_further, 0.3))
    print(verdict("Peak memory of face_demo.py", max(ours.peak, ours_many.peak), 1.3, " GB"))


if __name__ == "__main__":
    main()
