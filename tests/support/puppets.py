"""Parts of synthetic clips: heads cut out of photographs, a room, and sensor noise."""

from collections.abc import Sequence
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
CHIP_FACE = (97.0, 97.0, 178.0)  # the same in a UTKFace chip of 200 px
SHAPE = (2.1, 2.3)  # width and height of that picture, in face widths
CENTRE = (1.05, 1.0)  # position of the face's centre in it, in face widths
PROFILE_SHIFT = 0.35  # sideways distance of a face in full profile from the middle of its head, in face widths
_HALF_HEAD = 0.68  # half the width of a head that turns, in face widths
NOISE = 2.5  # standard deviation of the sensor noise, of 255


@dataclass(frozen=True)
class Pose:
    """Pose of a face: centre and width in pixels, roll and yaw in degrees, motion during the exposure in pixels."""

    x: float
    y: float
    width: float
    angle: float = 0.0
    blur: tuple[float, float] = (0.0, 0.0)
    yaw: float = 0.0  # positive turns the face to the picture's right


def silhouette(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Computes the mask of a head with shoulders, 0 to 1; x and y from the face's centre, in face widths."""
    head = 1 - np.hypot(x / 0.72, (y + 0.1) / 0.86)
    shoulders = np.minimum(1.0 - np.hypot(x / 1.02, (y - 1.35) / 0.75), (1.27 - y) * 2)
    return np.clip(np.maximum(head, shoulders) * 8 + 0.5, 0, 1)


Head = list[NDArray[np.uint8]]  # a pyramid of premultiplied RGBA pictures (H, W, 4) with the face's centre at CENTRE


@cache
def make_heads() -> list[Head]:
    """Makes eight heads: those of the four photographs, and the same mirrored in different light."""
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


def head_of_chip(chip: Picture, clothes: Sequence[int]) -> Head:
    """Makes a head of a UTKFace chip: its border continued to a whole head, on shoulders of one colour."""
    head = _cut(chip, *CHIP_FACE)
    x, y = _face_widths(head)
    half = 0.5 * chip.shape[0] / CHIP_FACE[2]  # of the chip, in face widths
    inside = np.clip((half - np.maximum(np.abs(x), np.abs(y))) / 0.12, 0, 1)[..., None]
    around = cv2.GaussianBlur(head, (0, 0), 12)
    shaded = np.array(clothes) * np.clip(1.1 - 0.25 * np.abs(x), 0, 1)[..., None]
    worn = np.clip((y - 0.62 - 0.1 * np.cos(2 * x)) / 0.04, 0, 1)[..., None]  # below the chin
    blended = inside * head + (1 - inside) * around
    return _levels((worn * shaded + (1 - worn) * blended).astype(np.uint8))


def _face_widths(head: Picture) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Computes x and y of each pixel from the face's centre, in face widths."""
    height, width = head.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    unit = width / SHAPE[0]
    return x / unit - CENTRE[0], y / unit - CENTRE[1]


def _levels(head: Picture) -> Head:
    height, width = head.shape[:2]
    alpha = silhouette(*_face_widths(head))[..., None]
    whole = np.concatenate([head * alpha, 255 * alpha], axis=2).round().astype(np.uint8)
    sizes = [(round(width * 0.8**level), round(height * 0.8**level)) for level in range(10)]
    return [whole, *(cv2.resize(whole, size, interpolation=cv2.INTER_AREA) for size in sizes[1:])]


def draw_head(picture: Picture, levels: Head, pose: Pose) -> None:
    """Draws a head into a picture."""
    face = levels[max(number for number in range(len(levels)) if number == 0 or FACE * 0.8**number >= pose.width)]
    unit = face.shape[1] / SHAPE[0]  # width of the face in this picture, pixels
    reach = 1.45 * pose.width + hypot(*pose.blur)
    left, top = max(0, int(pose.x - reach)), max(0, int(pose.y - reach))
    right, bottom = min(picture.shape[1], int(pose.x + reach)), min(picture.shape[0], int(pose.y + reach))
    if left >= right or top >= bottom:
        return
    if pose.yaw:
        face = _turned(face, np.radians(pose.yaw))
    matrix = cv2.getRotationMatrix2D((CENTRE[0] * unit, CENTRE[1] * unit), pose.angle, pose.width / unit)
    matrix[:, 2] += pose.x - left - CENTRE[0] * unit, pose.y - top - CENTRE[1] * unit
    layer = cv2.warpAffine(face, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    if hypot(*pose.blur) > 1.5:
        layer = cv2.filter2D(layer, -1, _line(*pose.blur))
    part = picture[top:bottom, left:right]
    through = cv2.merge([255 - layer[..., 3]] * 3)
    part[:] = cv2.add(cv2.multiply(part, through, scale=1 / 255), layer[..., :3])


def _turned(head: NDArray[np.uint8], yaw: float) -> NDArray[np.uint8]:
    """Turns a head about its vertical axis: an ellipsoid with a nose, seen from afar, darker where it turns away.

    What the photograph does not show, ears and the back of the head, continues its border.
    """
    rows, columns = np.linspace(-CENTRE[1], SHAPE[1] - CENTRE[1], 47), np.linspace(-1, 1, 161) * _HALF_HEAD
    shown = np.linspace(-CENTRE[0], SHAPE[0] - CENTRE[0], 85)
    source = np.tile(shown, (len(rows), 1))
    for row, y in enumerate(rows):
        angle = yaw * np.clip((0.8 - y) / 0.2, 0, 1)  # the shoulders stay
        if angle:
            depth = np.sqrt(_HALF_HEAD**2 - columns**2) * np.sqrt(max(0.2, 1 - (y / 1.1) ** 2))
            depth += 0.16 * np.exp(-((columns / 0.11) ** 2) - ((y - 0.12) / 0.16) ** 2)  # the nose
            turned = columns * np.cos(angle) + depth * np.sin(angle)
            turned, towards = (turned, columns) if angle > 0 else (-turned[::-1], -columns[::-1])
            # What is nearer hides what is behind it: the edge of the visible part is the farthest point reached.
            edge = np.maximum.accumulate(turned)
            visible = np.concatenate([[True], edge[1:] > edge[:-1]])
            mapped = np.interp(np.sign(angle) * shown, edge[visible], towards[visible]) * np.sign(angle)
            head_part = np.abs(shown) < _HALF_HEAD + 0.03
            source[row, head_part] = mapped[head_part]
    unit = head.shape[1] / SHAPE[0]
    size = head.shape[1::-1]
    map_x = cv2.resize(((source + CENTRE[0]) * unit).astype(np.float32), size)
    map_y = np.repeat(np.arange(size[1], dtype=np.float32)[:, None], size[0], axis=1)
    turned_head = cv2.remap(head, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    x, y = _face_widths(head)
    light = 1 - 0.45 * np.abs(np.sin(yaw)) * np.clip(0.5 - np.sign(yaw) * x / (2 * _HALF_HEAD), 0, 1) * (y < 0.7)
    turned_head[..., 3] = head[..., 3]
    turned_head[..., :3] = np.minimum(turned_head[..., :3] * light[..., None], head[..., 3:])
    return turned_head


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
def make_noise(size: tuple[int, int], seed: int, deviation: float = NOISE) -> NDArray[np.int16]:
    """Makes noise 64 pixels larger than the picture, as each frame uses another part."""
    random = np.random.default_rng((seed, 3))
    return random.normal(0, deviation, (size[1] + 64, size[0] + 64, 3)).round().astype(np.int16)
