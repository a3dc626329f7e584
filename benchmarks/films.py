"""Judges video on made films with UTKFace's people: cuts, slideshows, turning heads, crowds, moving cameras.

MOTA, IDF1  tracks against the truth; FRAG counts interruptions
carried     people who come into view with a number that another person had before
1 number    people with exactly one number over a film
shown       sure detections (HOG) that a face of the scene covers
age         averaged age less the photograph's age: median and 90th percentile of the absolute difference
gender race averaged labels that are the photograph's
"""

import argparse
import sys
import time
from statistics import quantiles
from typing import Any

from children import ROOT, machine, verdict

sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]  # the checkout and its made films

CUTS, ONE_NUMBER = ("cut", "black"), ("lean", "profile", "hidden")  # kinds with targets of their own

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("kinds", nargs="*", metavar="KIND", help="kinds of films (default: all)")
parser.add_argument("--data", default="train_data/UTKFace*", metavar="PATH", help="UTKFace, as for face_evaluate.py")
parser.add_argument("--pairs", type=int, default=8, metavar="N", help="pairs of similar people (default: 8)")
parser.add_argument("--seed", type=int, default=0, help="chooses the people (default: 0)")


def main() -> None:
    args = parser.parse_args()
    from cast import utkface_cast
    from footage import KINDS, films_of
    from judge import Figures, judge, still_answers

    from facekit import FaceEstimator
    from facekit.datasets.source import DataSource, find_data

    if unknown := set(args.kinds) - KINDS.keys():
        parser.error(f"no such kind: {', '.join(unknown)}. Known: {', '.join(KINDS)}")
    if args.pairs < 1:
        parser.error(f"--pairs must be at least 1. Received: {args.pairs}.")
    people = utkface_cast(find_data(DataSource("utkface", args.data)), 2 * args.pairs, args.seed)
    stills = still_answers(people, FaceEstimator())
    print(f"{machine()}; {len(people)} people\n")
    print(f"{'':<10} frames /s   MOTA   IDF1 switch frag   carried  1 number        shown  age 90 %  gender  race")
    by_kind = {}
    for kind in args.kinds or KINDS:
        start, films = time.perf_counter(), films_of(kind, people)
        judged = [judge(film, FaceEstimator(min_face=film.min_face), stills) for film in films]
        by_kind[kind] = sum(judged, Figures())
        print(row(kind, by_kind[kind], time.perf_counter() - start), flush=True)
    cuts, ones = (sum((by_kind[kind] for kind in kinds if kind in by_kind), Figures()) for kinds in (CUTS, ONE_NUMBER))
    total = sum(by_kind.values(), Figures())
    print()
    if cuts.appearances:
        print(verdict("carried over a cut in one framing", 100 * cuts.carried / cuts.appearances, 2, 0, " %"))
    if ones.people:
        print(verdict("one person, one number", 100 * ones.single / ones.people, 95, 99, " %"))
    if total.sure:
        print(verdict("sure detections shown", 100 * total.shown / total.sure, 99, 100, " %"))


def row(kind: str, figures: Any, seconds: float) -> str:
    score, ages = figures.score, figures.ages
    middle, most = (quantiles(ages, n=10)[index] for index in (4, 8)) if len(ages) > 1 else (float("nan"),) * 2
    shares = (f"{sum(agreed) / len(agreed):6.0%}" if agreed else " " * 6 for agreed in (figures.genders, figures.races))
    return (
        f"{kind:<10}{figures.frames:>7}{figures.frames / seconds:>3.0f}{score.mota:7.3f}{score.idf1:7.3f}"
        f"{score.switches:>7}{score.fragmentations:>5}{figures.carried:>6} /{figures.appearances:>3}"
        f"{figures.single:>6} /{figures.people:>3}{figures.shown:>7} /{figures.sure:>5}{middle:>5.1f}{most:>5.1f}  "
        + " ".join(shares)
    )


if __name__ == "__main__":
    main()
