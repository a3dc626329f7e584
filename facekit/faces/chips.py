"""Chips: square pictures of one face each, cut by one of several rules.

The chips of UTKFace are dlib's, 200 px with a padding of 0.2; a network trained on them must get the same crop.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from facekit.core.errors import UnknownNameError, UsageError, lookup
from facekit.faces.batch import FaceBatch, InputSize, Picture, height_and_width
from facekit.faces.detectors import Box
from facekit.faces.landmarks import LANDMARKS, make_landmarker

CHIP_SIZE = 200
CHIP_PADDING = 0.2
LARGEST_CHIP = 4096  # pixels; more is a slip, and 48 MB a face

# Centre and side of UTKFace's chips as sums of the five landmarks, as complex numbers x + iy, by these weights; they
# turn and grow with the face. UTKFace's chips were cut by 68 landmarks; dlib's own rule for five scales by little but
# the eyes. Fitted to 2,098 chips; of 2,098 others 95.7 % agree with UTKFace's cut, within 8 % in size and 6 of 200 px
# in position; by dlib's rule 88.0 %.
_CENTRE = np.array([0.26 + 0.08j, -0.05 - 0.04j, 0.26 - 0.08j, -0.05 + 0.04j, 0.58])
_SIDE = np.array([1.07 - 0.79j, 0.115 + 1.51j, -1.07 - 0.79j, -0.115 + 1.51j, -1.44j])


@dataclass(frozen=True, kw_only=True)
class ChipConfig(ABC):
    """Base class of the rules for cutting faces. The card of each weights file holds the rule of its training.

    Args:
        size: side of the chips, pixels.

    Attributes:
        rule: name in `CHIP_RULES`.
    """

    rule: ClassVar[str]
    size: int = CHIP_SIZE

    def __post_init__(self) -> None:
        if not (isinstance(self.size, int) and 1 <= self.size <= LARGEST_CHIP):
            raise UsageError(
                f"A chip's size must be a whole number of 1 to {LARGEST_CHIP} pixels. Received: {self.size}."
            )

    def load(self) -> None:  # noqa: B027
        """Loads what cutting needs, so that a missing file is reported early."""

    @abstractmethod
    def cut(self, picture: Picture, boxes: Sequence[Box]) -> FaceBatch:
        """Cuts faces out of a picture, black where they reach beyond it.

        Args:
            picture: RGB uint8 (H, W, 3).
            boxes: n of them, as the detector draws them.
        """

    def to_dict(self) -> dict[str, Any]:
        """Returns the rule as JSON, for a card."""
        return {"rule": self.rule, **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class AlignedChip(ChipConfig):
    """Rule that turns faces upright and scales them by their landmarks.

    Args:
        size: side of the chips, pixels.
        padding: margin on each side, as a fraction of the face.
        landmarks: 5 or 68 points by which a face is aligned.
    """

    rule: ClassVar[str] = "aligned"
    padding: float = CHIP_PADDING
    landmarks: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_margin("padding", self.padding)
        if self.landmarks not in LANDMARKS:
            raise UnknownNameError("number of landmarks", str(self.landmarks), map(str, LANDMARKS))

    def load(self) -> None:
        make_landmarker(self.landmarks)

    def cut(self, picture: Picture, boxes: Sequence[Box]) -> FaceBatch:
        landmarks = make_landmarker(self.landmarks)(picture, boxes)
        return FaceBatch(cut_chips(picture, landmarks, self.size, self.padding), _as_array(boxes), landmarks)


@dataclass(frozen=True, kw_only=True)
class BoxChip(ChipConfig):
    """Rule that cuts the square around the detector's box, not turned.

    Args:
        size: side of the chips, pixels.
        margin: width added on each side, as a fraction of the box's longer side.
    """

    rule: ClassVar[str] = "box"
    margin: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_margin("margin", self.margin)

    def cut(self, picture: Picture, boxes: Sequence[Box]) -> FaceBatch:
        from PIL import Image  # here, as recipes, which hold chip rules, must not wait for Pillow

        chips = np.zeros((len(boxes), self.size, self.size, 3), np.uint8)
        height, width = picture.shape[:2]
        for chip, (left, top, right, bottom) in zip(chips, boxes, strict=True):
            side = max(1, round(max(right - left, bottom - top) * (1 + 2 * self.margin)))
            x, y = (left + right - side) // 2, (top + bottom - side) // 2
            # Only the part inside the picture is resized: a wide margin around a large face would not fit into memory.
            inner = (max(0, x), max(0, y), min(width, x + side), min(height, y + side))
            target = [round((end - start) * self.size / side) for end, start in zip(inner, (x, y, x, y), strict=True)]
            target_size = target[2] - target[0], target[3] - target[1]
            if inner[0] < inner[2] and inner[1] < inner[3] and min(target_size) > 0:
                part = Image.fromarray(picture[inner[1] : inner[3], inner[0] : inner[2]])
                resized = part.resize(target_size, Image.Resampling.BILINEAR)
                chip[target[1] : target[3], target[0] : target[2]] = np.asarray(resized)
        return FaceBatch(chips, _as_array(boxes))


@dataclass(frozen=True, kw_only=True)
class WholeChip(ChipConfig):
    """Rule for pictures that already are faces: it cuts their centre square.

    A `FaceFinder` whose detector finds faces in larger pictures cuts their boxes instead.
    """

    rule: ClassVar[str] = "whole"

    def cut(self, picture: Picture, boxes: Sequence[Box]) -> FaceBatch:
        height, width = picture.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        chip = resize_chips(picture[None, top : top + side, left : left + side], self.size)
        return FaceBatch(np.repeat(chip, len(boxes), axis=0), _as_array(boxes))


CHIP_RULES: dict[str, type[ChipConfig]] = {rule.rule: rule for rule in (AlignedChip, BoxChip, WholeChip)}


def chip_from_dict(fields: Mapping[str, Any]) -> ChipConfig:
    """Makes the rule that `ChipConfig.to_dict` wrote; without `rule`, as in older cards, faces are aligned.

    Raises:
        UnknownNameError: no such rule.
        TypeError: the rule has no such field.
        UsageError: a value is outside its range.
    """
    fields = dict(fields)
    return lookup("chip rule", fields.pop("rule", AlignedChip.rule), CHIP_RULES)(**fields)


def _check_margin(name: str, value: float) -> None:
    if not 0 <= value < 10:  # also for NaN
        raise UsageError(f"A chip's {name} must be at least 0 and less than 10. Received: {value}.")


def _as_array(boxes: Sequence[Box]) -> npt.NDArray[np.int64]:
    return np.array(boxes, np.int64).reshape(-1, 4)


def cut_chips(
    picture: Picture, landmarks: npt.NDArray[np.float32], size: int = CHIP_SIZE, padding: float = CHIP_PADDING
) -> Picture:
    """Cuts upright faces of equal size by their landmarks, black where they reach beyond the picture.

    Args:
        picture: RGB uint8 (H, W, 3).
        landmarks: (n, 5, 2) or (n, 68, 2), x and y in pixels.
        size: side of the chips, pixels.
        padding: margin on each side, as a fraction of the face.

    Returns:
        RGB uint8 (n, size, size, 3).
    """
    import dlib

    chips = dlib.extract_image_chips(np.ascontiguousarray(picture), chip_details(landmarks, size, padding))
    return np.array(chips, np.uint8).reshape(-1, size, size, 3)


def chip_details(landmarks: npt.NDArray[np.float32], size: int = CHIP_SIZE, padding: float = CHIP_PADDING) -> list[Any]:
    """Returns the position of each chip: dlib's chip_details, with the rectangle and the angle of the face."""
    import dlib

    empty = dlib.rectangle()  # the details depend on the points alone
    chips = []
    for points in landmarks:
        face = dlib.full_object_detection(empty, [dlib.point(round(float(x)), round(float(y))) for x, y in points])
        chip = dlib.get_face_chip_details(face, size=size, padding=padding)
        if len(points) == 5:
            numbers = points[:, 0] + 1j * points[:, 1]
            centre, half = _CENTRE @ numbers, abs(_SIDE @ numbers) / 2 * (1 + 2 * padding) / (1 + 2 * CHIP_PADDING)
            x, y = float(centre.real), float(centre.imag)
            square = dlib.drectangle(x - half, y - half, x + half, y + half)
            chip = dlib.chip_details(square, dlib.chip_dims(size, size), chip.angle)
        chips.append(chip)
    return chips


def resize_chips(chips: Picture, size: InputSize) -> Picture:
    """Resizes chips, bilinear and antialiased; chips of that size are returned as they are.

    Args:
        chips: RGB uint8 (n, H, W, 3).
        size: the new side, or height and width, pixels.
    """
    height, width = height_and_width(size)
    if chips.shape[1:3] == (height, width):
        return chips
    from PIL import Image

    resized = np.empty((len(chips), height, width, 3), np.uint8)
    for target, chip in zip(resized, chips, strict=True):
        target[:] = np.asarray(Image.fromarray(chip).resize((width, height), Image.Resampling.BILINEAR))
    return resized
