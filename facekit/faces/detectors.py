"""Detectors: a picture -> the boxes of its faces, with scores."""

import functools
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facekit.core.errors import UsageError, lookup
from facekit.faces.dlib_files import dlib_file

if TYPE_CHECKING:
    from facekit.faces.images import Picture

Box = tuple[int, int, int, int]

# Width of the smallest faces that each detector finds as reliably as large ones, in the pixels that it searches. HOG's
# window is 80 px wide, and a face fills less of it: of 1,180 faces it found 94.4 % at 65 px, 95.7 % at 66, 97.5 % at
# 67, 98.4 % at 68, and 98 to 99 % above that.
HOG_FACE = 68
CNN_FACE = 72

LOWEST_SCORE = -1.0  # that may be asked for: below it, HOG finds something nearly everywhere

# Largest pictures that are searched, which bounds the memory: HOG takes 11 bytes a pixel, the CNN 940.
HOG_PIXELS = 40_000_000
CNN_PIXELS = 500_000


@dataclass(frozen=True)
class Detection:
    """A detected face: its box (left, top, right, bottom) in the picture, and the detector's score, if it has one."""

    box: Box
    score: float | None


Detector = Callable[["Picture"], list[Detection]]


def make_detector(name: str, min_face: int | None = None, min_score: float | None = None) -> Detector:
    """Makes a function from a picture, RGB uint8 (H, W, 3), to its faces, from left to right. Any thread may call it.

    Args:
        name: a key of DETECTORS.
        min_face: width of the smallest faces to find, in pixels of the picture. Half the width costs four times the
            time. None means 60, or a fortieth of the longer side of a picture whose longer side is over 2400.
        min_score: lowest score of a face, -1 or more; None for the detector's own choice. A higher one leaves out more
            of what is no face, but also faces. It has no effect on "whole_image", which has no scores.

    Raises:
        UnknownNameError: the name is not in DETECTORS.
        UsageError: min_face is less than 1, or min_score less than -1.
        FaceKitError: a model's file is missing.
    """
    entry = find_detector(name)
    if min_face is not None and min_face < 1:
        raise UsageError(
            f"min_face must be at least 1 pixel. Received: {min_face}. Leave it out for the default.",
            argument="min_face",
        )
    if min_score is not None and not LOWEST_SCORE <= min_score < math.inf:
        raise UsageError(
            f"min_score must be at least -1. Received: {min_score:g}. Leave it out for the default.",
            argument="min_score",
        )
    return entry.make(min_face, entry.min_score if min_score is None else min_score)


def find_detector(name: str) -> "DetectorEntry":
    """Returns the registry's entry. Raises UnknownNameError."""
    return lookup("detector", name, DETECTORS)


def detection_fault(name: str, box: Box, score: float | None) -> float:
    """Returns how much of a face is missing: 0 if it is seen well, 1 and more if half of it is covered or turned away.

    Args:
        name: of the detector, a key of DETECTORS.
        box: of the face, which is no square where the picture's edge cuts it off.
        score: of the detector; None if unknown.
    """
    entry = find_detector(name)
    if not entry.finds_faces:
        return 0.0
    left, top, right, bottom = box
    sides = sorted((right - left, bottom - top))
    fault = 2 * (1 - sides[0] / max(1, sides[1]))
    if entry.clear_scores and score is not None:
        half_covered, clear = entry.clear_scores
        fault = math.hypot(fault, max(0.0, (clear - score) / (clear - half_covered)))
    return fault


def blazeface(min_face: int | None, min_score: float) -> Detector:
    """Makes Google's BlazeFace: the fastest, also for leaning, turned and half-hidden faces.

    It searches 16 million pixels at most, whatever min_face. Its scores are between 0 and 1.
    """

    def detect(picture: "Picture") -> list[Detection]:
        from facekit.faces.blazeface import find_faces

        scores, boxes = find_faces(picture, min_face or _smallest_face(picture), min_score)
        return _clipped(boxes, scores, picture)

    return detect


def hog(min_face: int | None, min_score: float) -> Detector:
    """Makes dlib's frontal face detector: fast, for upright faces seen from the front.

    It takes RGB: in grey it is a fifth faster, but finds fewer faces, above all of Black people (of small ones 92.9 %
    instead of 94.7 %). It searches 40 million pixels at most, whatever min_face.
    """
    detector, lock = _hog_model()

    def detect(picture: "Picture") -> list[Detection]:
        small = _resized(picture, HOG_FACE, min_face, HOG_PIXELS)
        with lock:
            rectangles, scores, _ = detector.run(small, 0, min_score)
        return scaled_detections(zip(rectangles, scores, strict=True), small, picture)

    return detect


def cnn(min_face: int | None, min_score: float) -> Detector:
    """Makes dlib's neural detector (max-margin object detection): for turned and half-hidden faces, slow without a GPU.

    It takes 6 s of CPU time and 940 MB a million pixels. To keep the whole program below 1.3 GB, it searches half a
    million pixels at most, whatever min_face: in a large picture it finds only faces of a tenth of the side or more.
    Its scores are 0 or more, whatever min_score.
    """
    detector, lock = _cnn_model()

    def detect(picture: "Picture") -> list[Detection]:
        small = _resized(picture, CNN_FACE, min_face, CNN_PIXELS)
        if min(small.shape[:2]) < CNN_FACE // 2:  # no room for half a face; the network fails on a few pixels
            return []
        with lock:
            found = [(face.rect, face.confidence) for face in detector(small, 0) if face.confidence >= min_score]
        return scaled_detections(found, small, picture)

    return detect


def whole_image(min_face: int | None, min_score: float) -> Detector:
    """Makes a detector that takes the whole picture for one face, without a score; its arguments have no effect."""

    def detect(picture: "Picture") -> list[Detection]:
        height, width = picture.shape[:2]
        return [Detection((0, 0, width, height), None)]

    return detect


@dataclass(frozen=True)
class DetectorEntry:
    """A detector in the registry.

    Args:
        make: min_face, min_score -> detector.
        finds_faces: whether it searches; if not, each picture already is one face, which is not aligned again.
        is_fast: whether a video may search any frame that needs it.
        min_score: lowest score of a face by default; scores of different detectors cannot be compared.
        clear_scores: score whose views count as those of half a face, by their errors (docs/EXPERIMENTS.md), and score
            of a face that is seen well; None if they do not differ.
    """

    make: Callable[[int | None, float], Detector]
    finds_faces: bool = True
    is_fast: bool = True
    min_score: float = 0.0
    clear_scores: tuple[float, float] | None = None


DETECTORS: dict[str, DetectorEntry] = {
    # Scores of UTKFace's faces: median 0.85 to 0.92, 99 % over 0.72; turned by 70 degrees, median 0.49; 60 % covered,
    # 0.53. With more than 0.25, over 2 % of ordinary views would be poor.
    "blazeface": DetectorEntry(blazeface, min_score=0.6, clear_scores=(0.25, 0.85)),
    # HOG's rare false faces score up to 0.4, and so do many faces: of UTKFace's, a lowest score of 0.2 would lose 2.4
    # points, of Black people's 4.0, of children's up to 5 years 3.6 (benchmarks/finding.py).
    "hog": DetectorEntry(hog, is_fast=False),
    "cnn": DetectorEntry(cnn, is_fast=False),
    "whole_image": DetectorEntry(whole_image, finds_faces=False),
}


def load_hog() -> Any:
    """Loads a new instance of dlib's HOG detector; one thread at a time may run it."""
    import dlib

    # dlib.get_frontal_face_detector() as it was saved by its own save(): unpacking dlib's takes 0.28 s of CPU time.
    return dlib.fhog_object_detector(str(Path(__file__).with_name("hog_frontal_face.svm")))


@functools.cache
def _hog_model() -> tuple[Any, threading.Lock]:
    """Returns the instance that all photographs share, and its lock: two runs at a time end the process."""
    return load_hog(), threading.Lock()


@functools.cache
def _cnn_model() -> tuple[Any, threading.Lock]:
    import dlib

    return dlib.cnn_face_detection_model_v1(str(dlib_file("mmod_human_face_detector.dat"))), threading.Lock()


def _smallest_face(picture: "Picture") -> int:
    """Returns the width of the smallest faces to find by default, pixels."""
    return max(60, max(picture.shape[:2]) // 40)


def _resized(picture: "Picture", detector_face: int, min_face: int | None, most_pixels: int) -> "Picture":
    """Resizes a picture so that faces of min_face pixels become as wide as the detector needs them."""
    height, width = picture.shape[:2]
    scale = min(detector_face / (min_face or _smallest_face(picture)), math.sqrt(most_pixels / (height * width)))
    return resized(picture, max(1, round(height * scale)), max(1, round(width * scale)))


def resized(picture: "Picture", rows: int, columns: int) -> "Picture":
    """Resizes a picture, first by a whole factor: dlib's bilinear resizing alone would skip pixels."""
    import dlib
    import numpy as np
    from PIL import Image

    if (factor := min(picture.shape[0] // rows, picture.shape[1] // columns)) > 1:
        picture = np.asarray(Image.fromarray(picture).reduce(factor))
    small: Picture = dlib.resize_image(np.ascontiguousarray(picture), rows=rows, cols=columns)
    return small


def scaled_detections(found: Any, small: "Picture", picture: "Picture") -> list[Detection]:
    """Scales dlib's rectangles back to the picture and clips them, from left to right."""
    x, y = picture.shape[1] / small.shape[1], picture.shape[0] / small.shape[0]
    boxes, scores = [], []
    for rectangle, score in found:  # dlib's right and bottom belong to the rectangle
        left, top, right, bottom = rectangle.left(), rectangle.top(), rectangle.right() + 1, rectangle.bottom() + 1
        boxes.append((left * x, top * y, right * x, bottom * y))
        scores.append(score)
    return _clipped(boxes, scores, picture)


def _clipped(boxes: Iterable[Sequence[float]], scores: Iterable[float], picture: "Picture") -> list[Detection]:
    """Rounds boxes to pixels and clips them to the picture, from left to right; boxes outside are left out."""
    height, width = picture.shape[:2]
    detections = []
    for box, score in zip(boxes, scores, strict=True):
        left, top = (max(0, round(float(value))) for value in box[:2])
        right, bottom = (min(end, round(float(value))) for end, value in zip((width, height), box[2:], strict=True))
        if left < right and top < bottom:
            detections.append(Detection((left, top, right, bottom), float(score)))
    return sorted(detections, key=lambda detection: detection.box)
