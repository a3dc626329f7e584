"""Measures what a detector finds: faces by race and age, small, leaning and covered ones, and false faces.

It pastes chips of UTKFace into made pictures of 640x480 (scenes.py). Faces are 60 to 130 px wide, half of their chip.
Some chips show one eye, or no face at all. The shares by group leave out the chips in which neither dlib's HOG nor its
CNN, at their default lowest scores, finds a face where it must be; the line below says what they are with those.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
from children import ROOT, machine, verdict
from scenes import Scene, faceless, scene

sys.path.insert(0, str(ROOT))
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", default="train_data/UTKFace*", metavar="PATH", help="UTKFace, as for face_evaluate.py")
parser.add_argument("--detector", default="blazeface", metavar="NAME", help="key of DETECTORS (default: %(default)s)")
parser.add_argument("--faces", type=int, default=1000, metavar="N", help="of each group (default: %(default)s)")
parser.add_argument("--faceless", type=int, default=1000, metavar="N", help="pictures without a face")

Found = Callable[[np.ndarray], list]
MOST_SIZE, MOST_SHIFT = 0.08, 6  # of 200 px: differences from UTKFace's own chip that count as agreement


def main() -> None:
    args = parser.parse_args()
    from facekit.datasets.mixture import load_faces
    from facekit.datasets.source import DataSource
    from facekit.faces.detectors import make_detector
    from facekit.heads import AGE, GENDER, RACE

    print(f"{args.detector}; {machine()}\n")
    faces = load_faces(DataSource("utkface", args.data), [AGE, GENDER, RACE], 200)
    labels, random = faces.labels([AGE, RACE]), np.random.default_rng(0)
    groups = {name: labels["race"] == number for number, name in enumerate(RACE.classes)}
    groups["1 to 5 years"] = (labels["age"] >= 1) & (labels["age"] <= 5)
    detect = make_detector(args.detector)
    shares = {}
    for name, members in groups.items():
        chosen = random.permutation(np.flatnonzero(members))[: args.faces]
        made = [scene(random, faces.chips[index], 60, 130) for index in chosen]
        shown = [one for one, index in zip(made, chosen, strict=True) if shows_face(faces.chips[index])]
        shares[name] = share_found(detect, shown)
        print(verdict(f"found: {name}, {len(shown):,}", shares[name], 99.5, 99.9, " %"))
        print(
            f"  {share_found(detect, made):.2f} % with the {len(made) - len(shown)} chips in which dlib finds no face"
        )
    print(verdict("largest gap between two groups, points", max(shares.values()) - min(shares.values()), 0.5, 0.1))
    chosen = random.permutation(len(faces.chips))[: args.faces]
    chips = [faces.chips[index] for index in chosen]
    small = [scene(random, chip, 30, 59) for chip in chips]
    print(
        verdict("faces of 30 to 60 px, min_face 30", share_found(make_detector(args.detector, 30), small), 98.5, 99.5)
    )
    leaning = [scene(random, chip, 60, 130, lean=30) for chip in chips]
    print(verdict("leaning by 30 degrees", share_found(detect, leaning), 97, 99.5, " %"))
    covered = [scene(random, chip, 60, 130, covered=True) for chip in chips]
    print(verdict("lower half covered", share_found(detect, covered), 85, 95, " %"))
    agreement(detect, random, chips)
    false_faces(args.detector, random, faces.chips, args.faceless)
    speed(args.detector, [scene(random, chip, 60, 130).picture for chip in chips[:40]])


def share_found(detect: Found, scenes: list[Scene]) -> float:
    """Returns the percentage of scenes in which a box is where the face is, and about as large."""
    return 100 * float(np.mean([any(is_face(face.box, made) for face in detect(made.picture)) for made in scenes]))


def shows_face(chip: np.ndarray) -> bool:
    """Tells whether HOG or the CNN finds the face of a chip, on grey."""
    from facekit.faces.detectors import make_detector

    margin, centre = len(chip) // 4, np.full(2, 3 * len(chip) / 4)
    made = Scene(np.pad(chip, ((margin, margin), (margin, margin), (0, 0)), constant_values=128), centre, len(chip))
    return any(share_found(make_detector(name, 90), [made]) for name in ("hog", "cnn"))


def is_face(box: tuple[int, int, int, int], made: Scene) -> bool:
    left, top, right, bottom = box
    near = np.abs(made.centre - [(left + right) / 2, (top + bottom) / 2]).max() < made.side / 4
    return bool(near) and 0.4 < (right - left) / made.side < 1.4


def agreement(detect: Found, random: np.random.Generator, chips: list[np.ndarray]) -> None:
    """Reports how many chips are cut as UTKFace's were, upright and of heads that lean."""
    from facekit.faces.chips import chip_details
    from facekit.faces.landmarks import make_landmarker

    locate = make_landmarker(5)
    for lean in (0, 30, 45, 60):
        agree = []
        for chip in chips:
            made = scene(random, chip, 80, 130, lean=lean)
            boxes = [face.box for face in detect(made.picture) if is_face(face.box, made)]
            if boxes:
                (cut,) = chip_details(locate(made.picture, boxes[:1]))
                centre, turned = cut.rect.dcenter(), abs(np.degrees(cut.angle))
                shift = 200 / made.side * np.hypot(centre.x + 0.5 - made.centre[0], centre.y + 0.5 - made.centre[1])
                size = abs(cut.rect.width() / made.side - 1)
                agree.append(size <= MOST_SIZE and shift <= MOST_SHIFT and abs(turned - lean) <= 6)
        value, title = 100 * float(np.mean(agree)), f"chips that agree with UTKFace's, {len(agree):,}"
        print(f"  leaning by {lean}: {value:.2f} %" if lean else verdict(title, value, 92, 97, " %"))


def false_faces(name: str, random: np.random.Generator, chips: np.ndarray, count: int) -> None:
    from facekit.faces.detectors import make_detector

    kinds = faceless(chips)
    for smallest in (None, 30):
        detect, false = make_detector(name, smallest), {kind.__name__: 0 for kind in kinds}
        for number in range(count):
            kind = kinds[number % len(kinds)]
            false[kind.__name__] += len(detect(kind(random)))
        if smallest is None:
            print(verdict(f"false faces in {count:,} pictures", sum(false.values()), 3, 0))
        found = ", ".join(f"{kind} {faces}" for kind, faces in false.items() if faces) or "none"
        print(f"  min_face {smallest or 60}: {found}")


def speed(name: str, pictures: list[np.ndarray]) -> None:
    """Compares the fastest searches of the same pictures, in turn with HOG."""
    from facekit.faces.detectors import make_detector

    detectors = [make_detector(name), make_detector("hog")]
    taken: list[list[float]] = [[], []]
    for picture in [*pictures, *pictures]:
        for detect, times in zip(detectors, taken, strict=True):
            start = time.perf_counter()
            detect(picture)
            times.append(1000 * (time.perf_counter() - start))
    own, hog = (float(np.percentile(times, 10)) for times in taken)
    print(verdict(f"a search of 640x480, times as fast as HOG ({own:.1f}, {hog:.1f} ms)", hog / own, 5, 12))


if __name__ == "__main__":
    main()
