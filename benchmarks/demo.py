"""Compares CPU time and memory of face_demo.py and of a straightforward script that does what the original did."""

import argparse
import itertools
import tempfile
from functools import partial

from children import ROOT, Usage, alternate, environment, machine, run_child, verdict

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--weights", metavar="FILE", help="of face_demo.py (default: those shipped)")
parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each; medians are reported")
parser.add_argument("--photographs", type=int, default=8, metavar="N", help="in the longer runs, over 1")


def main() -> None:
    args = parser.parse_args()
    pictures = sorted((ROOT / "demo_images").glob("*.jpg"))
    photographs = list(itertools.islice(itertools.cycle(pictures), args.photographs))
    with tempfile.TemporaryDirectory() as folder:
        env = environment(f"{folder}/bytecode")
        options = ["--quiet", "--output", f"{folder}/ours", *(["--weights", args.weights] if args.weights else [])]

        ours = [ROOT / "face_demo.py", *options]
        naive = [ROOT / "benchmarks" / "naive_demo.py", folder]
        commands = {
            f"{name}, {len(paths)}": [*command, *paths]
            for paths in (photographs[:1], photographs)
            for name, command in (("face_demo.py", ours), ("straightforward", naive))
        }
        taken = alternate({name: partial(run_child, command, env) for name, command in commands.items()}, args.rounds)
    report(taken, len(photographs))


def report(taken: dict[str, Usage], photographs: int) -> None:
    print(f"{machine()}; medians, bytecode compiled before\n")
    print(f"{'program, photographs':<24}{'CPU s':>8}{'wall s':>8}{'peak GB':>9}")
    for name, usage in taken.items():
        print(f"{name:<24}{usage.cpu:8.2f}{usage.wall:8.2f}{usage.peak:9.2f}")
    ours, naive, ours_many, naive_many = taken.values()
    further = (ours_many.cpu - ours.cpu) / (photographs - 1)
    naive_further = (naive_many.cpu - naive.cpu) / (photographs - 1)
    print(f"\nEach further photograph: {further:.3f} s of CPU time, straightforward {naive_further:.3f} s\n")
    print(verdict("One photograph, CPU time, share of the straightforward", ours.cpu / naive.cpu, 0.8))
    print(verdict("Each further one, the same", further / naive_further, 0.3))
    print(verdict("Peak memory of face_demo.py", max(ours.peak, ours_many.peak), 1.3, unit=" GB"))


if __name__ == "__main__":
    main()
