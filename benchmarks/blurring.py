"""Measures how often a recognition network finds a blurred face among the same photographs, unblurred, of UTKFace.

It is the easiest case for whoever wants to know: another photograph of the same person differs more.
"""

import argparse
import sys

import numpy as np
from children import ROOT

sys.path.insert(0, str(ROOT))
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", default="train_data/UTKFace*", metavar="PATH", help="UTKFace, as for face_evaluate.py")
parser.add_argument("--faces", type=int, default=200, metavar="N", help="random sample (default: 200)")

BLOCKS = (32, 16, 8, 6, 4)  # across a face


def main() -> None:
    args = parser.parse_args()
    import dlib

    from facekit.datasets.mixture import load_faces
    from facekit.datasets.source import DataSource
    from facekit.drawing import blur
    from facekit.faces.detectors import make_detector
    from facekit.faces.dlib_files import dlib_file
    from facekit.heads import AGE

    chips = load_faces(DataSource("utkface", args.data), [AGE], 200).chips
    chosen = [chips[index] for index in np.random.default_rng(0).permutation(len(chips))[: args.faces]]
    detect = make_detector("hog")
    faces = [(chip, found[0].box) for chip in chosen if len(found := detect(chip)) == 1]
    network = dlib.face_recognition_model_v1(str(dlib_file("dlib_face_recognition_resnet_model_v1.dat")))
    predictor = dlib.shape_predictor(str(dlib_file("shape_predictor_5_face_landmarks.dat")))

    def vectors(pictures: list[np.ndarray]) -> np.ndarray:
        boxes = [dlib.rectangle(*box) for _, box in faces]  # as found unblurred
        return np.array(
            [
                network.compute_face_descriptor(picture, predictor(picture, box))
                for picture, box in zip(pictures, boxes, strict=True)
            ]
        )

    known = vectors([chip for chip, _ in faces])
    print(f"{'blocks':<10}{'found first of ' + str(len(faces)):>20}{'HOG finds a face':>20}")
    for blur.BLOCKS_PER_FACE in BLOCKS:
        blurred = [blur.blur_faces(chip, [box]) for chip, box in faces]
        distances = np.linalg.norm(vectors(blurred)[:, None] - known, axis=2)
        is_first = distances.argmin(axis=1) == np.arange(len(faces))
        is_found = [bool(detect(picture)) for picture in blurred]
        print(f"{blur.BLOCKS_PER_FACE:<10}{is_first.mean():>20.1%}{np.mean(is_found):>20.1%}", flush=True)


if __name__ == "__main__":
    main()
