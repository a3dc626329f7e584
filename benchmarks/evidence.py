"""Measures how averaging several views of a face reduces the age's error, and how many ages its interval then holds.

Real chips vary as successive frames of a video do: shifted, turned, resized, blurred, brightened, noisy.
"""

import argparse
import sys

import cv2
import numpy as np
from children import ROOT

sys.path.insert(0, str(ROOT))
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="train_data/UTKFace*", metavar="PATH", help="UTKFace, as for face_evaluate.py")

FACES, VIEWS = 500, 8
STRENGTHS = {"slight": 0.5, "as in a video": 1.0, "strong": 2.0}  # of the variation


def varied(chip: np.ndarray, strength: float, random: np.random.Generator) -> np.ndarray:
    """Returns the chip (S, S, 3), uint8, as another frame might show it."""
    side = chip.shape[0]
    matrix = cv2.getRotationMatrix2D(
        (side / 2, side / 2), 2 * strength * random.normal(), 1 + 0.02 * strength * random.normal()
    )
    matrix[:, 2] += 0.01 * strength * side * random.normal(size=2)
    view = cv2.warpAffine(chip, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    view = cv2.GaussianBlur(view, (0, 0), 0.05 + 0.7 * strength * abs(random.normal()))
    light = view * (1 + 0.05 * strength * random.normal()) + 4 * strength * random.normal()
    return np.clip(light + 3 * strength * random.normal(size=view.shape), 0, 255).astype(np.uint8)


def main() -> None:
    args = parser.parse_args()
    from facekit.datasets.mixture import load_faces
    from facekit.datasets.source import DataSource
    from facekit.datasets.splits import choose_side
    from facekit.heads import AGE, INTERVAL
    from facekit.networks.cards import DEFAULT_WEIGHTS, read_card
    from facekit.networks.runtimes import load_runtime
    from facekit.video.tracks.config import SmoothingConfig

    card, runtime = read_card(DEFAULT_WEIGHTS), load_runtime(DEFAULT_WEIGHTS)
    everyone = load_faces(DataSource("utkface", args.data), card.network.heads, card.network.input_size)
    faces = choose_side(everyone, "test", card.seed)
    averaged_share = SmoothingConfig().averaged_error_share
    chosen = np.random.default_rng(0).choice(len(faces.chips), FACES, replace=False)
    chips, ages = faces.chips[chosen], faces.labels([AGE])["age"][chosen]
    print(f"{FACES} faces, {VIEWS} views of each; a video takes {averaged_share:.0%} of the squared error for noise\n")
    print(f"{'views':<16}{'n':>3}{'error':>8}{'interval holds':>16}{'narrowed':>10}{'years wide':>12}{'narrowed':>10}")
    for name, strength in STRENGTHS.items():
        random = np.random.default_rng(1)
        rows = np.stack(
            [runtime.predict(np.stack([varied(chip, strength, random) for chip in chips]))["age"] for _ in range(VIEWS)]
        )  # (views, faces, years)
        squares = [np.mean((AGE.values(average) - ages) ** 2) for average in (*rows, rows.mean(axis=0))]
        for n in (1, 2, 4, 8):
            average = rows[:n].mean(axis=0)
            error = abs(AGE.values(average) - ages).mean()
            line = f"{name:<16}{n:>3}{error:8.2f}"
            figures = []
            for answers in (average, AGE.narrowed(average, 1 - averaged_share * (1 - 1 / n))):
                low, high = AGE.bounds(answers)
                figures.append((AGE.level(answers, ages) <= INTERVAL, high - low))
            (holds, wide), (holds_narrowed, wide_narrowed) = figures
            print(
                f"{line}{holds.mean():16.3f}{holds_narrowed.mean():10.3f}{wide.mean():12.2f}{wide_narrowed.mean():10.2f}"
            )
        averaged_out = VIEWS / (VIEWS - 1) * (1 - squares[-1] / np.mean(squares[:-1]))
        print(f"{'':<16}of the squared error averages out: {averaged_out:.1%}\n")


if __name__ == "__main__":
    main()
