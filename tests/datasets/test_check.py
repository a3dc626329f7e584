"""Checks of data sets: made ones with each kind of fault, and the sheet that shows them."""

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from made import MADE, make_table, make_utkface
from PIL import Image

from facekit.core.errors import DataError, FaceKitError
from facekit.datasets import DATASETS, contact_sheet
from facekit.datasets.check import check_dataset
from facekit.datasets.contact_sheet import check_sheet_path, save_contact_sheet
from facekit.datasets.label_heads import read_labels
from facekit.datasets.prepare import prepare_dataset
from facekit.datasets.records import Record
from facekit.datasets.source import DataSource
from facekit.faces.chips import AlignedChip


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """UTKFace with a blank picture, a broken one, two copies of others, one of them of another age, and odd names."""
    folder = make_utkface(tmp_path)
    first, second, *_ = sorted(folder.iterdir())
    shutil.copy(first, folder / f"77_{first.name.split('_', 1)[1].replace('_2017', '_2018')}")
    shutil.copy(second, folder / second.name.replace("_2017", "_2018"))
    Image.new("RGB", (200, 100), "black").save(folder / "30_1_2_20190116174525125.jpg")
    (folder / "31_1_2_20190116174525126.jpg").write_bytes(b"no picture")
    Image.effect_noise((48, 48), 90).convert("RGB").save(folder / "99_1_7_20190116174525127.jpg")
    (folder / "notes.txt").touch()
    return folder


def test_each_fault_is_told(faulty: Path) -> None:
    check = check_dataset(DataSource("utkface", str(faulty)))
    lines = str(check).splitlines()
    said = {line[:17].rstrip(): line[18:] for line in lines}
    assert said["UTKFace"] == str(faulty)
    assert said["pictures"] == "16 of 17 can be read" and said["left out"] == "1 malformed name"
    assert said["unreadable"] == "1: 31_1_2_20190116174525126.jpg"
    assert said["blank"] == "1: 30_1_2_20190116174525125.jpg"
    assert said["sizes"] == "48x48 to 200x100 pixels, 15 of 48x48 pixels"
    assert said["identical"] == said["near duplicates"] == "4 pictures in 2 groups"
    ages = [line for line in lines if line.startswith("  age differs")]
    assert len(ages) == 2 and " in 1 group, e.g. " in ages[0]
    assert "  gender differs" not in said
    assert said["age"].startswith("5 to 82; 1-5: 1, 6-12: 1, 13-17: 0, 18-25: 2")
    assert "  unusable        1 age outside 1 to 93, e.g. 99_1_7_20190116174525127.jpg (99)" in lines
    assert "  unusable        1 unknown race, e.g. 99_1_7_20190116174525127.jpg (7)" in lines
    assert said["race"] == "White 3, Black 4, Asian 4, Indian 2, Others 2"


def test_sheet_shows_the_doubtful_ones_first(faulty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = []
    save = contact_sheet.save_chip_grid

    def keep(path: Path, chips: np.ndarray, captions: list[str]) -> None:
        saved.extend(captions)
        save(path, chips, captions)

    monkeypatch.setattr(contact_sheet, "save_chip_grid", keep)
    check = check_dataset(DataSource("utkface", str(faulty)))
    assert save_contact_sheet(check, tmp_path / "sheet.png") == 16 == len(saved)
    assert saved[0] == "30 years, Female, Asian\nblank\n30_1_2_20190116174525125\n.jpg"
    assert saved[1] == "99 years, Female, 7\nage outside 1 to 93\n99_1_7_20190116174525127\n.jpg"
    assert [caption.split("\n")[1] for caption in saved[2:4]] == ["copy, other age"] * 2
    assert all("\nexample of " in caption for caption in saved[4:])
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 8 * 150
    monkeypatch.undo()
    with pytest.raises(FaceKitError, match=r"^Cannot write "):
        save_contact_sheet(check, faulty / "notes.txt" / "sheet.png")
    (tmp_path / "folder.png").mkdir()
    for path in (faulty / "notes.txt" / "sheet.png", tmp_path / "folder.png"):
        with pytest.raises(FaceKitError, match=r"^Cannot write "):
            check_sheet_path(path)
    check_sheet_path(tmp_path / "new" / "sheet.png")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", DATASETS)
def test_made_data_sets_and_their_prepared_files_are_the_same(name: str, tmp_path: Path) -> None:
    source = DataSource(name, str(MADE[name](tmp_path)))
    found = check_dataset(source)
    prepared = prepare_dataset(source, tmp_path / "faces.h5", AlignedChip(size=32)).path
    again = check_dataset(DataSource(name, str(prepared)))
    assert again.records == found.records and len(found.records) == 12
    assert not (found.blank or found.identical or found.near or found.unreadable)
    lines, others = str(found).splitlines(), str(again).splitlines()
    assert [line for line in lines if line not in others] == [lines[0], lines[4]]  # path and sizes
    save_contact_sheet(again, tmp_path / "sheet.png")


def test_a_name_that_an_archive_holds_twice_is_one_picture(tmp_path: Path) -> None:
    folder = make_utkface(tmp_path, 2)
    with tarfile.open(tmp_path / "UTKFace.tar", "w") as archive:
        for path in sorted(folder.iterdir()) * 2:
            archive.add(path, path.name)
    check = check_dataset(DataSource("utkface", str(tmp_path / "UTKFace.tar")))
    assert len(check.records) == 2 and not check.identical and check.listing.dropped == {"name twice": 2}


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    folder = make_utkface(tmp_path)
    for path in folder.iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"^None of the 12 pictures in .*UTKFace can be read\.$"):
        check_dataset(DataSource("utkface", str(folder)))


def test_groups_and_missing_labels_of_a_table(tmp_path: Path) -> None:
    path = make_table(tmp_path, columns="path,age,mood,group")
    path.write_text(path.read_text(encoding="utf-8").replace(",Female,", ",,"), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facekit.datasets.table.CODES", {})
        text = str(check_dataset(DataSource("table", str(path))))
    assert "groups            5, e.g. persons, that splits keep together" in text
    assert "mood" not in text  # one value makes no classes


def test_heads_of_labels_that_tables_state() -> None:
    rows = [{"age": "30", "mood": "calm", "smile": "0.5"}, {"age": "x", "mood": "Happy", "smile": None}, {"smile": "2"}]
    records = [Record(str(n), str(n), str(n), labels) for n, labels in enumerate(rows)]  # type: ignore[arg-type]
    age, mood, smile = read_labels({}, records)
    assert age.unusable == {1: "age is not a number"} and [age.text(n) for n in (0, 2)] == ["30 years", "age unknown"]
    assert {name: rows.tolist() for name, rows in mood.groups().items()} == {"Happy": [1], "calm": [0]}
    assert smile.head.name == "smile" and smile.encoded.tolist() == [0.5, -1, 2]
