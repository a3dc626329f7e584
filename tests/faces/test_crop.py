"""Faces cut out of photographs: their names, their table, and photographs that cannot be read."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from checkout import ROOT
from numpy.typing import NDArray

from facekit.core.errors import PictureError, UsageError
from facekit.faces import crop
from facekit.faces.chips import AlignedChip, BoxChip
from facekit.faces.crop import crop_faces
from facekit.faces.finder import FaceFinder
from facekit.faces.images import read_picture

GROUP = ROOT / "demo_images" / "group.jpg"


@pytest.fixture
def folder(tmp_path: Path, nobody: Path) -> Path:
    """A photograph of four, its copy under the same name but for the suffix, nobody, and a broken one."""
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    shutil.copy(GROUP, photographs / "group.jpg")
    shutil.copy(ROOT / "demo_images" / "astronaut.jpg", photographs / "Group.jpeg")
    shutil.copy(nobody, photographs / "nobody.png")
    (photographs / "broken.jpg").write_bytes(b"no picture")
    return photographs


def test_faces_and_their_table(folder: Path, chips: NDArray[np.uint8], tmp_path: Path) -> None:
    errors: list[PictureError] = []
    out = tmp_path / "faces"
    counts = crop_faces([str(folder)], out, FaceFinder("blazeface"), AlignedChip(), errors.append, ".png")
    assert str(counts) == "3 photographs, 5 faces, 1 without a face, 1 could not be read"
    assert len(errors) == 1 and "broken.jpg" in str(errors[0])
    names = ["Group.jpeg-1.png", *(f"group.jpg-{n}.png" for n in range(1, 5))]
    assert sorted(path.name for path in out.iterdir()) == sorted(["faces.csv", *names])
    for name, chip in zip(names, chips[:5], strict=True):  # the demo's first two photographs
        np.testing.assert_array_equal(read_picture(out / name), chip)
    with open(out / "faces.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == names and rows[1]["photograph"] == str(folder / "group.jpg")
    box = [int(rows[1][side]) for side in ("left", "top", "right", "bottom")]
    assert box[0] < box[2] and box[1] < box[3] and 0.6 < float(rows[1]["score"]) < 1
    with pytest.raises(UsageError, match=r"must be a new or an empty folder\. Received: .*faces"):
        crop_faces([str(folder)], out, FaceFinder("blazeface"), AlignedChip(), errors.append)


def test_boxes_with_a_margin(tmp_path: Path) -> None:
    out = tmp_path / "faces"
    finder = FaceFinder("blazeface")
    crop_faces([str(GROUP)], out, finder, BoxChip(size=64, margin=0.4), lambda error: None, ".jpg")
    assert read_picture(out / "group-4.jpg").shape == (64, 64, 3)


def test_one_line_where_nothing_can_be_written(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before stays whole, and is in the table."""
    written = []

    def full(picture: NDArray[np.uint8], path: Path) -> None:
        if len(written) == 2:
            raise PictureError(f"Cannot write {path}: No space left on device.")
        written.append(path.name)

    monkeypatch.setattr(crop, "save_picture", full)
    with pytest.raises(PictureError, match="No space left"):
        crop_faces([str(folder)], tmp_path / "faces", FaceFinder("blazeface"), AlignedChip(), lambda error: None)
    assert (tmp_path / "faces" / "faces.csv").read_text(encoding="utf-8").count("\n") == 1 + 2


def test_no_photograph_leaves_no_folder(tmp_path: Path) -> None:
    errors: list[PictureError] = []
    (tmp_path / "empty").mkdir()
    paths = [str(tmp_path / "empty"), str(tmp_path / "none.jpg")]
    counts = crop_faces(paths, tmp_path / "faces", FaceFinder("blazeface"), AlignedChip(), errors.append)
    assert (counts.photographs, counts.unreadable, len(errors)) == (0, 2, 2)
    assert not (tmp_path / "faces").exists()
    (tmp_path / "faces").mkdir()  # one that was there before stays
    crop_faces(paths, tmp_path / "faces", FaceFinder("blazeface"), AlignedChip(), errors.append)
    assert (tmp_path / "faces").exists()
    (tmp_path / "faces").rmdir()
    with pytest.raises(UsageError, match=r"Faces are written as \.jpg or \.png\. Received: \.gif\."):
        crop_faces(paths, tmp_path / "faces", FaceFinder("blazeface"), AlignedChip(), errors.append, ".gif")


def test_names_that_differ_in_case_alone() -> None:
    paths = [Path("a/A.jpg"), Path("a/a.JPG"), Path("b/a.jpg"), Path("b.jpg")]
    assert crop._stems(paths) == ["A.jpg", "a.JPG-2", "a.jpg-3", "b"]
