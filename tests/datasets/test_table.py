"""Tables of one's own pictures: what is read, what is dropped and why."""

import errno
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from checkout import ROOT
from numpy.typing import NDArray
from PIL import Image

from facekit.core.errors import DataError
from facekit.datasets.mixture import load_faces
from facekit.datasets.records import SHOWN_VALUES, Faces
from facekit.datasets.source import DataSource
from facekit.heads import AGE, GENDER, MISSING, RACE, ClassHead, Head

HEADS: tuple[Head, ...] = (AGE, GENDER, RACE)
SIZE = 48


@pytest.fixture
def folder(tiny_utkface: Path, tmp_path: Path) -> Path:
    for number, path in enumerate(sorted(tiny_utkface.iterdir())[:9]):
        shutil.copy(path, tmp_path / f"{number}.jpg")
    return tmp_path


def table(folder: Path, text: str, heads: Sequence[Head] = HEADS, encoding: str = "utf-8") -> Faces:
    (folder / "faces.csv").write_text(text, encoding=encoding)
    return load_faces(DataSource("table", str(folder / "faces.csv")), heads, SIZE)


def test_table_with_names_numbers_and_holes(folder: Path) -> None:
    faces = table(
        folder, "path,age,gender,race\n0.jpg,30,Male,White\n1.jpg,,female,\n2.jpg,7.0,1,4\n\n3.jpg, 93 ,,indian\n"
    )
    assert [(record.key, record.labels) for record in faces.records] == [
        ("0.jpg", {"age": "30", "gender": "Male", "race": "White"}),
        ("1.jpg", {"age": None, "gender": "female", "race": None}),
        ("2.jpg", {"age": "7.0", "gender": "Female", "race": "Others"}),
        ("3.jpg", {"age": "93", "gender": None, "race": "indian"}),
    ]
    assert {name: labels.tolist() for name, labels in faces.labels(HEADS).items()} == {
        "age": [30, MISSING, 7, 93],
        "gender": [0, 1, 1, MISSING],
        "race": [0, MISSING, 4, 3],
    }
    assert faces.dropped == {}
    with Image.open(folder / "2.jpg") as image:
        expected = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(faces.chips[2], expected)


def test_codes_stand_for_utkfaces_classes_alone(folder: Path) -> None:
    """As whole numbers or, as in columns with gaps, with a decimal; other heads' classes are named."""
    mood = ClassHead("mood", ("Calm", "Happy"))
    text = "path,gender,race,mood\n0.jpg,1.0,4.0,calm\n1.jpg,0,,Happy\n2.jpg,1.5,,\n3.jpg,,,1\n"
    faces = table(folder, text, (GENDER, RACE, mood))
    assert [record.labels["gender"] for record in faces.records] == ["Female", "Male"]
    assert faces.labels((mood,))["mood"].tolist() == [0, 1]
    assert faces.dropped == {"label '1.5' (unknown gender)": 1, "label '1' (unknown mood)": 1, "no label": 2}


def test_table_from_a_spreadsheet(folder: Path) -> None:
    """A byte order mark, capital headers in another order, blanks, further columns, Windows line ends."""
    text = 'Comment, Gender ,PATH\r\n"nice, really",Male,0.jpg\r\n,Female, 1.jpg \r\n'
    faces = table(folder, text, encoding="utf-8-sig")
    assert [record.key for record in faces.records] == ["0.jpg", "1.jpg"]
    assert faces.labels(HEADS)["gender"].tolist() == [0, 1]
    assert set(faces.labels(HEADS)["age"]) == {MISSING}


def test_columns_without_a_name_are_no_labels(folder: Path) -> None:
    faces = table(folder, "path,age, ,\n0.jpg,30,x,y\n")
    assert faces.records[0].labels == {"age": "30"}


@pytest.mark.parametrize("separator", [";", "\t"])
def test_table_with_other_separators(folder: Path, separator: str) -> None:
    """Excel writes semicolons where the comma is the decimal point; its text files have tabs."""
    text = 'path,age,gender,note\r\n0.jpg,30_0,Male,"a, b"\r\n"1.jpg",,Female,\r\n'.replace(",", separator)
    text = text.replace("_", "," if separator == ";" else ".")
    faces = table(folder, text, encoding="utf-8-sig")
    assert [record.key for record in faces.records] == ["0.jpg", "1.jpg"]
    assert faces.labels(HEADS)["age"].tolist() == [30, MISSING]
    assert faces.labels(HEADS)["gender"].tolist() == [0, 1]


def test_table_rows_that_are_dropped(folder: Path) -> None:
    (folder / "8.jpg").write_bytes(b"no picture")
    rows = ["0.jpg,30,Male", "6.jpg,,", "99.jpg,30,Male", ",30,Male", "8.jpg,30,Male", "7.jpg", "7.jpg,nan,"]
    rows += [f"{'long' * 100}.jpg,30,Male"]
    faces = table(folder, "path,age,gender\n" + "\n".join(rows))
    assert [record.key for record in faces.records] == ["0.jpg"]
    assert faces.dropped == {
        "no label": 3,
        "label 'nan' (age outside 1 to 93)": 1,
        "missing picture": 3,
        "unreadable picture": 1,
    }


def test_a_bad_label_does_not_drop_the_others(folder: Path) -> None:
    rows = ["0.jpg,30,Male", "1.jpg,94,Male", "2.jpg,abc,Female", "3.jpg,abc,1", "4.jpg,31,Mann", "5.jpg,1e999,0"]
    text = "path,age,gender\n" + "\n".join(rows)
    faces = table(folder, text)
    assert {name: labels.tolist() for name, labels in faces.labels((AGE, GENDER)).items()} == {
        "age": [30, MISSING, MISSING, MISSING, 31, MISSING],
        "gender": [0, 0, 1, 1, MISSING, 0],
    }
    assert faces.dropped == {
        "label 'abc' (age is not a number)": 2,
        "label '94' (age outside 1 to 93)": 1,
        "label '1e999' (age outside 1 to 93)": 1,
        "label 'Mann' (unknown gender)": 1,
    }
    whole = load_faces(DataSource("table", str(folder / "faces.csv"), unknown="drop"), HEADS, SIZE)
    assert [record.key for record in whole.records] == ["0.jpg"]
    assert whole.dropped == {"age outside 1 to 93": 2, "age is not a number": 2, "unknown gender": 1}


def test_only_the_most_frequent_bad_labels_are_shown(folder: Path) -> None:
    rows = [f"0.jpg,{age},Male" for age in (*range(100, 130), 107, 107)]
    dropped = table(folder, "path,age,gender\n" + "\n".join(rows)).dropped
    assert len(dropped) == SHOWN_VALUES + 1 and dropped["label '107' (age outside 1 to 93)"] == 3
    assert dropped["other unknown labels"] == 30 - SHOWN_VALUES


def test_table_with_a_picture_that_is_closed_to_us(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: closed(path) if path.name == "1.jpg" else read(path))
    assert table(folder, "path,age\n0.jpg,30\n1.jpg,40\n").dropped == {"unreadable picture": 1}


def test_table_with_paths_elsewhere(folder: Path, tiny_utkface: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "0.jpg").rename(folder / "sub" / "me.jpg")
    absolute = sorted(tiny_utkface.iterdir())[0]
    faces = table(folder, f"path,age\nsub/me.jpg,30\n{absolute},40\n")
    assert faces.labels(HEADS)["age"].tolist() == [30, 40]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"must have a header with path and labels such as age\. Received: an empty file\."),
        ("path,alter\n0.jpg,30\n", r"must have labels for any of age, gender, race\. Received: alter\."),
        ("path\n0.jpg\n", r"must have a header with path and labels such as age\. Received: path\."),
        ("age,gender\n30,Male\n", r"must have a header with path"),
        ("path|age\n0.jpg|30\n", r"must have a header with path and labels such as age\. Received: path\|age\."),
        ("path,age\n", r"has no usable record: no rows\."),
        (
            "path,age\n0.jpg,100\n9.jpg,3\n",
            r"record: 1 no label, 1 missing picture, 1 label '100' \(age outside 1 to 93\)\.",
        ),
    ],
)
def test_tables_that_cannot_be_used(text: str, message: str, folder: Path) -> None:
    with pytest.raises(DataError, match=message):
        table(folder, text)


def test_tables_that_cannot_be_read(folder: Path) -> None:
    with pytest.raises(DataError, match=r"faces\.csv cannot be read as a UTF-8 CSV table"):
        table(folder, "path,age\nJosé.jpg,30\n", encoding="latin-1")
    with pytest.raises(DataError, match=r"No data at .*none"):
        load_faces(DataSource("table", str(folder / "none.csv")), HEADS, SIZE)
    with pytest.raises(DataError, match="cannot be read as a UTF-8 CSV table"):
        load_faces(DataSource("table", str(folder)), HEADS, SIZE)


def test_faces_are_cut_out_of_photographs(chips: NDArray[np.uint8], tmp_path: Path) -> None:
    for name in ("astronaut.jpg", "speech.jpg"):
        shutil.copy(ROOT / "demo_images" / name, tmp_path)
    Image.new("RGB", (300, 300)).save(tmp_path / "nobody.jpg")
    rows = ["astronaut.jpg,30", "nobody.jpg,30", "speech.jpg,50"] * 3  # read in threads: nobody gets another's face
    (tmp_path / "faces.csv").write_text("\n".join(["path,age", *rows]), encoding="utf-8")
    faces = load_faces(DataSource("table", str(tmp_path / "faces.csv"), detector="blazeface"), HEADS, 200)
    assert faces.dropped == {"no face found": 3}
    np.testing.assert_array_equal(faces.chips, chips[[0, -1] * 3])


def test_group_column_of_a_table(folder: Path) -> None:
    rows = [f"{k % 9}.jpg,30,{'anna' if k % 2 else ''}" for k in range(9)]
    faces = table(folder, "path,age,group\n" + "\n".join(rows))
    assert [record.group for record in faces.records] == [None, "anna"] * 4 + [None]
