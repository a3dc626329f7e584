"""Made pictures of 640x480: faces of UTKFace in front of random backgrounds, and pictures without a face."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from children import ROOT
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIZE = 640, 480
FACE = 0.5  # width of a face, from ear to ear, as a fraction of its chip


@dataclass(frozen=True)
class Scene:
    """A picture with one chip, pasted with hard edges: the faces nearly fill UTKFace's chips.

    Args:
        picture: RGB uint8 (480, 640, 3).
        centre: of the chip: x, y in pixels.
        side: of the chip, pixels, before it was turned.
    """

    picture: np.ndarray
    centre: np.ndarray
    side: int


def scene(
    random: Generator, chip: np.ndarray, smallest: int, largest: int, lean: float = 0, covered: bool = False
) -> Scene:
    """Pastes a chip at a random place, with its face `smallest` to `largest` px wide.

    Args:
        lean: degrees by which it is turned, to either side.
        covered: whether a rectangle of random colour hides everything below the middle of the nose.
    """
    picture = Image.fromarray(coarse_noise(random))
    face = Image.fromarray(chip)
    if covered:
        ImageDraw.Draw(face).rectangle((20, 105, 180, 200), fill=colour(random))
    side = int(random.integers(smallest, largest + 1) / FACE)
    face = face.resize((side, side), Image.Resampling.BICUBIC)
    mask = Image.new("L", face.size, 255)
    if lean:
        angle = lean * random.choice([-1, 1])
        face, mask = (part.rotate(angle, Image.Resampling.BICUBIC, expand=True) for part in (face, mask))
    x, y = (int(random.integers(0, length - part + 1)) for length, part in zip(SIZE, face.size, strict=True))
    picture.paste(face, (x, y), mask)
    return Scene(np.asarray(picture), np.array([x + face.width / 2, y + face.height / 2]), side)


def colour(random: Generator) -> tuple[int, ...]:
    return tuple(int(value) for value in random.integers(0, 256, 3))


def coarse_noise(random: Generator, most: int = 80) -> np.ndarray:
    """Noise of 2 to 80 cells in a row, enlarged smoothly."""
    cells = int(random.integers(2, most))
    noise = random.integers(0, 256, (max(2, cells * 3 // 4), cells, 3), np.uint8)
    return np.asarray(Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC))


def cloud(random: Generator) -> np.ndarray:
    """Noise of all sizes, the coarse the strongest, as in photographs."""
    total, power = np.zeros((SIZE[1], SIZE[0], 3)), random.uniform(0.3, 1)
    for cells in (2, 4, 8, 16, 32, 64, 128):
        noise = random.integers(0, 256, (cells * 3 // 4 + 1, cells, 3), np.uint8)
        total += np.asarray(Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC)) / cells**power
    return (255 * (total - total.min()) / np.ptp(total)).astype(np.uint8)


def pixel_noise(random: Generator) -> np.ndarray:
    noise = random.normal(random.uniform(30, 220), random.uniform(2, 70), (SIZE[1], SIZE[0], 3))
    return noise.clip(0, 255).astype(np.uint8)


def pattern(random: Generator) -> np.ndarray:
    """A small piece of blurred noise, repeated."""
    side = int(random.integers(4, 60))
    piece = Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8))
    blurred = np.asarray(piece.filter(ImageFilter.GaussianBlur(random.uniform(0, 2))))
    return np.tile(blurred, (SIZE[1] // side + 1, SIZE[0] // side + 1, 1))[: SIZE[1], : SIZE[0]]


def shapes(random: Generator) -> np.ndarray:
    picture = Image.fromarray(coarse_noise(random))
    draw = ImageDraw.Draw(picture)
    for _ in range(random.integers(5, 60)):
        x, y, width, height = random.integers((-50, -50, 5, 5), (640, 480, 200, 200)).tolist()
        box = (x, y, x + width, y + height)
        form = random.integers(3)
        if form == 2:
            draw.line(box, colour(random), int(random.integers(1, 20)))
        else:
            (draw.ellipse, draw.rectangle)[form](box, colour(random))
    return np.asarray(picture)


def text(random: Generator) -> np.ndarray:
    picture = Image.new("RGB", SIZE, colour(random))
    draw = ImageDraw.Draw(picture)
    for y in range(0, SIZE[1], int(random.integers(14, 60))):
        line = "".join(map(chr, random.integers(33, 127, 90)))
        font = ImageFont.load_default(size=int(random.integers(10, 60)))
        draw.text((int(random.integers(-20, 60)), y), line, colour(random), font)
    return np.asarray(picture)


def hands(random: Generator) -> np.ndarray:
    """Ellipses of skin colours with five fingers and a few lines."""
    picture = Image.fromarray(coarse_noise(random)).filter(ImageFilter.GaussianBlur(8))
    draw = ImageDraw.Draw(picture)
    for _ in range(random.integers(1, 5)):
        x, y, size, light = random.uniform((60, 60, 20, 0.3), (580, 420, 110, 1))
        skin, dark = (tuple(int(value * light * shade) for value in (240, 190, 160)) for shade in (1, 0.75))
        draw.ellipse((x - 0.6 * size, y - 0.7 * size, x + 0.6 * size, y + 0.7 * size), skin, dark)
        for finger in range(-2, 3):
            angle = finger * 0.35 - np.pi / 2 + random.normal(0, 0.08)
            tip = np.array([np.cos(angle), np.sin(angle)]) * size
            start, end = 0.4 * tip, tip * random.uniform(1.1, 1.7)
            draw.line((x + start[0], y + start[1], x + end[0], y + end[1]), skin, int(size * 0.28))
        for height in random.uniform(-0.4, 0.4, 3) * size:
            draw.line((x - 0.4 * size, y + height, x + 0.4 * size, y + height + random.normal(0, 6)), dark, 2)
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(random.uniform(0, 3))))


def faceless(chips: np.ndarray) -> list[Callable[[Generator], np.ndarray]]:
    """Returns the kinds of pictures without a face: random generator -> picture."""
    photographs = [Image.open(path).convert("RGB") for path in sorted((ROOT / "demo_images").glob("*.jpg"))]
    heads = [_heads(photograph) for photograph in photographs]

    def scrambled(random: Generator) -> np.ndarray:
        """One to three chips whose 25 to 100 blocks are in random order."""
        picture = Image.fromarray(coarse_noise(random))
        for _ in range(random.integers(1, 4)):
            blocks, chip = int(random.choice([5, 8, 10])), chips[random.integers(len(chips))]
            side = 200 // blocks
            pieces = chip.reshape(blocks, side, blocks, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
            mixed = random.permutation(pieces).reshape(blocks, blocks, side, side, 3).swapaxes(1, 2)
            length = int(random.integers(60, 300))
            left, top = int(random.integers(0, SIZE[0] - length)), int(random.integers(0, SIZE[1] - length))
            picture.paste(Image.fromarray(mixed.reshape(200, 200, 3)).resize((length, length)), (left, top))
        return np.asarray(picture)

    def painted_over(random: Generator) -> np.ndarray:
        """A demo photograph whose heads are hidden by rectangles, scaled and turned."""
        number = random.integers(len(photographs))
        picture = photographs[number].copy()
        for head in heads[number]:
            ImageDraw.Draw(picture).rectangle(head, colour(random))
        scale = random.uniform(0.4, 1)
        small = picture.resize((int(picture.width * scale), int(picture.height * scale)))
        return np.asarray(small.rotate(random.uniform(-15, 15)))

    def cut_out(random: Generator) -> np.ndarray:
        """A part of a demo photograph that no head reaches."""
        while True:
            number = random.integers(len(photographs))
            photograph = photographs[number]
            height = int(random.integers(80, photograph.height * 3 // 4))
            width = min(photograph.width, height * 4 // 3)
            left = int(random.integers(0, photograph.width - width + 1))
            top = int(random.integers(0, photograph.height - height + 1))
            right, bottom = left + width, top + height
            if all(head[2] < left or head[0] > right or head[3] < top or head[1] > bottom for head in heads[number]):
                return np.asarray(photograph.crop((left, top, right, bottom)).resize(SIZE))

    drawn = [coarse_noise, cloud, pixel_noise, pattern, shapes, text, hands]
    return [*drawn, scrambled, painted_over, cut_out]


def _heads(photograph: Image.Image) -> list[tuple[float, ...]]:
    """Returns the boxes of heads with their hair, by both detectors."""
    from facekit.faces.detectors import make_detector

    heads = []
    for name in ("hog", "blazeface"):
        for found in make_detector(name)(np.asarray(photograph)):
            left, top, right, bottom = found.box
            side = right - left
            heads.append((left - 0.35 * side, top - 0.6 * side, right + 0.35 * side, bottom + 0.45 * side))
    return heads
