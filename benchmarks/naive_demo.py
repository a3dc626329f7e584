"""Does what the original demo did, written straightforwardly: the yardstick of the demos. No aligned chips, no batches.

HOG detector on the picture at twice its size, the box and 1 % of the picture's size squeezed to 200x200, VGGFace
ResNet-50 with three heads, `predict` for each face. The weights are random: what it answers means nothing.
"""

import sys
from pathlib import Path

import cv2
import dlib
import keras
import numpy as np

from facekit import VGGFace, preprocess_input

GENDERS = ("Male", "Female")
RACES = ("White", "Black", "Asian", "Indian", "Others")


def build_network() -> keras.Model:
    base = VGGFace(include_top=False, model="resnet50", weights=None, input_shape=(200, 200, 3), pooling="avg")
    heads = [("age", 93), ("gender", 2), ("race", 5)]
    outputs = [
        keras.layers.Dense(classes, activation="softmax", name=f"predications_{name}")(base.output)
        for name, classes in heads
    ]
    return keras.Model(base.input, outputs)


def draw_estimates(picture: np.ndarray, detector: dlib.fhog_object_detector, network: keras.Model) -> np.ndarray:
    """A picture as OpenCV reads it, with boxes and captions."""
    height, width = picture.shape[:2]
    margin_x, margin_y = width // 100, height // 100
    drawn = picture.copy()
    for box in detector(picture, 1):
        left, right = max(0, box.left() - margin_x), min(width, box.right() + margin_x)
        top, bottom = max(0, box.top() - margin_y), min(height, box.bottom() + margin_y)
        face = cv2.cvtColor(cv2.resize(picture[top:bottom, left:right], (200, 200)), cv2.COLOR_BGR2RGB)
        ages, genders, races = network.predict(preprocess_input(face[None], version=1), verbose=0)
        age = int(ages[0] @ np.arange(1, 94))
        cv2.rectangle(drawn, (left, top), (right, bottom), (255, 0, 0), 2)
        for line, text in enumerate([GENDERS[genders[0].argmax()], RACES[races[0].argmax()], str(age)], start=1):
            place = (left, top - 16 * line)
            cv2.putText(drawn, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 255), 1, cv2.LINE_AA)
    return drawn


def main(folder: Path, paths: list[Path]) -> None:
    network = build_network()
    detector = dlib.get_frontal_face_detector()
    for number, path in enumerate(paths):
        cv2.imwrite(str(folder / f"{number}-{path.name}"), draw_estimates(cv2.imread(str(path)), detector, network))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(path) for path in sys.argv[2:]])
