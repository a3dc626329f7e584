"""IMDB-WIKI: ages, what is dropped, and tables that are damaged or something else."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from made import celebrities, make_celebrities, matlab_day
from scipy.io import savemat

from facekit.core.errors import DataError
from facekit.datasets.imdb_wiki import list_imdb_wiki


def test_ages_persons_and_genders(tmp_path: Path) -> None:
    columns = celebrities(4)
    columns["dob"][0] = [
        matlab_day(1950, 6, 30),
        matlab_day(1950, 7, 1),
        matlab_day(2000, 1, 1),
        matlab_day(1900, 1, 1),
    ]
    columns["photo_taken"][0] = 2000
    columns["name"][0, 3] = np.array([], "<U1")  # as where it is unknown
    listing = list_imdb_wiki("imdb", make_celebrities(tmp_path, "imdb", columns))
    assert [record.labels["age"] for record in listing.records] == [50, 49, 0, 100]
    assert [record.labels["gender"] for record in listing.records] == ["Female", "Male"] * 2
    assert [record.group for record in listing.records] == ["Person 0", "Person 0", "Person 1", None]
    assert [record.key for record in listing.records] == [str(cell[0]) for cell in columns["full_path"][0]]
    assert not listing.dropped


def test_what_is_dropped_is_counted_once(tmp_path: Path) -> None:
    columns = celebrities(12)
    columns["face_score"][0, :3] = -np.inf, 0.99, np.nan
    columns["second_face_score"][0, 2:5] = 1.2, 3.0, 0.0  # 0 is no face
    columns["gender"][0, 5] = np.nan
    columns["dob"][0, 6:9] = matlab_day(1850, 1, 1), matlab_day(2010, 1, 1), 0  # the last one of 1 January of year 1
    root = make_celebrities(tmp_path, "wiki", columns)
    (root / str(columns["full_path"][0, 9][0])).unlink()
    listing = list_imdb_wiki("wiki", root)
    assert listing.dropped == {
        "no face, or a doubtful one": 3,
        "second face": 1,
        "unknown gender": 1,
        "age outside 0 to 100": 3,
        "missing picture": 1,
    }
    assert [record.group for record in listing.records] == ["Person 2", "Person 5", "Person 5"]


def test_a_year_that_is_no_number_gives_no_age(tmp_path: Path) -> None:
    columns = celebrities(3)
    columns["photo_taken"] = np.array([[2000, np.nan, np.inf]])
    listing = list_imdb_wiki("imdb", make_celebrities(tmp_path, "imdb", columns))
    assert len(listing.records) == 1 and listing.dropped == {"age outside 0 to 100": 2}


def test_read_from_an_archive(tmp_path: Path) -> None:
    root = make_celebrities(tmp_path, "imdb")
    archive = Path(shutil.make_archive(str(tmp_path / "imdb"), "tar", tmp_path, root.name))
    listing = list_imdb_wiki("imdb", archive)
    assert [record.name for record in listing.records][:2] == [f"imdb_crop/0{k}/nm000000{k}_rm{k}.jpg" for k in (0, 1)]
    ((_, content),) = listing.read_files([listing.records[0].name])
    assert content == (tmp_path / listing.records[0].name).read_bytes()


def table(columns: dict[str, np.ndarray] | str, name: str = "imdb") -> bytes:
    written = io.BytesIO()
    savemat(written, {name: columns})
    return written.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (table(celebrities())[:2500], r"imdb\.mat in .* is damaged or no MATLAB file: .+\. Fetch or make it again\.$"),
        (table(celebrities())[:300], "is damaged or no MATLAB file: "),
        (b"", "is damaged or no MATLAB file: "),
        (b"hello" * 100, "is damaged or no MATLAB file: "),
        (b"MATLAB 7.3 MAT-file, Platform: GLNXA64", r"is of MATLAB 7\.3 \(HDF5\), not of 5\."),
        (
            table(celebrities(), "wiki"),
            r"must hold a struct imdb with dob, photo_taken, gender, .*Received another one",
        ),
        (table("text"), "must hold a struct imdb"),
        (table({"dob": np.ones((1, 3))}), "must hold a struct imdb"),
        (table({**celebrities(), "gender": np.ones((1, 3))}), "has columns of different lengths"),
        (table(celebrities(0)), "has no usable picture: an empty table"),
        (table({**celebrities(), "face_score": np.zeros((1, 12))}), "no usable picture: 12 no face, or a doubtful one"),
    ],
)
def test_other_tables_are_refused_in_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "imdb.mat").write_bytes(content)
    with pytest.raises(DataError, match=message) as refused:
        list_imdb_wiki("imdb", tmp_path)
    assert "\n" not in str(refused.value)


def test_a_folder_without_a_table(tmp_path: Path) -> None:
    (tmp_path / "00").mkdir()
    with pytest.raises(
        DataError, match=r"has no file wiki\.mat\. Name the folder or archive that holds it and the pic"
    ):
        list_imdb_wiki("wiki", tmp_path)
