"""Photographs -> estimates of the faces in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facekit.core.errors import PictureError, lookup
from facekit.faces.chips import CHIP_SIZE, cut_chips, whole_chip
from facekit.faces.detectors import Box, Detection, make_detector
from facekit.faces.images import Picture, read_picture
from facekit.faces.landmarks import make_landmarker
from facekit.heads import AgeAnswer, Answer, ClassAnswer, select_heads
from facekit.networks.cards import DEFAULT_WEIGHTS, read_card
from facekit.networks.runtimes import RUNTIMES, load_runtime

if TYPE_CHECKING:
    from facekit.networks.runtimes.runtime import Runtime

Photograph = str | Path | Image.Image | NDArray[np.uint8]
_FACES_AT_ONCE = 32
_PHOTOGRAPHS_AT_ONCE = 256  # so that those without a face are answered too, where there is no end of them


@dataclass(frozen=True)
class FaceEstimate:
    """What is estimated of one face. An answer is None where its head was left out.

    Args:
        box: left, top, right, bottom in the upright picture, pixels; right and bottom are exclusive.
        score: of the detector; None for `whole_image`.
        answers: head's name -> answer, in the network's order.
    """

    box: Box
    score: float | None
    answers: dict[str, Answer]

    @property
    def age(self) -> AgeAnswer | None:
        answer = self.answers.get("age")
        return answer if isinstance(answer, AgeAnswer) else None

    @property
    def gender(self) -> ClassAnswer | None:
        return self._class("gender")

    @property
    def race(self) -> ClassAnswer | None:
        return self._class("race")

    def _class(self, name: str) -> ClassAnswer | None:
        answer = self.answers.get(name)
        return answer if isinstance(answer, ClassAnswer) else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON: box, score, and each answer under its head's name."""
        score = None if self.score is None else round(self.score, 3)
        answers = {name: answer.to_dict() for name, answer in self.answers.items()}
        return {"box": list(self.box), "score": score, **answers}


@dataclass(frozen=True)
class Cut:
    """n faces of one picture, cut out.

    Args:
        chips: RGB uint8 (n, CHIP_SIZE, CHIP_SIZE, 3).
        landmarks: (n, 5 | 68, 2) x and y in the picture, pixels; None where faces are not aligned.
    """

    chips: Picture
    landmarks: NDArray[np.float32] | None


class FaceEstimator:
    """Estimates age, gender and race of the faces in photographs.

    Args:
        weights: file that `face_train.py` wrote, or a checkpoint of the original scripts; None for those shipped.
        detector: "hog", "cnn", or "whole_image" if each picture is one face.
        landmarks: 5 or 68 points by which a face is aligned.
        heads: names of those to answer, None for all.
        min_face: width of the smallest faces to find, pixels; None for 60, more in pictures over 2400 px.
        runtime: "openvino", "keras", or "auto" for Keras on a GPU and OpenVINO elsewhere.

    Raises:
        WeightsError: the weights cannot be used.
        UnknownNameError: no such detector, head, runtime or number of landmarks.

    >>> from facekit import FaceEstimator
    >>> (face,) = FaceEstimator().estimate("demo_images/astronaut.jpg")
    >>> face.gender.label
    'Female'
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        *,
        detector: str = "hog",
        landmarks: int = 5,
        heads: Sequence[str] | None = None,
        min_face: int | None = None,
        runtime: str = "auto",
    ) -> None:
        lookup("runtime", runtime, RUNTIMES)  # here, as the runtime is loaded when there is a face
        self.runtime = runtime
        self.weights = Path(weights or DEFAULT_WEIGHTS)
        self.card = read_card(self.weights)
        self.heads = select_heads(self.card.network.heads, heads)
        self.detector, self.min_face = detector, min_face
        self._aligned = detector != "whole_image"
        self._detect = make_detector(detector, min_face)
        if self._aligned:
            self._landmark = make_landmarker(landmarks)

    def estimate(self, photograph: Photograph) -> list[FaceEstimate]:
        """The faces of one photograph, from left to right; all go through the network together.

        Args:
            photograph: path, Pillow picture, or RGB uint8 array (H, W, 3).

        Raises:
            PictureError: it cannot be read.
        """
        (faces,) = self.estimate_many([photograph])
        return faces

    def estimate_many(self, photographs: Iterable[Photograph]) -> Iterator[list[FaceEstimate]]:
        """The faces of each photograph, in order; faces of several photographs share a batch.

        Raises:
            PictureError: one cannot be read; after the answers for those before it.
        """
        detections: list[list[Detection]] = []
        chips: list[Picture] = []
        for photograph in photographs:
            try:
                found, cut = self._find(read_picture(photograph))
            except PictureError:
                if detections:
                    yield from self._answer(detections, np.concatenate(chips))
                raise
            detections.append(found)
            chips.append(cut)
            if sum(map(len, chips)) >= _FACES_AT_ONCE or len(detections) >= _PHOTOGRAPHS_AT_ONCE:
                yield from self._answer(detections, np.concatenate(chips))
                detections, chips = [], []
        if detections:
            yield from self._answer(detections, np.concatenate(chips))

    def cut(self, picture: Picture, boxes: Sequence[Box]) -> "Cut":
        """The chips of faces whose places are known, as the network wants them.

        Args:
            picture: RGB uint8 (H, W, 3).
            boxes: n of them, as the detector draws them.
        """
        if not self._aligned:
            chips = [whole_chip(picture) for _ in boxes]
            return Cut(np.concatenate(chips or [np.empty((0, CHIP_SIZE, CHIP_SIZE, 3), np.uint8)]), None)
        landmarks = self._landmark(picture, boxes)
        return Cut(cut_chips(picture, landmarks), landmarks)

    def predict(self, chips: Picture) -> dict[str, NDArray[np.floating]]:
        """Chips (n, S, S, 3) -> head's name -> calibrated probabilities (n, classes); all in one batch."""
        return self._runtime.predict(chips)

    def decode(self, probabilities: Mapping[str, NDArray[np.floating]]) -> list[dict[str, Answer]]:
        """Probabilities (n, classes) by head -> n times head's name -> answer, of the heads that were asked for."""
        columns = [head.decode(probabilities[head.name]) for head in self.heads]
        return [dict(zip([head.name for head in self.heads], row, strict=True)) for row in zip(*columns, strict=True)]

    def _find(self, picture: Picture) -> tuple[list[Detection], Picture]:
        """Faces, and their chips (n, S, S, 3)."""
        detections = self._detect(picture)
        return detections, self.cut(picture, [found.box for found in detections]).chips

    def _answer(self, detections: list[list[Detection]], chips: Picture) -> Iterator[list[FaceEstimate]]:
        if not len(chips):  # and no network needs to be loaded
            yield from ([] for _ in detections)
            return
        answers = iter(self.decode(self.predict(chips)))
        for found in detections:
            yield [FaceEstimate(face.box, face.score, next(answers)) for face in found]

    @cached_property
    def _runtime(self) -> "Runtime":
        return load_runtime(self.weights, self.runtime)
