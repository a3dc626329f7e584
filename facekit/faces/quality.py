"""Quality of a view of a face: how much its faults raise the errors of what is estimated from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np
import numpy.typing as npt

from facekit.faces.batch import FaceBatch, Picture

_SIDE, _EDGE = 48, 6  # to which a chip is scaled down, and what is left out on each side, pixels


@dataclass(frozen=True, kw_only=True)
class QualityConfig:
    """Sizes of the faults of a view that each double the squared errors (docs/EXPERIMENTS.md).

    The first three were fitted to degraded chips of UTKFace's validation side. The turn's fit was 0.75, but a warped
    chip loses less than a turned head: 0.5. The detection's was set by hand.

    Args:
        detail: standard deviation of the Laplacian of the chip at 48 pixels, grey levels.
        width: of the face's box, pixels.
        contrast: standard deviation of the chip at 48 pixels, grey levels.
        turn: offset of the nose from its place in a frontal face, in distances of the eyes.
        detection: what a detection's score lacks to be as high as that of a face that is seen well, as a fraction of
            its lack where half of a face is covered or turned away.
        frontal_nose: distance of the nose's base from the line of the eyes in a frontal face, in distances of the eyes.
    """

    detail: float = 9.0
    width: float = 16.0
    contrast: float = 10.0
    turn: float = 0.5
    detection: float = 0.5
    frontal_nose: float = 0.74


CONFIG = QualityConfig()


def view_quality(
    chip: Picture, landmarks: npt.NDArray[np.float32] | None, width: float, detection_fault: float = 0.0
) -> float:
    """Rates a view of a face by how detailed, large, rich in contrast and frontal it is.

    Args:
        chip: RGB uint8 (S, S, 3).
        landmarks: (5 | 68, 2) in the picture; None where the face is not aligned, which then counts as frontal.
        width: of the face's box in the picture, pixels.
        detection_fault: how much the detector doubted, as `facekit.faces.detectors.detection_fault`.

    Returns:
        0 to 1. Its reciprocal is about the factor by which the faults raise the squared errors.
    """
    from PIL import Image  # here, as what imports batches of faces must not wait for Pillow

    small = Image.fromarray(chip).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    grey = np.asarray(small, np.float32)[_EDGE:-_EDGE, _EDGE:-_EDGE]
    laplacian = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    measured = {"detail": float(laplacian.std()), "width": width, "contrast": float(grey.std())}
    turn = 0.0 if landmarks is None else _turn(landmarks)
    faults = [getattr(CONFIG, name) / max(value, 1e-3) for name, value in measured.items()]
    return 1 / (1 + sum(fault**2 for fault in (*faults, turn / CONFIG.turn, detection_fault / CONFIG.detection)))


def batch_quality(faces: FaceBatch, detection_faults: Sequence[float] | None = None) -> list[float]:
    """Returns the quality of each view of a batch; where boxes are unknown, faces are as wide as their chips."""
    widths = [faces.chips.shape[2]] * len(faces) if faces.boxes is None else faces.boxes[:, 2] - faces.boxes[:, 0]
    landmarks = [None] * len(faces) if faces.landmarks is None else faces.landmarks
    return [
        view_quality(chip, points, float(width), fault)
        for chip, points, width, fault in zip(
            faces.chips, landmarks, widths, detection_faults or [0.0] * len(faces), strict=True
        )
    ]


def _turn(landmarks: npt.NDArray[np.float32]) -> float:
    """Measures how far the nose's base is from its place in a frontal face, in distances of the eyes."""
    if len(landmarks) == 5:
        one, other, nose = landmarks[0:2].mean(axis=0), landmarks[2:4].mean(axis=0), landmarks[4]
    else:
        one, other, nose = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0), landmarks[33]
    (x, y), (nose_x, nose_y) = (other - one).tolist(), (nose - (one + other) / 2).tolist()
    square = max(x * x + y * y, 1e-6)
    sideways, down = (nose_x * x + nose_y * y) / square, abs(x * nose_y - y * nose_x) / square
    return hypot(sideways, max(0.0, down - CONFIG.frontal_nose))  # eyes come closer as the head turns
