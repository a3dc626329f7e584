"""What every registered data set must do: read by name, refuse by name, and be found."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from made import MADE, make_utkface

from facekit.core.errors import DataError
from facekit.datasets import DATASETS, store
from facekit.datasets.mixture import load_faces
from facekit.datasets.source import DataSource, find_data
from facekit.heads import AGE, MISSING, YEARS, ClassHead, Head, NumberHead

EVERY = pytest.mark.parametrize("name", DATASETS)
DECLARING = pytest.mark.parametrize("name", [name for name, dataset in DATASETS.items() if dataset.schema])
GENDER_CODES = ("Male", "Female")
SIZE = 32


def reversed_heads(name: str) -> list[Head]:
    """Heads with the data set's own names, in an order that is not that of its codes."""
    schema = DATASETS[name].schema or {"age": YEARS, "gender": GENDER_CODES}
    heads: list[Head] = []
    for head, declared in schema.items():
        if isinstance(declared, str):
            heads.append(NumberHead(head, 0, 120, declared))
        else:
            heads.append(ClassHead(head, tuple(reversed(declared))))
    return heads


def test_each_data_set_has_a_made_one() -> None:
    assert MADE.keys() == DATASETS.keys()


@EVERY
def test_labels_lie_in_the_schema(name: str, tmp_path: Path) -> None:
    listing = DATASETS[name].list_records(MADE[name](tmp_path))
    assert len(listing.records) == 12
    for record in listing.records:
        for head, declared in DATASETS[name].schema.items():
            label = record.labels[head]
            if isinstance(declared, str):
                assert isinstance(label, int | float) and 0 < label < 120
            else:
                assert label in declared
    assert len({record.key for record in listing.records}) == len({record.name for record in listing.records}) == 12


@EVERY
def test_heads_encode_by_name_whatever_their_order(name: str, tmp_path: Path) -> None:
    heads = reversed_heads(name)
    faces = load_faces(DataSource(name, str(MADE[name](tmp_path))), heads, SIZE)
    assert len(faces.records) == len(faces.chips) == 12
    for head in heads:
        for record, encoded in zip(faces.records, faces.labels(heads)[head.name].tolist(), strict=True):
            assert encoded != MISSING
            given = record.labels[head.name]
            assert str(head.label_name(encoded)) == (f"{given:g}" if isinstance(given, float) else str(given))


@DECLARING
def test_unknown_classes_are_refused_by_name_before_anything_is_decoded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = MADE[name](tmp_path)
    monkeypatch.setattr(store, "decode_picture", lambda *_: pytest.fail("was decoded"))
    for head, declared in DATASETS[name].schema.items():
        if isinstance(declared, str):
            wrong, told = ClassHead(head, ("young", "old")), f"{name} labels {head} in {declared}, and the head answers"
        else:
            wrong, told = ClassHead(head, (*declared[1:], "Other")), f"{name} labels {head} '{declared[0]}', and the"
        for spelling in (head, head.title()):
            given = ClassHead(spelling, wrong.classes)
            with pytest.raises(DataError, match=rf"(?i){told} .*{', '.join(wrong.classes)}\. Give the head the data"):
                load_faces(DataSource(name, str(path)), [AGE, given], SIZE)


@EVERY
def test_found_by_a_pattern_and_beside_a_readme(name: str, tmp_path: Path) -> None:
    path = MADE[name](tmp_path / "data")
    (path.parent / "README.md").touch()
    assert find_data(DataSource(name, str(path.parent / f"*{path.name[1:]}"))) == path
    if len(list(path.parent.iterdir())) == 2:
        assert find_data(DataSource(name, str(path.parent / "*"))) == path
    title = DATASETS[name].title
    with pytest.raises(DataError, match=rf"No data at .*none\. Put {title} there, or name a folder, archive or table"):
        find_data(DataSource(name, str(tmp_path / "none")))


@EVERY
def test_the_usual_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = MADE[name](tmp_path / "train_data")
    if DATASETS[name].usual_path is None:
        with pytest.raises(DataError, match=f"Name the path of {DATASETS[name].title}"):
            find_data(DataSource(name))
    else:
        assert find_data(DataSource(name)).resolve() == path
        shutil.rmtree(path)
        with pytest.raises(DataError, match=f"No data at {Path(str(DATASETS[name].usual_path)).parent}"):
            find_data(DataSource(name))


def test_prepared_files_come_behind_the_data_set_itself(tmp_path: Path) -> None:
    source = DataSource("utkface", str(tmp_path / "UTKFace*"))
    folder = make_utkface(tmp_path).rename(tmp_path / "UTKFace-published")
    for name in ("UTKFace-64.h5", "UTKFace-64.h5.part"):
        (tmp_path / name).touch()
    assert find_data(source) == folder
    shutil.rmtree(folder)
    assert find_data(source).name == "UTKFace-64.h5"
    (tmp_path / "UTKFace-64.h5").unlink()
    with pytest.raises(DataError, match="No data at"):
        find_data(source)


@EVERY
def test_described_for_people(name: str) -> None:
    assert DATASETS[name].title and DATASETS[name].licence


def test_a_head_with_reversed_codes_reads_utkface_right(tmp_path: Path) -> None:
    """In UTKFace 0 is male."""
    make_utkface(tmp_path)
    head = ClassHead("gender", ("Female", "Male"))
    faces = load_faces(DataSource("utkface", str(tmp_path)), [head], SIZE)
    for record, encoded in zip(faces.records, faces.labels([head])["gender"], strict=True):
        assert head.label_name(encoded) == GENDER_CODES[int(record.key.split("_")[1])]


RACES = ClassHead("race", ("Asian", "White", "Black"))


def test_unknown_races_are_refused_or_missing(tmp_path: Path) -> None:
    make_utkface(tmp_path)
    with pytest.raises(
        DataError, match=r"utkface labels race 'Indian', 'Others', and the head knows Asian, White, Black\."
    ):
        load_faces(DataSource("utkface", str(tmp_path)), [AGE, RACES], SIZE)
    faces = load_faces(DataSource("utkface", str(tmp_path), unknown="missing"), [AGE, RACES], SIZE)
    assert len(faces.records) == 12
    assert faces.dropped == {"label 'Indian' (unknown race)": 2, "label 'Others' (unknown race)": 2}
    codes = np.array([int(record.key.split("_")[2]) for record in faces.records])  # White, Black, Asian, Indian, Others
    np.testing.assert_array_equal(faces.labels([RACES])["race"], np.array([1, 2, 0, MISSING, MISSING])[codes])
    assert MISSING not in faces.labels([AGE])["age"]
    alone = load_faces(DataSource("utkface", str(tmp_path), unknown="missing"), [RACES], SIZE)
    assert alone.dropped == {**faces.dropped, "no label": 4}


def test_a_data_set_without_any_label_for_the_heads(tmp_path: Path) -> None:
    make_utkface(tmp_path)
    with pytest.raises(DataError, match=r"must have labels for any of mood\. Received: age, gender, race\."):
        load_faces(DataSource("utkface", str(tmp_path)), [ClassHead("mood", ("Calm", "Happy"))], SIZE)
