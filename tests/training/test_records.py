"""The records that a run began with: a resumed run tells which differ."""

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tiny import TINY, changed

from facekit.core.errors import TrainingError
from facekit.datasets.mixture import Mixture
from facekit.datasets.records import Faces, Record
from facekit.datasets.source import DataSource
from facekit.heads import AGE, GENDER
from facekit.training.data import TrainingData
from facekit.training.records import check_records

RECIPE = changed(TINY, heads=(AGE, GENDER), data=(DataSource("table", "faces.csv"),))
RECORDS = [Record(f"{n}.jpg", f"{n}.jpg", "", {"age": 20 + n, "gender": "Male" if n else None}) for n in range(6)]


def data_of(records: Sequence[Record], test: int = 5) -> TrainingData:
    """Data of which one record is on the test side, and the one before it on the validation side."""
    faces = Faces(list(records), np.empty(0, np.uint8), np.empty(0, np.float32), {})
    index = np.arange(len(records))
    sides = {"train": index[index < test - 1], "validation": index[index == test - 1], "test": index[index >= test]}
    return TrainingData(Mixture(RECIPE.data, [faces], faces.chips), {}, sides, np.zeros(len(records), np.intp), [], [])


def relabelled(number: int, **labels: Any) -> list[Record]:
    changed = replace(RECORDS[number], labels={**RECORDS[number].labels, **labels})
    return [*RECORDS[:number], changed, *RECORDS[number + 1 :]]


def check(folder: Path, data: TrainingData) -> None:
    check_records(folder / "records.csv.gz", folder / "checkpoint.h5", data, RECIPE)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """The folder of a run that began with RECORDS."""
    check(tmp_path, data_of(RECORDS))
    return tmp_path


@pytest.mark.parametrize(
    ("data", "difference"),
    [
        (data_of(RECORDS[2:]), "2 pictures removed, first table/0.jpg"),
        (data_of([*RECORDS, replace(RECORDS[0], key="new.jpg")]), "1 picture added, first table/new.jpg"),
        (
            data_of([replace(RECORDS[0], key="é.jpg"), *RECORDS[1:]]),
            "1 picture added, first table/é.jpg; 1 picture removed, first table/0.jpg",
        ),
        (data_of(RECORDS[::-1]), "its pictures are in another order"),
        (data_of(relabelled(1, age=99)), "1 picture with another age, first table/1.jpg, which was 21 and is 99"),
        (
            data_of(relabelled(0, age=None, gender="Male")),
            "1 picture with another age, first table/0.jpg, which was 20 and is none; "
            "1 picture with another gender, first table/0.jpg, which was none and is Male",
        ),
        (data_of(RECORDS, 4), "2 pictures with another side, first table/3.jpg, which was train and is validation"),
    ],
)
def test_what_differs_is_told(data: TrainingData, difference: str, begun: Path) -> None:
    check(begun, data_of(RECORDS))
    with pytest.raises(TrainingError) as error:
        check(begun, data)
    assert str(error.value) == (
        f"faces.csv is not the data this run began with: {difference}. Start a new run instead."
    )


def test_record_on_no_side_is_no_difference(tmp_path: Path) -> None:
    data = data_of(RECORDS)
    data.sides["validation"] = data.sides["validation"][:0]
    check(tmp_path, data)
    check(tmp_path, data)


def test_table_is_small_and_readable(begun: Path) -> None:
    with gzip.open(begun / "records.csv.gz", "rt", encoding="utf-8") as file:
        assert file.read().splitlines()[:2] == ["name,age,gender,side", "table/0.jpg,20,,train"]
    assert (begun / "records.csv.gz").stat().st_size < 200


def test_damaged_table(begun: Path) -> None:
    (begun / "records.csv.gz").write_bytes((begun / "records.csv.gz").read_bytes()[:40])
    with pytest.raises(TrainingError, match=r"records\.csv\.gz is damaged: .+\. Start a new run\."):
        check(begun, data_of(RECORDS))


def test_checkpoint_of_an_older_version_tells_the_names(tmp_path: Path) -> None:
    names = "\n".join(record.key for record in RECORDS)
    with h5py.File(tmp_path / "checkpoint.h5", "w") as file:
        file.attrs["fingerprint"] = hashlib.sha256(names.encode()).hexdigest()
    with pytest.raises(TrainingError, match=r"^faces\.csv is not the data this run began with: other pictures\. Start"):
        check(tmp_path, data_of(RECORDS[1:]))
    assert not (tmp_path / "records.csv.gz").exists()
    check(tmp_path, data_of(RECORDS))
    assert (tmp_path / "records.csv.gz").exists()
