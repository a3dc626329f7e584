"""Measures how many faces the detector finds, by race, gender and age, in UTKFace's chips on a grey background.

It prints the share of faces whose score is at least each of SCORES: what a higher lowest score would cost.
"""

import argparse
import sys

import numpy as np
from children import ROOT

sys.path.insert(0, str(ROOT))
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", default="train_data/UTKFace*", metavar="PATH", help="UTKFace, as for face_evaluate.py")
parser.add_argument("--faces", type=int, default=5000, metavar="N", help="random sample (default: 5,000)")

SCORES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
MARGIN = 100  # pixels of grey around a chip of 200, so that the detector's window fits


def main() -> None:
    args = parser.parse_args()
    from facekit.datasets.mixture import load_faces
    from facekit.datasets.source import DataSource
    from facekit.faces.detectors import make_detector
    from facekit.heads import AGE, GENDER, RACE

    faces = load_faces(DataSource("utkface", args.data), [AGE, GENDER, RACE], 200)
    chosen = np.random.default_rng(0).permutation(len(faces.chips))[: args.faces]
    detect = make_detector("hog")
    found = [detect(framed(faces.chips[index])) for index in chosen]
    scores = np.array([max((face.score for face in several), default=-np.inf) for several in found])
    labels = {name: column[chosen] for name, column in faces.labels([AGE, GENDER, RACE]).items()}
    groups = {"all": labels["age"] >= 0}
    for head in (RACE, GENDER):
        groups |= {name: labels[head.name] == number for number, name in enumerate(head.classes)}
    for low, high in ((1, 5), (6, 17), (18, 40), (41, 60), (61, 93)):
        groups[f"{low} to {high} years"] = (labels["age"] >= low) & (labels["age"] <= high)
    print(f"{'lowest score':<20}" + "".join(f"{score:>8g}" for score in SCORES))
    for name, members in groups.items():
        shares = "".join(f"{(scores[members] >= score).mean():8.1%}" for score in SCORES)
        print(f"{name:<14}{members.sum():>6,}{shares}")


def framed(chip: np.ndarray) -> np.ndarray:
    return np.pad(chip, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), constant_values=128)


if __name__ == "__main__":
    main()
