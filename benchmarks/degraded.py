"""Chips degraded as real views are: small, blurred, dark, compressed, covered, turned."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from facekit.faces.detectors import Box

Random = np.random.Generator

MARGIN = 50  # pixels around a chip, filled by its edge, so that a leaning or turned face can be cut again
FACE: Box = (8, 8, 199, 199)  # where HOG finds the faces of UTKFace's chips, median


def turned(chip: np.ndarray, degrees: float) -> np.ndarray:
    """Returns a chip (S, S, 3) turned sideways, as if it lay on an upright cylinder as wide as the head."""
    side, radius = chip.shape[0], 0.42 * chip.shape[0]
    across = np.linspace(-side / 2, side / 2, side)
    angles = np.arcsin(np.clip(across / radius, -1, 1)) + np.radians(degrees)
    on_cylinder = radius * np.sin(np.clip(angles, -np.pi / 2, np.pi / 2))
    inside = abs(across) < radius
    columns = (np.where(inside, on_cylinder, across) + side / 2).astype(np.float32)
    rows = np.arange(side, dtype=np.float32)
    return cv2.remap(chip, *np.meshgrid(columns, rows), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def leaning(chip: np.ndarray, degrees: float) -> np.ndarray:
    side = chip.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 1)
    return cv2.warpAffine(chip, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def covered(chip: np.ndarray, share: float, random: Random) -> np.ndarray:
    """Returns a chip of which the lower part or one side is covered by a blurred piece of another texture."""
    side, view = chip.shape[0], chip.copy()
    left, top, right, bottom = FACE
    cover = random.integers(0, 256, (4, 4, 3), np.uint8) // 2 + random.integers(0, 128, 3, np.uint8)
    texture = cv2.resize(cover, (side, side), interpolation=cv2.INTER_CUBIC)
    part = (
        np.s_[bottom - round(share * (bottom - top)) :, left:right],
        np.s_[:, : left + round(share * (right - left))],
        np.s_[:, right - round(share * (right - left)) :],
    )[random.integers(3)]
    view[part] = texture[part]
    return view


def motion_blurred(chip: np.ndarray, length: float, degrees: float) -> np.ndarray:
    half = int(np.ceil(length / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    along = length / 2 * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    start, end = (half - along) * 16 + 8, (half + along) * 16 + 8
    cv2.line(kernel, tuple(start.astype(int)), tuple(end.astype(int)), 1.0, 1, cv2.LINE_AA, 4)
    kernel[half, half] = max(kernel[half, half], 1e-3)
    return cv2.filter2D(chip, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def dimmed(chip: np.ndarray, gain: float, noise: float, random: Random) -> np.ndarray:
    return np.clip(chip * gain + noise * random.normal(size=chip.shape), 0, 255).astype(np.uint8)


def compressed(chip: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", chip, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


# Kind -> function of a chip and of how strong it is, 0 to 1. "small" is none of them: it applies to every view.
FAULTS: dict[str, Callable[[np.ndarray, float, Random], np.ndarray]] = {
    "turned": lambda chip, strength, random: turned(chip, 70 * strength * random.choice([-1, 1])),
    "leaning": lambda chip, strength, random: leaning(chip, 40 * strength * random.choice([-1, 1])),
    "covered": lambda chip, strength, random: covered(chip, 0.6 * strength, random),
    "blurred": lambda chip, strength, random: cv2.GaussianBlur(chip, (0, 0), 0.1 + 7 * strength**2),
    "moved": lambda chip, strength, random: motion_blurred(chip, 1 + 40 * strength**2, 180 * random.random()),
    "dark": lambda chip, strength, random: dimmed(chip, 1 - 0.9 * strength, 14 * strength, random),
    "compressed": lambda chip, strength, random: compressed(chip, round(75 - 70 * strength)),
}
WIDTHS = (12, 100)  # pixels; of small faces


def small(chip: np.ndarray, width: float) -> np.ndarray:
    """Returns a chip scaled down to a face of this width."""
    side = max(8, round(chip.shape[0] * width / (FACE[2] - FACE[0])))
    return cv2.resize(chip, (side, side), interpolation=cv2.INTER_AREA) if side < chip.shape[0] else chip


def degraded(
    chip: np.ndarray, faults: Sequence[tuple[str, float]], width: float, random: Random
) -> tuple[np.ndarray, Box]:
    """Returns a picture of the face with these faults, smaller if its width is below the chip's, and its box."""
    given = dict(faults)
    face = chip
    for kind in ("turned", "covered"):
        face = FAULTS[kind](face, given[kind], random) if kind in given else face
    view = cv2.copyMakeBorder(face, *[MARGIN] * 4, cv2.BORDER_REPLICATE)
    for kind in ("leaning", "blurred", "moved"):
        view = FAULTS[kind](view, given[kind], random) if kind in given else view
    scaled = small(view, width)
    for kind in ("dark", "compressed"):  # faults of the camera come last
        scaled = FAULTS[kind](scaled, given[kind], random) if kind in given else scaled
    scale = scaled.shape[0] / view.shape[0]
    left, top, right, bottom = (round((edge + MARGIN) * scale) for edge in FACE)
    return scaled, (left, top, right, bottom)
