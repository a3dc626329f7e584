"""Finds faces in pictures and cuts them out, for training, evaluation, photographs and video alike."""

from collections.abc import Sequence
from dataclasses import replace

from facekit.faces.batch import FaceBatch, Picture
from facekit.faces.chips import AlignedChip, BoxChip, ChipConfig, WholeChip
from facekit.faces.detectors import Box, find_detector, make_detector


class FaceFinder:
    """Finds and cuts faces.

    Args:
        detector: a key of `facekit.faces.detectors.DETECTORS`.
        min_face: width of the smallest faces to find, pixels; None for the detector's own choice.
        landmarks: points by which faces are aligned, in place of what a chip rule says; None to follow the rule.
        min_score: lowest score of a face; None for the detector's own choice.

    Raises:
        UnknownNameError: no such detector or number of landmarks.
        UsageError: min_face is less than 1, or min_score less than -1.
    """

    def __init__(
        self,
        detector: str,
        min_face: int | None = None,
        landmarks: int | None = None,
        min_score: float | None = None,
    ) -> None:
        self.detect = make_detector(detector, min_face, min_score)
        self._finds_faces = find_detector(detector).finds_faces
        self._landmarks = landmarks
        if landmarks is not None:
            AlignedChip(landmarks=landmarks)  # refuses an unknown number now

    def cut(self, picture: Picture, boxes: Sequence[Box], chip: ChipConfig) -> FaceBatch:
        """Cuts faces whose boxes are known.

        Args:
            picture: RGB uint8 (H, W, 3).
            boxes: n of them, as the detector draws them.
            chip: the rule by which they are cut.
        """
        return self.rule(chip).cut(picture, boxes)

    def rule(self, chip: ChipConfig) -> ChipConfig:
        """Adapts a rule to the detector: pictures that already are faces are whole chips, faces found never are."""
        if not self._finds_faces:
            return WholeChip(size=chip.size)
        if isinstance(chip, WholeChip):
            return BoxChip(size=chip.size)
        if isinstance(chip, AlignedChip) and self._landmarks is not None:
            return replace(chip, landmarks=self._landmarks)
        return chip

    def cut_largest(self, picture: Picture, chip: ChipConfig) -> FaceBatch:
        """Finds and cuts the largest face of a picture; none if it has none."""
        boxes = [found.box for found in self.detect(picture)]
        largest = sorted(boxes, key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))[:1]
        return self.cut(picture, largest, chip)
