"""Official splits: lists of a data set are honoured, and sides that they lack are drawn from the training side."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import make_all_age_faces, save_noise

from facekit.core.errors import DataError
from facekit.datasets.all_age_faces import list_all_age_faces
from facekit.datasets.mixture import load_faces
from facekit.datasets.records import Faces, Record
from facekit.datasets.source import DataSource
from facekit.datasets.split_rule import SplitRule
from facekit.datasets.splits import SIDES, choose_side, split_sides
from facekit.heads import AGE, GENDER

HEADS = (AGE, GENDER)


def listed(sides: list[str | None], groups: dict[int, str] | None = None) -> Faces:
    """Records on these sides of an official split, with thumbnails of noise."""
    n = len(sides)
    thumbnails = np.random.default_rng(0).normal(0, 1, (n, 1024)).astype(np.float32)
    records = [Record(f"{k}.jpg", f"{k}.jpg", f"{k:06}", {}, (groups or {}).get(k), sides[k]) for k in range(n)]
    return Faces(records, np.zeros((n, 1, 1, 3), np.uint8), thumbnails, {}, split_rule=SplitRule("official"))


def test_lists_of_all_sides_are_taken_as_they_are() -> None:
    official = [SIDES[k % 3] for k in range(300)]
    assert split_sides(listed([*official]), seed=0).tolist() == official


@pytest.mark.parametrize(
    ("given", "shares"),
    [
        (["train", "validation"], {"train": 0.45, "validation": 0.5, "test": 0.05}),
        (["train", "test"], {"train": 0.475, "test": 0.5, "validation": 0.025}),
        (["train"], {"train": 0.85, "validation": 0.05, "test": 0.1}),
    ],
)
def test_sides_that_the_lists_lack_are_drawn_from_the_training_side(given: list[str], shares: dict[str, float]) -> None:
    official = np.array([given[k % len(given)] for k in range(4000)])
    sides = split_sides(listed(official.tolist()), seed=0)
    assert all(side == was for side, was in zip(sides, official, strict=True) if was != "train")
    counts = Counter(sides.tolist())
    assert {side: count / 4000 for side, count in counts.items()} == pytest.approx(shares, abs=0.01)


def test_what_is_drawn_keeps_near_duplicates_and_groups_together() -> None:
    groups = {k: f"person {k % 40}" for k in range(0, 1200, 4)}
    faces = listed(["train"] * 1200, groups)
    for k in range(7, 1200, 5):
        faces.thumbnails[k] = faces.thumbnails[k // 2]
    sides = split_sides(faces, seed=0)
    alike = np.argwhere(np.triu(np.corrcoef(faces.thumbnails) >= 0.95, 1))
    assert len(alike) > 200
    assert all(sides[a] == sides[b] or "none" in (sides[a], sides[b]) for a, b in alike)
    for group in set(groups.values()):
        assert len({sides[k] for k, name in groups.items() if name == group} - {"none"}) == 1


def test_held_out_copies_of_training_pictures_are_on_no_side() -> None:
    official: list[str | None] = ["train", "validation", "test"] * 20
    faces = listed(official)
    for copy, original in {1: 0, 5: 3, 4: 1 + 6, 8: 2 + 9}.items():  # two of trained ones, two of held-out ones
        faces.thumbnails[copy] = faces.thumbnails[original]
    sides = split_sides(faces, seed=0).tolist()
    assert [k for k, side in enumerate(sides) if side != official[k]] == [1, 5]
    assert sides[1] == sides[5] == "none"


def test_unlisted_records_are_trained_on_unless_they_resemble_those_held_out() -> None:
    official: list[str | None] = [None, *SIDES, *[None] * 40]
    faces = listed(official)
    held_out = {0: 2, 5: 3, 6: 2}  # copies, older ones too, of the validation and the test record
    for copy, original in held_out.items():
        faces.thumbnails[copy] = faces.thumbnails[original]
    sides = split_sides(faces, seed=0).tolist()
    assert sides[1:4] == [*SIDES]
    assert [sides[copy] for copy in held_out] == ["none"] * 3
    assert {side for index, side in enumerate(sides) if official[index] is None and index not in held_out} == {"train"}


def test_unlisted_records_are_drawn_where_the_lists_lack_sides() -> None:
    sides = split_sides(listed([None if k % 2 else "train" for k in range(2000)]), seed=0)
    assert set(sides[1::2]) == set(SIDES)


def test_other_rules_ignore_the_lists() -> None:
    faces, without = listed(["validation"] * 500), listed([None] * 500)
    faces.split_rule = without.split_rule = SplitRule("near_duplicates")
    np.testing.assert_array_equal(split_sides(faces, seed=0), split_sides(without, seed=0))


@pytest.mark.parametrize("suffix", [".jpg", ""])
def test_lists_of_all_age_faces(suffix: str, tmp_path: Path) -> None:
    """Both are seen: the lists as documented have names without a suffix, as published with one."""
    path = make_all_age_faces(tmp_path, 60, suffix=suffix)
    faces = load_faces(DataSource("all_age_faces", str(path), split="official"), HEADS, 32)
    assert len(faces.records) == 60 and faces.dropped == {"not aligned": 60}
    validation = (path / "image sets" / "val.txt").read_text(encoding="ascii")
    names = {line.split()[0].removesuffix(".jpg") + ".jpg" for line in validation.splitlines()}
    assert len(names) == 20
    sides = split_sides(faces, seed=0)
    assert {record.key for record, side in zip(faces.records, sides, strict=True) if side == "validation"} == names
    assert Counter(sides.tolist()).keys() == set(SIDES)
    trained = choose_side(faces, "train", seed=0)
    assert not names & {record.key for record in trained.records}


def test_genders_of_all_age_faces_without_lists(tmp_path: Path) -> None:
    """Faces up to number 07380 are female."""
    by_list = list_all_age_faces(make_all_age_faces(tmp_path / "a", 40)).records
    by_number = list_all_age_faces(make_all_age_faces(tmp_path / "b", 40, listed=())).records
    assert [(r.key, r.labels) for r in by_number] == [(r.key, r.labels) for r in by_list]
    assert {record.side for record in by_number} == {None}
    assert Counter(record.labels["gender"] for record in by_number) == {"Male": 20, "Female": 20}
    faces = load_faces(DataSource("all_age_faces", str(tmp_path / "b"), split="official"), HEADS, 32)
    assert set(split_sides(faces, seed=0)) <= {*SIDES, "none"}


def test_lists_of_all_age_faces_tell_the_gender(tmp_path: Path) -> None:
    path = make_all_age_faces(tmp_path, 12)
    text = (path / "image sets" / "train.txt").read_text(encoding="ascii").splitlines()
    name, gender = text[0].split()
    text[0] = f"{name} {1 - int(gender)}"
    (path / "image sets" / "train.txt").write_text("\n\n".join(text), encoding="ascii")
    labels = {record.key: record.labels["gender"] for record in list_all_age_faces(path).records}
    assert labels[name] == ("Female", "Male")[1 - int(gender)]


def test_what_is_no_all_age_faces(tmp_path: Path) -> None:
    save_noise(tmp_path / "me.jpg", 0)
    with pytest.raises(DataError, match=r"has no file named like 00000A02\.jpg\. Name the folder or archive of All-"):
        list_all_age_faces(tmp_path)
    path = make_all_age_faces(tmp_path / "a")
    (path / "image sets" / "val.txt").write_text("00001A03.jpg f\n", encoding="ascii")
    with pytest.raises(DataError, match=r"image sets/val\.txt in .* must have lines of name and gender, 0 or 1\. Rece"):
        list_all_age_faces(path)


def test_split_column_of_a_table(tmp_path: Path) -> None:
    sides = ["train", "validation", "test", ""]
    rows = [f"{number}.png,30,{sides[number % 4].title()}" for number in range(40)]
    for number in range(40):
        save_noise(tmp_path / f"{number}.png", number)
    table = tmp_path / "faces.csv"
    table.write_text("\n".join(["path,age,split", *rows]), encoding="utf-8")
    faces = load_faces(DataSource("table", str(table)), HEADS, 32)
    got = split_sides(faces, seed=0).tolist()
    assert all(got[k] == sides[k % 4] for k in range(40) if k % 4 < 3)
    assert set(got[3::4]) <= {"train", "none"}
    table.write_text("path,age,split\n0.png,30,valid\n", encoding="utf-8")
    drawn = load_faces(DataSource("table", str(table), split="near_duplicates"), HEADS, 32)
    assert split_sides(drawn, seed=0)[0] in SIDES  # ignored there
    with pytest.raises(DataError, match=r"Official sides must be train, validation, test\. Received: valid\. Rename"):
        split_sides(load_faces(DataSource("table", str(table)), HEADS, 32), seed=0)


def test_table_without_the_column_is_drawn() -> None:
    listless = listed([None] * 500)
    drawn = split_sides(replace(listless, split_rule=SplitRule("near_duplicates")), seed=0)
    np.testing.assert_array_equal(split_sides(listless, seed=0), drawn)
