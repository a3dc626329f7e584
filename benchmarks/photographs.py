"""Measures face_demo.py on a folder of photographs: several workers, compared with one and with another checkout."""

import argparse
import itertools
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from children import ROOT, Usage, alternate, environment, machine, run_child, verdict

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="another version, with its weights")
parser.add_argument("--photographs", type=int, default=500, metavar="N", help="the demo's, over and over")
parser.add_argument("--workers", type=int, default=2, metavar="N")
parser.add_argument("--rounds", type=int, default=2, metavar="N", help="runs of each; medians are reported")


def main() -> None:
    args = parser.parse_args()
    pictures = sorted((ROOT / "demo_images").glob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "photographs"
        source.mkdir()
        for number, picture in enumerate(itertools.islice(itertools.cycle(pictures), args.photographs)):
            (source / f"{number:06}.jpg").symlink_to(picture)
        env = environment(f"{folder}/bytecode")

        def run(name: str, checkout: Path, options: list[str]) -> Callable[[], Usage]:
            command = [checkout / "face_demo.py", source, "--quiet", "--output", f"{folder}/{name}", *options]
            return partial(run_child, command, {**env, "PYTHONPATH": str(checkout)})

        runs = {f"{count} workers": run(str(count), ROOT, ["--workers", str(count)]) for count in (1, args.workers)}
        if args.before:
            runs["before"] = run("before", args.before.resolve(), [])
        taken = alternate(runs, args.rounds)
    print(f"{machine()}; medians, bytecode compiled before\n")
    for name, usage in taken.items():
        print(f"{name:<12}{usage.wall:8.1f} s, {args.photographs / usage.wall:6.1f} photographs a second")
    one, several, *others = (usage.wall for usage in taken.values())
    print("\n" + verdict(f"{args.workers} workers, compared with one", one / several, 1.7, 1.9))
    for before in others:
        print(verdict(f"{args.workers} workers, compared with the other checkout", before / several, 3, 6))


if __name__ == "__main__":
    main()
