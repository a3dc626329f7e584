"""Measures the time and memory of reading all of UTKFace at 200 px."""

import argparse
import tempfile

from children import environment, machine, run_child, verdict

READ = """
import sys
from facekit.cli import main

def run():
    from facekit.datasets.mixture import load_faces
    from facekit.datasets.source import DataSource
    from facekit.heads import AGE, GENDER, RACE

    faces = load_faces(DataSource("utkface", sys.argv[1]), (AGE, GENDER, RACE), 200)
    with open(sys.argv[2], "w") as file:
        print(len(faces.records), file=file)

main(run)
"""

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="train_data/UTKFace*", metavar="PATH", help="default: %(default)s")


def main() -> None:
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        usage = run_child(["-c", READ, args.data, f"{folder}/count"], environment(f"{folder}/bytecode"))
        with open(f"{folder}/count") as file:
            count = int(file.read())
    print(f"{machine()}\n")
    size = count * 200 * 200 * 3 / 1e9
    print(f"{count} chips of 200 px, {size:.2f} GB: {usage.wall:.1f} s, {count / usage.wall:.0f} chips/s")
    print(f"CPU time {usage.cpu:.1f} s, {1000 * usage.cpu / count:.2f} ms a chip\n")
    print(verdict("Peak memory", usage.peak, 3.6, unit=" GB"))


if __name__ == "__main__":
    main()
