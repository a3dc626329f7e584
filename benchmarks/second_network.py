"""Measures what a second network costs: cutting and answering faces with one and with two, and features."""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from children import ROOT, machine, verdict

ROUNDS = 60
FEATURES = "hog_and_landmarks68"
SECOND = ROOT / "face_weights" / "expression_fer2013.h5"


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from facekit import FaceEstimator
    from facekit.faces.chips import BoxChip
    from facekit.faces.features import compute_features
    from facekit.faces.images import read_picture
    from facekit.networks.cards import DEFAULT_WEIGHTS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=SECOND, help="of the second network (default: %(default)s)")
    second = parser.parse_args().weights
    estimators = {"one": FaceEstimator(), "both": FaceEstimator([DEFAULT_WEIGHTS, second])}
    picture = read_picture(ROOT / "demo_images" / "group.jpg")
    boxes = [face.box for face in estimators["one"].estimate(picture)]
    print(f"{machine()}\n")
    for count in (1, 2 * len(boxes)):
        chosen = (2 * boxes)[:count]
        taken: dict[str, list[float]] = {name: [] for name in estimators}
        for _ in range(ROUNDS):
            for name, estimator in estimators.items():
                taken[name].append(_timed(partial(_answer, estimator, picture, chosen)) / count)
        one, both = (float(median(np.sort(times)[: ROUNDS // 2])) for times in taken.values())
        print(verdict(f"the second network, {count} faces together, ms a face", both - one, 3))
        print(f"  one network {one:.2f} ms a face, both {both:.2f} ms")
    chips = BoxChip(size=48, margin=0.12).cut(picture, boxes).chips
    compute_features(FEATURES, chips)  # loads the predictor
    times = [_timed(lambda: compute_features(FEATURES, chips)) / len(chips) for _ in range(ROUNDS)]
    print(verdict(f"{FEATURES}, ms a face", median(times), 3))


def _answer(estimator: Any, picture: Any, boxes: Any) -> None:
    cut = estimator.cut(picture, boxes)
    estimator.decode(estimator.predict(cut), cut.quality)


def _timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
