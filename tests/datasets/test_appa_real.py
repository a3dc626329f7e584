"""APPA-REAL: its sides, both ages, pictures to ignore, and damaged tables."""

import json
from pathlib import Path

import pytest
from checkout import Script
from made import make_appa_real

from facekit.core.errors import DataError
from facekit.datasets.appa_real import list_appa_real
from facekit.datasets.mixture import load_faces
from facekit.datasets.source import DataSource
from facekit.datasets.splits import split_sides
from facekit.heads import AGE, AgeHead


def test_sides_and_both_ages(tmp_path: Path) -> None:
    root = make_appa_real(tmp_path)
    table = root / "gt_avg_test.csv"
    table.write_text(table.read_text(encoding="ascii").replace("61.0,2.5,59", "61.37,2.5,0"), encoding="ascii")
    heads = [AGE, AgeHead("real_age")]
    faces = load_faces(DataSource("appa_real", str(root), unknown="missing"), heads, 32)
    assert split_sides(faces, 0).tolist() == ["train"] * 4 + ["validation"] * 4 + ["test"] * 4
    assert faces.records[8].name == "test/000008.jpg_face.jpg"
    assert faces.records[8].labels == {"age": 61.37, "real_age": None}
    assert faces.dropped == {"label 0.0 (real_age outside 1 to 93)": 1}
    labels = faces.labels(heads)
    assert labels["age"].tolist()[:2] == [5, 12] and labels["age"][8] == 61
    assert labels["real_age"].tolist()[:2] == [3, 10]


@pytest.mark.parametrize("name", ["ignore_list.txt", "ignore_list.csv"])
def test_pictures_to_ignore_are_counted(name: str, tmp_path: Path) -> None:
    root = make_appa_real(tmp_path)
    header = "img_name\n" if name.endswith("csv") else ""
    (root / name).write_text(f"{header}000001.jpg\n000003.jpg\n", encoding="ascii")
    (root / "valid" / "000004.jpg_face.jpg").unlink()
    listing = list_appa_real(tmp_path)
    assert listing.dropped == {f"in {name}": 2, "missing picture": 1}
    assert [record.key for record in listing.records][:3] == ["test/000008.jpg", "test/000009.jpg", "test/000010.jpg"]
    assert len(listing.records) == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            r"gt_avg_train\.csv in .* must have the columns apparent_age_avg, file_name, real_age\. Received: an e",
        ),
        ("file_name,age\n", r"Received: file_name, age\.$"),
        (
            "file_name,apparent_age_avg,real_age\n000000.jpg,5.0,x\n",
            r"ages in years\. Received: 000000\.jpg, 5\.0, x\.",
        ),
        ("file_name,apparent_age_avg,real_age\n000000.jpg,5.0", r"Received: 000000\.jpg, 5\.0, None\."),
        ("file_name,apparent_age_avg,real_age\n000000.jpg,nan,4", r"Received: 000000\.jpg, nan, 4\."),
        ("file_name,apparent_age_avg,real_age\n", r"has no face that its tables name, such as train/000000\.jpg_face"),
    ],
)
def test_damaged_tables_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "gt_avg_train.csv").write_text(text, encoding="ascii")
    with pytest.raises(DataError, match=message):
        list_appa_real(tmp_path)


def test_a_folder_without_tables(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no file gt_avg_train\.csv, gt_avg_valid\.csv or gt_avg_test\.csv\. Name"):
        list_appa_real(tmp_path)


def test_appa_real_has_two_ages_for_one_answer(script: Script, tiny_weights: Path, working_folder: Path) -> None:
    """Labels that a head does not know count for that age alone."""
    root = make_appa_real(working_folder)
    table = root / "gt_avg_valid.csv"
    table.write_text(table.read_text(encoding="ascii").replace("2.5,31", "2.5,0"), encoding="ascii")
    options = [
        "--weights",
        tiny_weights,
        "--dataset",
        "appa_real",
        "--data",
        root,
        "--json",
        "-",
        "--detector",
        "whole_image",
    ]
    for side, n in (("validation", 3), ("test", 4)):
        status, out, _ = script("face_evaluate.py", *options, "--split", side)
        figures = json.loads(out)
        assert (status, figures["n"], figures["split"]) == (0, 4, side)
        assert figures["age"]["mae"] != figures["real_age"]["mae"] is not None
        assert sum(group["n"] for group in figures["groups"]["age"].values()) == 4
        assert sum(group["n"] for group in figures["groups"]["real_age"].values()) == n
        assert figures["dropped"] == {"label 0.0 (real_age outside 1 to 93)": 1}
    figures = json.loads(script("face_evaluate.py", *options, "--heads", "real_age")[1])
    assert "real_age" in figures and "age" not in figures
