"""FER2013: its table and its folders, as published, with their oddities, and damaged."""

import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from made import make_fer2013, make_fer2013_csv, save_noise

from facekit.core.errors import DataError
from facekit.datasets.fer2013 import EXPRESSIONS, list_fer2013
from facekit.datasets.mixture import load_faces
from facekit.datasets.source import DataSource
from facekit.faces.chips import AlignedChip, BoxChip
from facekit.faces.images import decode_picture
from facekit.heads import EXPRESSION


def test_the_table_gives_labels_sides_and_pixels(tmp_path: Path) -> None:
    path = make_fer2013_csv(tmp_path / "fer2013.csv")
    listing = list_fer2013(path)
    assert [record.labels["expression"] for record in listing.records] == [EXPRESSIONS[k % 7] for k in range(12)]
    assert [record.side for record in listing.records[:4]] == ["train", "train", "validation", "test"]
    name, content = next(listing.read_files([listing.records[5].name]))
    assert name == "Training/00005"
    coarse = np.random.default_rng(4005).integers(0, 256, (8, 8), np.uint8)
    np.testing.assert_array_equal(decode_picture(content, name)[::6, ::6, 0], coarse)


@pytest.mark.parametrize("columns", [" emotion , pixels , Usage", "\ufeffEmotion,Pixels,USAGE"])
def test_titles_with_blanks_and_capitals(columns: str, tmp_path: Path) -> None:
    path = make_fer2013_csv(tmp_path / "icml_face_data.csv", columns="emotion,pixels,Usage")
    path.write_text(path.read_text("ascii").replace("emotion,pixels,Usage", columns), encoding="utf-8")
    assert len(list_fer2013(path).records) == 12


def test_the_table_in_an_archive(tmp_path: Path) -> None:
    path = make_fer2013_csv(tmp_path / "fer2013.csv")
    with tarfile.open(tmp_path / "fer2013.tar.gz", "w:gz") as archive:
        archive.add(path, "fer2013/fer2013.csv")
    faces = load_faces(DataSource("fer2013", str(tmp_path / "fer2013.tar.gz")), [EXPRESSION], 48)
    assert len(faces.records) == 12 and faces.split_rule.name == "official"


@pytest.mark.parametrize("other", ["submission.csv", "sample.png", "happy/1.png"])
def test_the_table_is_found_beside_other_files(other: str, tmp_path: Path) -> None:
    make_fer2013_csv(tmp_path / "fer2013.csv")
    (tmp_path / other).parent.mkdir(exist_ok=True)
    (tmp_path / other).touch()
    assert len(list_fer2013(tmp_path).records) == 12


@pytest.mark.parametrize(("other", "n"), [("sample.png", 12), ("happy/1.png", 1)])
def test_a_table_of_another_name_yields_to_folders_of_expressions(other: str, n: int, tmp_path: Path) -> None:
    make_fer2013_csv(tmp_path / "icml_face_data.csv")
    (tmp_path / other).parent.mkdir(exist_ok=True)
    (tmp_path / other).touch()
    assert len(list_fer2013(tmp_path).records) == n


def test_ragged_rows_and_unknown_codes_are_counted(tmp_path: Path) -> None:
    path = make_fer2013_csv(tmp_path / "fer2013.csv")
    pixels = " ".join(["7"] * 48**2)
    with path.open("a") as file:
        file.write(
            f"3,1 2 3,Training\n9,{pixels},Training\n3\n3,{pixels[:-1]}x,Training\n3,{pixels[:-1]}999,Training\n"
        )
    faces = load_faces(DataSource("fer2013", str(path)), [EXPRESSION], 48)
    assert len(faces.records) == 12
    assert faces.dropped == {"ragged row of pixels": 2, "unknown expression": 1, "unreadable picture": 2}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"emotion,pixels\n0,1 2\n", "columns emotion, pixels and Usage. Received: emotion, pixels, without usage"),
        (b"", "columns emotion, pixels and Usage. Received: none"),
        (b"emotion,pixels,Usage\n0,1 2,Training\n", "no usable row: 1 ragged row of pixels"),
        (b"emotion,pixels,Usage\n", "no usable row: no rows"),
        (b"\xff\xfe\x00emotion", "cannot be read as a CSV table"),
    ],
)
def test_a_table_of_another_kind_is_one_clear_line(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told) as caught:
        list_fer2013(path)
    assert "\n" not in str(caught.value)


def test_folders_tell_the_expression_and_names_the_side(tmp_path: Path) -> None:
    root = make_fer2013(tmp_path, sides=("train", "validation", "test"))
    save_noise(root / "train" / "Angry" / "1234.png", 1)  # by its folder, whatever its case
    save_noise(root / "train" / "contempt" / "Training_1.jpg", 2)
    save_noise(root / "happy" / "5.png", 3)
    listing = list_fer2013(root)
    sides = Counter(record.side for record in listing.records)
    assert sides == {"train": 5, "validation": 4, "test": 4, None: 1}
    assert listing.dropped == {"not in a folder of an expression": 1}
    twins = [record.key for record in listing.records if record.key.endswith("1234.png")]
    assert twins == ["angry/1234.png"]


def test_folders_of_other_classes_are_refused(tmp_path: Path) -> None:
    save_noise(tmp_path / "FER" / "joy" / "1.jpg", 1)
    with pytest.raises(DataError, match=r"folders named angry, .*neutral\. Received: 1 pictures in other folders"):
        list_fer2013(tmp_path / "FER")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(DataError, match="Received: 0 pictures"):
        list_fer2013(tmp_path / "empty.zip")


def test_networks_of_aligned_chips_see_a_part_as_large_as_an_aligned_face(tmp_path: Path) -> None:
    pixels = np.arange(48)[:, None] * 5 + np.arange(48)[None] % 3
    (tmp_path / "fer2013.csv").write_text(
        f"emotion,pixels,Usage\n3,{' '.join(map(str, pixels.ravel()))},Training\n", encoding="utf-8"
    )
    source = DataSource("fer2013", str(tmp_path / "fer2013.csv"))
    (framed,) = load_faces(source, [EXPRESSION], 40, AlignedChip()).chips
    np.testing.assert_allclose(framed[..., 0], pixels[7:47, 4:44], atol=3)
    (whole,) = load_faces(source, [EXPRESSION], 48, BoxChip(size=48)).chips
    np.testing.assert_array_equal(whole[..., 0], pixels)
