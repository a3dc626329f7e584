"""Tiny data sets in the layouts in which the real ones are published."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from facekit.datasets.all_age_faces import LAST_FEMALE
from facekit.datasets.fer2013 import EXPRESSIONS


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


def make_fer2013(folder: Path, n: int = 12, sides: Sequence[str] = ("train", "train", "validation")) -> Path:
    """Makes folders of pictures by official side and expression."""
    words = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}
    for number in range(n):
        side, expression = sides[number % len(sides)], EXPRESSIONS[number % len(EXPRESSIONS)]
        save_noise(folder / "FER2013" / side / expression / f"{words[side]}_{number}.jpg", 3000 + number)
    return folder / "FER2013"


def make_fer2013_csv(path: Path, n: int = 12, columns: str = "emotion,pixels,Usage") -> Path:
    """Makes the table in which FER2013 was published."""
    usages = ("Training", "Training", "PublicTest", "PrivateTest")
    rows = [columns]
    for number in range(n):
        coarse = np.random.default_rng(4000 + number).integers(0, 256, (8, 8), np.uint8)
        rows.append(f"{number % 7},{' '.join(map(str, coarse.repeat(6, 0).repeat(6, 1).ravel()))},{usages[number % 4]}")
    path.write_text("\n".join(rows) + "\n", encoding="ascii")
    return path


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


def celebrities(n: int = 12) -> dict[str, np.ndarray]:
    """Columns of IMDB-WIKI: n usable pictures, all born on 15 March 1950 + number."""
    texts = [[f"{k % 100:02}/nm{k:07}_rm{k}.jpg" for k in range(n)], [f"Person {k // 2}" for k in range(n)]]
    paths, names = (np.array([[np.array([text]) for text in column] + [None]], object)[:, :n] for column in texts)
    return {
        "dob": np.array([[matlab_day(1950 + k, 3, 15) for k in range(n)]], np.int32),
        "photo_taken": np.array([[2000 + k % 3 for k in range(n)]], np.uint16),
        "full_path": paths,
        "gender": np.array([[float(k % 2) for k in range(n)]]),
        "name": names,
        "face_location": np.array([[np.array([[1.0, 2, 30, 40]]) for _ in range(n)] + [None]], object)[:, :n],
        "face_score": np.array([[1.0 + k for k in range(n)]]),
        "second_face_score": np.full((1, n), np.nan),
        "celeb_names": np.array([[np.array(["Person"])] * 2 + [None]], object)[:, :2],
        "celeb_id": np.ones((1, n)),
    }


def matlab_day(year: int, month: int, day: int) -> int:
    """MATLAB's number of a day."""
    return date(year, month, day).toordinal() + 366


def make_celebrities(folder: Path, name: str, columns: dict[str, np.ndarray] | None = None, n: int = 12) -> Path:
    """Makes a folder with imdb.mat or wiki.mat beside the pictures that it lists."""
    from scipy.io import savemat

    columns = celebrities(n) if columns is None else columns
    root = folder / f"{name}_crop"
    for number, cell in enumerate(columns["full_path"].ravel()):
        save_noise(root / str(cell[0]), 3000 + number)
    savemat(root / f"{name}.mat", {name: columns})
    return root


def make_appa_real(folder: Path, n: int = 12) -> Path:
    """Makes a folder with three tables, the pictures, and the faces in them."""
    root = folder / "appa-real-release"
    for at, side in enumerate(("train", "valid", "test")):
        rows = ["file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age"]
        for number in range(at * n // 3, (at + 1) * n // 3):
            name = f"{number:06}.jpg"
            save_noise(root / side / f"{name}_face.jpg", 4000 + number)
            save_noise(root / side / name, 4000 + number, side=64)
            rows.append(f"{name},38,{5 + 7 * number}.0,2.5,{3 + 7 * number}")
        (root / f"gt_avg_{side}.csv").write_text("\n".join(rows) + "\n", encoding="ascii")
    return root


MADE: dict[str, Callable[[Path], Path]] = {
    "all_age_faces": make_all_age_faces,
    "fer2013": make_fer2013,
    "appa_real": make_appa_real,
    "imdb": partial(make_celebrities, name="imdb"),
    "table": make_table,
    "utkface": make_utkface,
    "wiki": partial(make_celebrities, name="wiki"),
}
