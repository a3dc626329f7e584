"""Measures how well the quality of a view predicts the network's errors, and how often answers are unsure.

Chips of UTKFace's test side are degraded as real views are (degraded.py), aligned and cut again, and estimated. The
detector's score belongs to the quality; of what it does not find, which has no answer in use, only the rest is rated.
"""

import argparse
import sys
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from children import ROOT

sys.path.insert(0, str(ROOT))
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="train_data/UTKFace*", metavar="PATH", help="UTKFace, as for face_evaluate.py")
parser.add_argument("--side", default="test", choices=("validation", "test"), help="of the split (default: test)")
parser.add_argument("--faces", type=int, default=1000, help="how many are degraded (default: 1000)")

WIDTHS = (12, 17, 24, 34, 48, 68, 96, 136, 192)  # pixels; edges of the rows of small faces
SINGLE, MIXED = 5, 2  # views of a face with one fault, and with several; one more has none


@dataclass(frozen=True)
class Views:
    """Views of faces: what is wrong with each (n,), and its errors."""

    face: np.ndarray
    kind: np.ndarray
    width: np.ndarray
    quality: np.ndarray
    squared_error: np.ndarray  # relative to clean views: of the age, and Brier scores of gender and race, averaged
    years: np.ndarray
    age_error: np.ndarray
    wrong_gender: np.ndarray
    wrong_race: np.ndarray


def faults_of(number: int, random: np.random.Generator) -> tuple[str, list[tuple[str, float]], float]:
    """Draws the kind of a face's view of this number, its faults and its width in pixels."""
    from degraded import FAULTS

    if number == 0:
        return "none", [], 1000.0
    if number > SINGLE:
        chosen = [(kind, random.random() ** 1.5) for kind in FAULTS if random.random() < 0.3]
        return "several", chosen, float(np.exp(random.uniform(np.log(16), np.log(250))))
    kind = str(random.choice(["small", *FAULTS]))
    if kind == "small":
        return kind, [], float(np.exp(random.uniform(np.log(WIDTHS[0]), np.log(WIDTHS[-1]))))
    return kind, [(kind, random.random())], 1000.0


def views(chips: np.ndarray, labels: dict[str, np.ndarray]) -> Views:
    """Degrades, cuts and estimates faces."""
    from degraded import degraded

    from facekit.estimator import FaceEstimator
    from facekit.heads import AGE

    estimator, random = FaceEstimator(), np.random.default_rng(0)
    index, kinds, widths, quality, scores, rows = [], [], [], [], [], {name: [] for name in labels}
    for number in range(1 + SINGLE + MIXED):
        for face, chip in enumerate(chips):
            kind, faults, width = faults_of(number, random)
            picture, box = degraded(chip, faults, width, random)
            scores.append(detector_score(picture, box))
            cut = estimator.cut(picture, [box], scores[-1:])
            index, kinds, widths = [*index, face], [*kinds, kind], [*widths, box[2] - box[0]]
            quality += cut.quality
            outputs = estimator.predict(cut)  # of the descriptor, too
            for name, row in rows.items():
                row.append(outputs[name][0])
    kind, truth = np.array(kinds), {name: label[index] for name, label in labels.items()}
    outputs = {name: np.array(row) for name, row in rows.items()}
    years = AGE.values(outputs["age"])
    errors = {"age": (years - truth["age"]) ** 2}
    for name in ("gender", "race"):
        errors[name] = ((outputs[name] - np.eye(outputs[name].shape[1])[truth[name]]) ** 2).sum(axis=1)
    relative = np.mean([error / error[kind == "none"].mean() for error in errors.values()], axis=0)
    wrong = [outputs[name].argmax(axis=1) != truth[name] for name in ("gender", "race")]
    return Views(
        np.array(index), kind, np.array(widths), np.array(quality), relative, years, errors["age"] ** 0.5, *wrong
    )


def detector_score(picture: np.ndarray, box: tuple[int, int, int, int]) -> float | None:
    """Returns the detector's score of a face whose box is known; None if it is not found."""
    from facekit.faces.detectors import make_detector

    width = box[2] - box[0]
    wider = np.pad(picture, ((width // 2, width // 2), (width // 2, width // 2), (0, 0)), "edge")
    scores = [
        face.score
        for face in make_detector("blazeface", max(6, round(0.6 * width)))(wider)
        if np.abs(np.add(face.box[:2], face.box[2:]) / 2 - width // 2 - np.add(box[:2], box[2:]) / 2).max() < width / 2
    ]
    return max(scores, default=None)


def errors(found: Views, chosen: np.ndarray) -> str:
    means = (found.age_error, 100 * found.wrong_gender, 100 * found.wrong_race, found.squared_error, found.quality)
    return f"{chosen.sum():>7}" + "".join(f"{mean[chosen].mean():>9.2f}" for mean in means)


def print_views(found: Views, ages: np.ndarray) -> None:
    from scipy.stats import spearmanr

    from facekit.heads.answer import LIMITS

    head = f"{'faces':>7}{'years':>9}{'gender %':>9}{'race %':>9}{'squares':>9}{'quality':>9}"
    print(f"Mean errors; squares: squared errors of all heads, relative to views without faults\n\n{'fault':<12}{head}")
    for kind in dict.fromkeys(found.kind.tolist()):
        print(f"{kind:<12}{errors(found, found.kind == kind)}")
    print(f"\n{'width':<12}{head}")
    for low, high in pairwise(WIDTHS):
        chosen = (found.kind == "small") & (found.width >= low) & (found.width < high)
        print(f"{f'{low}-{high - 1}':<12}{errors(found, chosen)}")
    print(f"\n{'quality':<12}{head}")
    deciles = np.quantile(found.quality, np.arange(11) / 10)
    for low, high in pairwise(deciles):
        print(f"{f'{low:.2f}-{high:.2f}':<12}{errors(found, (found.quality >= low) & (found.quality <= high))}")
    names = ("squared_error", "age_error", "wrong_gender", "wrong_race")
    ranked = [f"{name} {-spearmanr(found.quality, getattr(found, name)).statistic:.3f}" for name in names]
    print(f"\nrank correlation of (1 - quality) with: {', '.join(ranked)}")
    poor = 100 * np.mean(found.quality[found.kind == "none"] < LIMITS.minimum_quality)
    print(f"views without faults that are poor: {poor:.2f} %")
    shape = (-1, len(ages))  # (views, faces): view by view
    for name, weights in (("equal", np.ones_like(found.quality)), ("quality", found.quality)):
        average = (weights * found.years).reshape(shape).sum(axis=0) / weights.reshape(shape).sum(axis=0)
        print(
            f"age averaged over the {1 + SINGLE + MIXED} views, weights {name}: {abs(average - ages).mean():.2f} years"
        )


def print_unsure(chips: np.ndarray, labels: dict[str, np.ndarray]) -> None:
    """Prints how often ordinary faces are unsure, and how right the sure and the unsure answers are."""
    from facekit.heads import AGE, GENDER, RACE
    from facekit.networks.cards import DEFAULT_WEIGHTS
    from facekit.networks.runtimes import load_runtime

    runtime = load_runtime(DEFAULT_WEIGHTS)
    batches = [runtime.predict(chips[first : first + 64]) for first in range(0, len(chips), 64)]
    adult = labels["age"] >= 18
    groups = {"all": np.ones(len(chips), bool), "adults": adult, "minors": ~adult}
    groups |= {
        name: adult & inside for head in (GENDER, RACE) for name, inside in head.groups(labels[head.name]).items()
    }
    print(f"\nOrdinary faces: share unsure, %\n\n{'':<12}{'n':>7}{'age':>9}{'gender':>9}{'race':>9}")
    unsure = {}
    for head in (AGE, GENDER, RACE):
        rows = np.concatenate([batch[head.name] for batch in batches])
        outcomes = head.outcomes(rows.astype(np.float64), labels[head.name])
        unsure[head.name] = np.array([answer.unsure for answer in head.decode(rows)]), outcomes
    for name, inside in groups.items():
        shares = "".join(f"{100 * flags[inside].mean():>9.1f}" for flags, _ in unsure.values())
        print(f"{name + (', adults' if name in (*GENDER.classes, *RACE.classes) else ''):<16}{inside.sum():>7}{shares}")
    for name, (flags, outcomes) in unsure.items():
        what = "mean error, years" if name == "age" else "share right"
        print(f"{name}: {what}: sure {outcomes[~flags].mean():.3f}, unsure {outcomes[flags].mean():.3f}")


def main() -> None:
    args = parser.parse_args()
    from facekit.datasets.mixture import load_faces
    from facekit.datasets.source import DataSource
    from facekit.datasets.splits import choose_side
    from facekit.networks.cards import DEFAULT_WEIGHTS, read_card

    card = read_card(DEFAULT_WEIGHTS)
    everyone = load_faces(DataSource("utkface", args.data), card.network.heads, card.network.input_size)
    faces = choose_side(everyone, args.side, card.seed)
    labels = faces.labels(card.network.heads)
    chosen = np.random.default_rng(0).permutation(len(faces.chips))[: args.faces]
    print_views(views(faces.chips[chosen], {n: v[chosen] for n, v in labels.items()}), labels["age"][chosen])
    print_unsure(faces.chips, labels)


if __name__ == "__main__":
    main()
