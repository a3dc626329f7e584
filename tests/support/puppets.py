"""Parts of synthetic clips: heads cut out of the demo photographs, a room, and sensor noise."""

from dataclasses import dataclass
from functools import cache
from math import hypot
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facekit.faces.images import Picture, read_picture

DEMO = Path(__file__).resolve().parent.parent.parent / "demo_images"
# Centre and width of HOG's box in pixels of the photograph, median over 80 sizes and positions.
PEOPLE = {
    "astronaut": (224.0, 125.7, 92.8),
    "portrait_office": (498.7, 271.4, 263.7),
    "portrait_standing": (589.3, 388.5, 320.8),
    "speech": (310.3, 446.8, 310.1),
}
FACE = 200  # width of a face in the largest picture of a head, pixels
SHAPE = (2.1, 2.3)  # width and height of that picture, in face widths
CENTRE = (1.05, 1.0)  # position of the face's centre in it, in face widths
NOISE = 2.5  # standard deviation of the sensor noise, of 255


@dataclass(frozen=True)
class Pose:
    """Pose of a face: centre and width in pixels, roll in degrees, motion during the exposure in pixels."""

    x: float
    y: float
    width: float
    angle: float = 0.0
    blur: tuple[float, float] = (0.0, 0.0)


def silhouette(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Computes the mask of a head with shoulders, 0 to 1; x and y from the face's centre, in face widths."""
    head = 1 - np.hypot(x / 0.72, (y + 0.1) / 0.86)
    shoulders = np.minimum(1.0 - np.hypot(x / 1.02, (y - 1.35) / 0.75), (1.27 - y) * 2)
    return np.clip(np.maximum(head, shoulders) * 8 + 0.5, 0, 1)


@cache
def make_heads() -> list[list[NDArray[np.uint8]]]:
    """Makes eight heads: those of the four photographs, and the same mirrored in different light.

    Each is a pyramid of premultiplied RGBA pictures (H, W, 4) with the face's centre at CENTRE.
    """
    heads = [_cut(read_picture(DEMO / f"{name}.jpg"), *face) for name, face in PEOPLE.items()]
    for number in range(4):
        bright = 255 * (heads[number][:, ::-1] / 255.0) ** 0.8
        heads.append(np.clip(bright * np.roll([1.12, 1.0, 0.86], number), 0, 255).astype(np.uint8))
    return [_levels(head) for head in heads]


def _cut(picture: Picture, x: float, y: float, width: float) -> Picture:
    """Crops a face and its surroundings, scaled to FACE pixels."""
    scale = FACE / width
    matrix = np.array([[scale, 0, CENTRE[0] * FACE - x * scale], [0, scale, CENTRE[1] * FACE - y * scale]])
    size = (round(SHAPE[0] * FACE), round(SHAPE[1] * FACE))
    if scale < 0.7:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.5 / scale)
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _levels(head: Picture) -> list[NDArray[np.uint8]]:
    height, width = head.shape[:2]
    x, y = np.meshgrid(np.arange(width) / FACE - CENTRE[0], np.arange(height) / FACE - CENTRE[1])
    alpha = silhouette(x, y)[..., None]
    whole = np.concatenate([head * alpha, 255 * alpha], axis=2).round().astype(np.uint8)
    sizes = [(round(width * 0.8**level), round(height * 0.8**level)) for level in range(10)]
    return [whole, *(cv2.resize(whole, size, interpolation=cv2.INTER_AREA) for size in sizes[1:])]


def draw_head(picture: Picture, levels: list[NDArray[np.uint8]], pose: Pose) -> None:
    """Draws a head into a picture."""
    face = levels[max(number for number in range(len(levels)) if number == 0 or FACE * 0.8**number >= pose.width)]
    unit = face.shape[1] / SHAPE[0]  # width of the face in this picture, pixels
    reach = 1.45 * pose.width + hypot(*pose.blur)
    left, top = max(0, int(pose.x - reach)), max(0, int(pose.y - reach))
    right, bottom = min(picture.shape[1], int(pose.x + reach)), min(picture.shape[0], int(pose.y + reach))
    if left >= right or top >= bottom:
        return
    matrix = cv2.getRotationMatrix2D((CENTRE[0] * unit, CENTRE[1] * unit), pose.angle, pose.width / unit)
    matrix[:, 2] += pose.x - left - CENTRE[0] * unit, pose.y - top - CENTRE[1] * unit
    layer = cv2.warpAffine(face, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    if hypot(*pose.blur) > 1.5:
        layer = cv2.filter2D(layer, -1, _line(*pose.blur))
    part = picture[top:bottom, left:right]
    through = cv2.merge([255 - layer[..., 3]] * 3)
    part[:] = cv2.add(cv2.multiply(part, through, scale=1 / 255), layer[..., :3])


def _line(dx: float, dy: float) -> NDArray[np.float32]:
    """Makes the kernel of a motion blur, at most 61 pixels long."""
    half = min(30, int(np.ceil(max(abs(dx), abs(dy)) / 2)))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    for share in np.linspace(-0.5, 0.5, 4 * half + 1):
        kernel[half + round(np.clip(share * dy, -half, half)), half + round(np.clip(share * dx, -half, half))] += 1
    return kernel / kernel.sum()


@cache
def make_room(size: tuple[int, int], seed: int) -> Picture:
    """Makes a wall lit from the side, with pictures and shelves: texture for optical flow, without faces."""
    width, height = size
    random = np.random.default_rng((seed, 2))
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width])[:, None, None]
    room = np.stack([150 - 40 * x + 15 * y, 145 - 35 * x, 140 - 25 * x - 15 * y], axis=-1)
    coarse = cv2.resize(random.normal(0, 1, (24, 32, 3)), size, interpolation=cv2.INTER_CUBIC)
    room = np.clip(room + 8 * coarse, 0, 255).astype(np.uint8)
    for _ in range(14):
        left, top = int(random.integers(0, width)), int(random.integers(0, height))
        across, down = int(random.integers(width // 20, width // 5)), int(random.integers(height // 30, height // 4))
        colour = random.integers(40, 220, 3).tolist()
        cv2.rectangle(room, (left, top), (left + across, top + down), colour, -1)
        cv2.rectangle(room, (left, top), (left + across, top + down), (50, 45, 40), max(1, width // 320))
    return cv2.GaussianBlur(room, (0, 0), width / 640)


@cache
def make_noise(size: tuple[int, int], seed: int) -> NDArray[np.int16]:
    """Makes noise 64 pixels larger than the picture, as each frame uses another part."""
    random = np.random.default_rng((seed, 3))
    return random.normal(0, NOISE, (size[1] + 64, size[0] + 64, 3)).round().astype(np.int16)
