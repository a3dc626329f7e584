"""Tiny data sets in the layouts in which the real ones are published."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from facekit.datasets.all_age_faces import LAST_FEMALE


def save_noise(path: Path, seed: int, side: int = 48) -> None:
    """Writes a picture of coarse noise; no two of them are near duplicates."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(coarse).resize((side, side)).save(path, quality=95)


def make_utkface(folder: Path, n: int = 12) -> Path:
    """Makes a folder of chips named by age, gender, race and time; all classes occur."""
    for number in range(n):
        name = f"{5 + 7 * number % 80}_{number % 2}_{number % 5}_{20170110000000000 + number}.jpg.chip.jpg"
        save_noise(folder / "UTKFace" / name, number)
    return folder / "UTKFace"


def make_all_age_faces(
    folder: Path, n: int = 12, listed: Sequence[str] = ("train", "val"), suffix: str = ".jpg"
) -> Path:
    """Makes a folder with aligned faces, half of each gender, the original pictures, and lists of alternate faces."""
    root = folder / "All-Age-Faces Dataset"
    numbers = [number if number % 2 else LAST_FEMALE + 1 + number for number in range(n)]
    lines: dict[str, list[str]] = {name: [] for name in listed}
    for index, number in enumerate(numbers):
        name = f"{number:05}A{2 + index % 79:02}"
        save_noise(root / "aglined faces" / f"{name}.jpg", 1000 + index)
        save_noise(root / "original images" / f"{name}.jpg", 1000 + index, side=64)
        if listed:
            lines[listed[index % 3 // 2 % len(listed)]].append(f"{name}{suffix} {int(number > LAST_FEMALE)}")
    for side, rows in lines.items():
        path = root / "image sets" / f"{side}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(rows) + "\n", encoding="ascii")
    return root


def make_table(folder: Path, n: int = 12, columns: str = "path,age,gender,race") -> Path:
    """Makes a table beside its pictures."""
    rows = []
    for number in range(n):
        save_noise(folder / "faces" / f"{number}.png", 2000 + number)
        gender, race = ("Male", "Female")[number % 2], ("White", "Black", "Asian", "Indian", "Others")[number % 5]
        rows.append(f"{number}.png,{5 + 7 * number % 80},{gender},{race}")
    path = folder / "faces" / "faces.csv"
    path.write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    return path


MADE: dict[str, Callable[[Path], Path]] = {
    "all_age_faces": make_all_age_faces,
    "table": make_table,
    "utkface": make_utkface,
}
