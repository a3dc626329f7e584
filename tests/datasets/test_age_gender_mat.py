"""Databases of age-gender-estimation: BGR chips, genders by the codes of each, and what is no such file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from facekit.core.errors import DataError
from facekit.datasets.age_gender_mat import list_age_gender_mat
from facekit.datasets.listing import list_dataset
from facekit.datasets.mixture import load_faces
from facekit.datasets.prepare import prepare_dataset
from facekit.datasets.source import DataSource
from facekit.faces.chips import AlignedChip
from facekit.heads import AGE, GENDER

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), np.uint8)  # BGR
AGES, GENDERS = np.arange(20, 26), np.array([0, 1, 0, 1, 0, 1])


def make(path: Path, **changes: Any) -> Path:
    content = {"image": IMAGES, "gender": GENDERS, "age": AGES, "db": "utk", "img_size": 16, "min_score": 1.0}
    savemat(path, {**content, **changes})
    return path


@pytest.mark.parametrize("db", ["imdb", "wiki", "utk"])
def test_genders_by_the_codes_of_each(db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "utkface" if db == "utk" else db
    listing = list_age_gender_mat(name, make(tmp_path / "old.mat", db=db, gender=GENDERS.astype(float)))
    assert [record.labels["age"] for record in listing.records] == AGES.tolist()
    zero, one = ("Male", "Female") if db == "utk" else ("Female", "Male")
    assert [record.labels["gender"] for record in listing.records] == [zero, one] * 3
    noted = "note: old.mat names no persons and no files. Its split is drawn by near duplicates only.\n"
    assert capsys.readouterr().err == noted


def test_chips_are_rgb_and_can_be_prepared(tmp_path: Path) -> None:
    path = make(tmp_path / "old.mat")
    faces = load_faces(DataSource("utkface", str(path)), (AGE, GENDER), 16)
    np.testing.assert_array_equal(faces.chips, IMAGES[..., ::-1])
    prepare_dataset(DataSource("utkface", str(path)), tmp_path / "new.h5", AlignedChip(size=16))
    again = load_faces(DataSource("utkface", str(tmp_path / "new.h5")), (AGE, GENDER), 16)
    np.testing.assert_array_equal(again.chips, faces.chips)
    assert again.records == faces.records


def test_an_infinite_age_is_unusable_as_in_the_prepared_file(tmp_path: Path) -> None:
    source = DataSource("utkface", str(make(tmp_path / "old.mat", age=np.where(AGES == 20, np.inf, AGES))))
    prepared = prepare_dataset(source, tmp_path / "new.h5", AlignedChip(size=16)).path
    for path in (source.path, str(prepared)):
        faces = load_faces(DataSource("utkface", path), (AGE,), 16)
        assert len(faces.records) == 5 and faces.dropped == {"age outside 1 to 93": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"db": "wiki"}, r"old\.mat is of the data set wiki\. Received: utkface\."),
        ({"db": "fgnet"}, r"old\.mat must be of imdb, wiki or utk\. Received: db 'fgnet'\."),
        ({"img_size": []}, r"old\.mat must have one img_size of 1 pixel or more\. Received: \[\]\."),
        ({"img_size": "16"}, r"old\.mat must have numbers as img_size\. Received: <U2\."),
        ({"gender": ["Male"] * 6}, r"old\.mat must have numbers as gender\. Received: <U4\."),
        ({"age": AGES[:3]}, r"as many ages as genders\. Received: 3 and 6\."),
        ({"image": IMAGES[:3]}, r"must have image \(6, S, S, 3\) uint8\. Received: uint8 \(3, 16, 16, 3\)\."),
    ],
)
def test_other_databases_are_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        load_faces(DataSource("utkface", str(make(tmp_path / "old.mat", **changes))), (AGE,), 16)


def test_damaged_and_foreign_files_are_one_line(tmp_path: Path) -> None:
    path = make(tmp_path / "old.mat")
    content = path.read_bytes()
    messages = {"is damaged or no MATLAB file", "is no whole database of age-gender-estimation: it has no"}
    for end in (0, 50, 127, 300, 2000):
        path.write_bytes(content[:end])
        with pytest.raises(DataError) as error:
            list(list_dataset("utkface", path).read_files({"0000000"}))
        assert "\n" not in str(error.value) and any(message in str(error.value) for message in messages)
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(DataError, match=r"of MATLAB 7\.3 \(HDF5\), not of 5"):
        list_dataset("utkface", path)
    savemat(path, {"imdb": np.zeros(3)})
    with pytest.raises(
        DataError, match=r"it has no age, gender, db, img_size\. Make it again, or name the folder or archive"
    ):
        list_dataset("utkface", path)
