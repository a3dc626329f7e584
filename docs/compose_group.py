"""Composes group.jpg, one picture with four faces, from the photographs beside it."""

from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).resolve().parent.parent / "demo_images"
FACES = {  # centre and side of the face, pixels
    "astronaut.jpg": (221, 122, 91),
    "portrait_office.jpg": (496, 266, 259),
    "portrait_standing.jpg": (595, 388, 311),
    "speech.jpg": (330, 457, 285),
}
WIDTH, HEIGHT, FACE, GUTTER = 300, 400, 150, 4  # of a tile, of the face in it, and between tiles


def tile(name: str) -> Image.Image:
    """Head and shoulders, the face as large as everyone's."""
    photograph = Image.open(FOLDER / name).convert("RGB")
    x, y, side = FACES[name]
    width, height = WIDTH * side / FACE, HEIGHT * side / FACE
    left = min(max(0, x - width / 2), photograph.width - width)
    top = y - 0.38 * height
    return photograph.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS, (left, top, left + width, top + height))


group = Image.new("RGB", (len(FACES) * (WIDTH + GUTTER) - GUTTER, HEIGHT), "white")
for number, name in enumerate(FACES):
    group.paste(tile(name), (number * (WIDTH + GUTTER), 0))
group.save(FOLDER / "group.jpg", quality=90)
