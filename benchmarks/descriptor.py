"""Measures how well a network's descriptors tell people apart, on UTKFace; --fit makes them first.

Of the test side, each face is compared with another view of itself and with the faces of all others; "alike" are others
of the same gender and race whose ages differ by up to five years.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from children import ROOT
from evidence import varied

sys.path.insert(0, str(ROOT))
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="train_data/UTKFace*", metavar="PATH", help="UTKFace, as for face_evaluate.py")
parser.add_argument("--weights", type=Path, metavar="FILE", help="default: the shipped ones")
parser.add_argument("--fit", action="store_true", help="fit the whitening to the training side and write it")

FACES = 500
SIDE = 200  # of the chips


def smaller(width: int) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Returns a view as from a face of this width: a chip is 1.4 times as wide as its face."""

    def view(chip: np.ndarray, random: np.random.Generator) -> np.ndarray:
        small = cv2.resize(chip, (round(1.4 * width),) * 2, interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (SIDE, SIDE))

    return view


def covered(chip: np.ndarray, random: np.random.Generator) -> np.ndarray:
    view = chip.copy()
    view[SIDE * 11 // 20 :] = random.integers(0, 256, 3)
    return view


VIEWS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "as in a video": lambda chip, random: varied(chip, 1.0, random),
    "strongly varied": lambda chip, random: varied(chip, 2.0, random),
    "28 px wide": smaller(28),
    "14 px wide": smaller(14),
    "lower half covered": covered,
}


def main() -> None:
    args = parser.parse_args()
    from facekit.datasets.mixture import load_faces
    from facekit.datasets.source import DataSource
    from facekit.datasets.splits import choose_side
    from facekit.evaluation.shipping import fit_descriptor
    from facekit.networks.cards import DEFAULT_WEIGHTS, read_card
    from facekit.networks.descriptors import load_describer
    from facekit.networks.runtimes import load_runtime
    from facekit.networks.runtimes.runtime import POOLED

    weights = args.weights or DEFAULT_WEIGHTS
    card, runtime, random = read_card(weights), load_runtime(weights), np.random.default_rng(0)
    source = DataSource("utkface", args.data)
    if args.fit:
        print(f"written: {fit_descriptor(weights, source)}")
    everyone = load_faces(source, card.network.heads, SIDE)
    describer = load_describer(weights, card)
    if describer is None:
        sys.exit(f"error: {weights} has no descriptors: --fit makes them.")
    test = choose_side(everyone, "test", card.seed)
    index = random.choice(len(test.chips), FACES, replace=False)
    chips, labels = test.chips[index], {name: rows[index] for name, rows in test.labels(card.network.heads).items()}
    others = ~np.eye(FACES, dtype=bool)
    alike = others & (abs(np.subtract.outer(labels["age"], labels["age"])) <= 5)
    for name in ("gender", "race"):
        alike &= np.equal.outer(labels[name], labels[name])
    own = describer.describe(runtime.predict(chips)[POOLED])
    print(f"{FACES} faces: similarity of two views of a face, and with other people\n")
    print(
        f"{'the other view':<22}{'own: 1 %':>9}{'5 %':>7}{'50 %':>7}{'others: 99 %':>14}{'alike: 90 %':>13}{'99 %':>7}"
    )
    for name, change in VIEWS.items():
        views = np.stack([change(chip, random) for chip in chips])
        similarity = own @ describer.describe(runtime.predict(views)[POOLED]).T
        figures = [
            *np.quantile(np.diag(similarity), (0.01, 0.05, 0.5)),
            np.quantile(similarity[others], 0.99),
            *np.quantile(similarity[alike], (0.9, 0.99)),
        ]
        print(f"{name:<22}" + "".join(f"{x:{w}.2f}" for x, w in zip(figures, (9, 7, 7, 14, 13, 7), strict=True)))


if __name__ == "__main__":
    main()
