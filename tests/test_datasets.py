"""Data sets: the same faces from every kind of archive, what is dropped and why, and the split."""

import gzip
import io
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from numpy.typing import NDArray
from PIL import Image

from facekit.datasets import load_faces
from facekit.datasets.records import Faces, Record
from facekit.datasets.splits import SIDES, choose_side, split_sides
from facekit.errors import DataError, UnknownNameError
from facekit.heads import AGE, GENDER, MISSING, RACE, AgeHead, ClassHead, Head

HEADS: tuple[Head, ...] = (AGE, GENDER, RACE)
SIZE = 48


def load(data: Path | str, heads: Sequence[Head] = HEADS, dataset: str = "utkface", **options: str) -> Faces:
    return load_faces(dataset, str(data), heads, SIZE, **options)


@pytest.fixture(scope="module")
def faces(tiny_utkface: Path) -> Faces:
    return load(tiny_utkface)


def copy_some(source: Path, target: Path, n: int = 6) -> list[Path]:
    target.mkdir(exist_ok=True)
    return [Path(shutil.copy(path, target / path.name)) for path in sorted(source.iterdir())[:n]]


# UTKFace


def test_folder_gives_labelled_chips_oldest_first(faces: Faces, tiny_utkface: Path) -> None:
    assert [record.key for record in faces.records] == sorted(
        (path.name for path in tiny_utkface.iterdir()), key=lambda name: name.split("_")[3]
    )
    for record, chip in zip(faces.records, faces.chips, strict=True):
        age, gender, race, _ = record.key.split("_")
        assert record.labels == {"age": int(age), "gender": int(gender), "race": int(race)}
        with Image.open(tiny_utkface / record.name) as image:
            expected = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(chip, np.asarray(expected))
    assert (faces.chips.dtype, faces.chips.shape, faces.dropped) == (np.uint8, (60, SIZE, SIZE, 3), {})


def test_labels_are_arrays_by_head(faces: Faces) -> None:
    labels = faces.labels((GENDER, ClassHead("mood", ("Calm", "Happy"))))
    assert labels["gender"].tolist() == [record.labels["gender"] for record in faces.records]
    assert set(labels["mood"]) == {MISSING}


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip", "tar.gz of files", "deep folder"])
def test_archives_give_the_same_faces(kind: str, faces: Faces, tiny_utkface: Path, tmp_path: Path) -> None:
    if kind == "deep folder":
        shutil.copytree(tiny_utkface, tmp_path / "deep" / "er")
        data = tmp_path / "deep"
    elif kind == "tar.gz of files":
        data = tmp_path / "faces.tar.gz"
        with tarfile.open(data, "w:gz") as archive:
            for path in sorted(tiny_utkface.iterdir(), reverse=True):
                archive.add(path, path.name)
    else:
        form = {"tar": "tar", "tar.gz": "gztar", "zip": "zip"}[kind]
        data = Path(shutil.make_archive(str(tmp_path / "faces"), form, tiny_utkface.parent, tiny_utkface.name))
    got = load(data)
    assert [(r.key, r.order, r.labels) for r in got.records] == [(r.key, r.order, r.labels) for r in faces.records]
    np.testing.assert_array_equal(got.chips, faces.chips)
    np.testing.assert_array_equal(got.thumbnails, faces.thumbnails)
    assert got.dropped == {}


def test_first_match_of_a_pattern(faces: Faces, tiny_utkface: Path) -> None:
    (tiny_utkface.parent / "README.md").touch()
    assert len(load(tiny_utkface.parent / "*").records) == len(faces.records)
    with pytest.raises(DataError, match=r"No data at .*None\*\. Put UTKFace there, or name a folder, archive or table"):
        load(tiny_utkface / "None*")


def test_what_is_dropped_is_counted(tiny_utkface: Path, tmp_path: Path) -> None:
    good, blank, dotless, *others = copy_some(tiny_utkface, tmp_path, 11)
    blank.rename(tmp_path / "24_0_1_20170116220224657 .jpg.chip.jpg")  # UTKFace has one of each
    dotless.rename(tmp_path / "44_1_4_20170116235150272.pg.chip.jpg")
    names = [
        "39_1_20170116174525125.jpg.chip.jpg",  # lacks the race
        "notes.txt",
        "94_0_0_20170116174525125.jpg.chip.jpg",
        "0_0_0_20170116174525125.jpg.chip.jpg",
        "25_2_0_20170116174525125.jpg.chip.jpg",
        "25_1_5_20170116174525125.jpg.chip.jpg",
        "26_1_0_20170116174525125.jpg.chip.jpg",
        "27_1_0_20170116174525125.jpg.chip.jpg",
    ]
    for path, name in zip(others, names, strict=True):
        path.rename(tmp_path / name)
    (tmp_path / names[-2]).write_bytes(b"no picture")
    whole = (tmp_path / names[-1]).read_bytes()
    (tmp_path / names[-1]).write_bytes(whole[: len(whole) // 2])
    faces = load(tmp_path)
    assert {record.name for record in faces.records} == {
        good.name,
        "24_0_1_20170116220224657 .jpg.chip.jpg",
        "44_1_4_20170116235150272.pg.chip.jpg",
    }
    assert faces.dropped == {
        "malformed name": 2,
        "age outside 1 to 93": 2,
        "unknown gender": 1,
        "unknown race": 1,
        "unreadable picture": 2,
    }
    for record, chip in zip(faces.records, faces.chips, strict=True):  # those behind a hole moved up
        with Image.open(tmp_path / record.name) as image:
            np.testing.assert_array_equal(chip, np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)))


def test_heads_say_what_is_usable(tiny_utkface: Path, tmp_path: Path) -> None:
    old, young, *_ = copy_some(tiny_utkface, tmp_path, 2)
    old.rename(tmp_path / "100_1_0_20170116174525125.jpg.chip.jpg")
    young.rename(tmp_path / "20_1_0_20170116174525126.jpg.chip.jpg")
    assert load(tmp_path, (GENDER, RACE)).dropped == {}
    assert load(tmp_path, (AgeHead(oldest=120),)).dropped == {}
    assert load(tmp_path, (AgeHead(youngest=30, oldest=120),)).dropped == {"age outside 30 to 120": 1}
    assert load(tmp_path, (AGE,)).dropped == {"age outside 1 to 93": 1}


def test_a_bomb_among_the_chips_is_unreadable(tiny_utkface: Path, tmp_path: Path) -> None:
    copy_some(tiny_utkface, tmp_path, 1)
    content = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(content, "PNG")
    (tmp_path / "25_0_1_20170116174525125.jpg").write_bytes(content.getvalue())
    assert load(tmp_path).dropped == {"unreadable picture": 1}


def test_nothing_usable(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no usable file named like 25_0_1_20170116174525125\.jpg\. Received: 0"):
        load(tmp_path)
    (tmp_path / "me.jpg").touch()
    with pytest.raises(DataError, match=r"Received: 1 others\."):
        load(tmp_path)


def encrypted_zip(path: Path, files: Sequence[Path]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    content = bytearray(path.read_bytes())
    for marker, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := content.find(marker, at + 1)) >= 0:
            content[at + flags] |= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "kind", ["missing", "no archive", "truncated tar.gz", "flipped tar.gz", "truncated zip", "flipped zip", "encrypted"]
)
def test_archives_that_cannot_be_read(kind: str, tiny_utkface: Path, tmp_path: Path) -> None:
    data = tmp_path / "faces"
    files = sorted(tiny_utkface.iterdir())[:6]
    if kind == "encrypted":
        encrypted_zip(data, files)
    elif kind == "no archive":
        data.write_bytes(b"25_0_1 " * 1000)
    elif kind != "missing":
        form = "zip" if kind.endswith("zip") else "gztar"
        content = bytearray(Path(shutil.make_archive(str(data), form, tiny_utkface)).read_bytes())
        if kind.startswith("truncated"):
            del content[len(content) // 2 :]
        else:
            content[len(content) // 2] ^= 0xFF
        data.write_bytes(content)
    message = "No such data: .*faces" if kind == "missing" else r"faces cannot be read as a folder, \.tar, \.tar\.gz or"
    with pytest.raises(DataError, match=message):
        load(data)


def test_unknown_names(tiny_utkface: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown dataset: 'utkfaces'\. Did you mean 'utkface'\? Known: table, u"):
        load(tiny_utkface, dataset="utkfaces")
    with pytest.raises(UnknownNameError, match="Unknown detector: 'hug'"):
        load(tiny_utkface, detector="hug")


# Tables


@pytest.fixture
def folder(tiny_utkface: Path, tmp_path: Path) -> Path:
    for number, path in enumerate(copy_some(tiny_utkface, tmp_path, 9)):
        path.rename(tmp_path / f"{number}.jpg")
    return tmp_path


def table(folder: Path, text: str, heads: Sequence[Head] = HEADS, encoding: str = "utf-8") -> Faces:
    (folder / "faces.csv").write_text(text, encoding=encoding)
    return load(folder / "faces.csv", heads, "table")


def test_table_with_names_numbers_and_holes(folder: Path) -> None:
    faces = table(
        folder, "path,age,gender,race\n0.jpg,30,Male,White\n1.jpg,,female,\n2.jpg,7.0,1,4\n\n3.jpg, 93 ,,indian\n"
    )
    assert [(record.key, record.labels) for record in faces.records] == [
        ("0.jpg", {"age": 30, "gender": 0, "race": 0}),
        ("1.jpg", {"age": MISSING, "gender": 1, "race": MISSING}),
        ("2.jpg", {"age": 7, "gender": 1, "race": 4}),
        ("3.jpg", {"age": 93, "gender": MISSING, "race": 3}),
    ]
    assert faces.dropped == {}
    with Image.open(folder / "2.jpg") as image:
        expected = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(faces.chips[2], expected)


def test_table_from_a_spreadsheet(folder: Path) -> None:
    """A byte order mark, capital headers in another order, blanks, further columns, Windows line ends."""
    text = 'Comment, Gender ,PATH\r\n"nice, really",Male,0.jpg\r\n,Female, 1.jpg \r\n'
    faces = table(folder, text, encoding="utf-8-sig")
    assert [(record.key, record.labels["gender"]) for record in faces.records] == [("0.jpg", 0), ("1.jpg", 1)]
    assert set(faces.labels(HEADS)["age"]) == {MISSING}


def test_table_rows_that_are_dropped(folder: Path) -> None:
    (folder / "8.jpg").write_bytes(b"no picture")
    rows = ["0.jpg,30,Male", "1.jpg,94,Male", "2.jpg,-5,Male", "3.jpg,old,Male", "4.jpg,30,Mann", "5.jpg,30,2"]
    rows += ["6.jpg,,", "99.jpg,30,Male", ",30,Male", "8.jpg,30,Male", "7.jpg", "7.jpg,nan,", "7.jpg,1e999,"]
    rows += [f"{'long' * 100}.jpg,30,Male"]
    faces = table(folder, "path,age,gender\n" + "\n".join(rows))
    assert [record.key for record in faces.records] == ["0.jpg"]
    assert faces.dropped == {
        "age outside 1 to 93": 5,
        "unknown gender": 2,
        "no label": 2,
        "missing picture": 3,
        "unreadable picture": 1,
    }


def test_table_with_paths_elsewhere(folder: Path, tiny_utkface: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "0.jpg").rename(folder / "sub" / "me.jpg")
    absolute = sorted(tiny_utkface.iterdir())[0]
    faces = table(folder, f"path,age\nsub/me.jpg,30\n{absolute},40\n")
    assert [record.labels["age"] for record in faces.records] == [30, 40]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"must have a header with path and any of age, gender, race\. Received: an empty file\."),
        ("path,alter\n0.jpg,30\n", r"must have a header with path and any of .*\. Received: path, alter\."),
        ("age,gender\n30,Male\n", r"must have a header with path"),
        ("path;age\n0.jpg;30\n", r"must have a header with path and any of .*\. Received: path;age\."),
        ("path,age\n", r"has no usable record: no rows\."),
        ("path,age\n0.jpg,100\n9.jpg,3\n", r"has no usable record: 1 age outside 1 to 93, 1 missing picture\."),
    ],
)
def test_tables_that_cannot_be_used(text: str, message: str, folder: Path) -> None:
    with pytest.raises(DataError, match=message):
        table(folder, text)


def test_tables_that_cannot_be_read(folder: Path) -> None:
    with pytest.raises(DataError, match=r"faces\.csv cannot be read as a UTF-8 CSV table"):
        table(folder, "path,age\nJosé.jpg,30\n", encoding="latin-1")
    with pytest.raises(DataError, match=r"cannot be read as a UTF-8 CSV table: .*No such file"):
        load(folder / "none.csv", dataset="table")
    with pytest.raises(DataError, match="cannot be read as a UTF-8 CSV table"):
        load(folder, dataset="table")


def test_faces_are_cut_out_of_photographs(chips: NDArray[np.uint8], tmp_path: Path) -> None:
    for name in ("astronaut.jpg", "speech.jpg"):
        shutil.copy(ROOT / "demo_images" / name, tmp_path)
    Image.new("RGB", (300, 300)).save(tmp_path / "nobody.jpg")
    (tmp_path / "faces.csv").write_text("path,age\nastronaut.jpg,30\nnobody.jpg,30\nspeech.jpg,50\n", encoding="utf-8")
    faces = load_faces("table", str(tmp_path / "faces.csv"), HEADS, 200, "hog")
    assert faces.dropped == {"no face found": 1}
    np.testing.assert_array_equal(faces.chips, chips[[0, -1]])


# Splits


def made_up(n: int, groups: dict[int, str] | None = None, copies: dict[int, list[int]] | None = None) -> Faces:
    """n records with thumbnails of noise; some of a group, some near duplicates of earlier ones, or between several."""
    random = np.random.default_rng(0)
    thumbnails = random.normal(0, 1, (n, 1024)).astype(np.float32)
    for copy, olds in (copies or {}).items():
        thumbnails[copy] = sum(thumbnails[old] for old in olds) + random.normal(0, 0.1, 1024)
    records = [Record(f"{k}.jpg", f"{k}.jpg", f"{k:06}", {}, (groups or {}).get(k)) for k in range(n)]
    return Faces(records, np.zeros((n, 1, 1, 3), np.uint8), thumbnails, {})


def first(faces: Faces, n: int) -> Faces:
    return Faces(faces.records[:n], faces.chips[:n], faces.thumbnails[:n], {})


def test_shares_of_the_sides() -> None:
    counts = Counter(split_sides(made_up(6000), seed=0).tolist())
    assert counts["train"] / 6000 == pytest.approx(0.85, abs=0.01)
    assert counts["validation"] / 6000 == pytest.approx(0.05, abs=0.01)
    assert counts["test"] / 6000 == pytest.approx(0.10, abs=0.01)
    assert counts.keys() == set(SIDES)


def test_sides_depend_on_names_and_seed_alone() -> None:
    faces = made_up(2000)
    sides = split_sides(faces, seed=0)
    np.testing.assert_array_equal(split_sides(made_up(2000), seed=0), sides)
    assert (split_sides(faces, seed=1) != sides).mean() == pytest.approx(1 - (0.85**2 + 0.05**2 + 0.1**2), abs=0.05)
    odd = Faces(faces.records[1::2], faces.chips[1::2], faces.thumbnails[1::2], {})
    np.testing.assert_array_equal(split_sides(odd, seed=0), sides[1::2])


def tangled() -> Faces:
    """Records of which a third are in groups, a fifth resemble an earlier one, and some resemble two."""
    random = np.random.default_rng(1)
    groups = {k: f"person {random.integers(30)}" for k in range(0, 1500, 3)}
    copies = {k: [int(random.integers(k))] for k in range(7, 1500, 5)}
    return made_up(1500, groups, copies)


def test_adding_newer_records_moves_nobody() -> None:
    faces = tangled()
    sides = split_sides(faces, seed=0)
    for n in (1, 500, 1023, 1025, 1400):
        np.testing.assert_array_equal(split_sides(first(faces, n), seed=0), sides[:n])


def test_near_duplicates_are_never_on_two_sides() -> None:
    faces = tangled()
    sides = split_sides(faces, seed=0)
    alike = np.argwhere(np.triu(np.corrcoef(faces.thumbnails) >= 0.95, 1))
    assert len(alike) > 250
    assert all(sides[a] == sides[b] or "none" in (sides[a], sides[b]) for a, b in alike)
    assert (sides == "none").mean() < 0.1  # nobody is left out without need


def test_a_record_between_two_sides_is_on_none() -> None:
    sides = split_sides(made_up(200), seed=0).tolist()
    train, test = sides.index("train"), sides.index("test")
    faces = made_up(203, copies={200: [train], 201: [test], 202: [200]})
    middle = (faces.thumbnails[train] + faces.thumbnails[test]) / 2
    faces.thumbnails[[train, test]] = middle + 0.2 * (faces.thumbnails[[train, test]] - middle)
    faces.thumbnails[202] = middle
    assert split_sides(faces, seed=0)[202] == "none"


def test_groups_are_never_on_two_sides() -> None:
    faces = tangled()
    sides = split_sides(faces, seed=0)
    for group in {record.group for record in faces.records if record.group}:
        members = [side for side, record in zip(sides, faces.records, strict=True) if record.group == group]
        assert len(set(members) - {"none"}) == 1


def test_group_whose_first_member_is_on_none() -> None:
    """It resembles records on two sides; those who follow must stay together nevertheless."""
    sides = split_sides(made_up(400), seed=0).tolist()
    train, test = sides.index("train"), sides.index("test")
    groups = {k: "one person" for k in range(max(train, test) + 1, 400)}
    faces = made_up(400, groups)
    middle = (faces.thumbnails[train] + faces.thumbnails[test]) / 2
    faces.thumbnails[[train, test]] = middle + 0.2 * (faces.thumbnails[[train, test]] - middle)
    faces.thumbnails[min(groups)] = middle
    got = split_sides(faces, seed=0)
    assert got[min(groups)] == "none"
    assert len(set(got[min(groups) + 1 :])) == 1


def test_group_column_of_a_table(folder: Path) -> None:
    rows = [f"{k % 9}.jpg,30,{'anna' if k % 2 else ''}" for k in range(9)]
    faces = table(folder, "path,age,group\n" + "\n".join(rows))
    assert [record.group for record in faces.records] == [None, "anna"] * 4 + [None]


def test_one_side_is_chosen(faces: Faces) -> None:
    sides = split_sides(faces, seed=0)
    assert set(SIDES) == set(sides)  # the other tests need someone on every side
    for side in SIDES:
        chosen = choose_side(faces, side, seed=0)
        assert chosen.records == [r for r, s in zip(faces.records, sides, strict=True) if s == side]
        np.testing.assert_array_equal(chosen.chips, faces.chips[sides == side])
    assert choose_side(faces, "all", seed=0) is faces
    with pytest.raises(UnknownNameError, match=r"Unknown split: 'tests'\. Did you mean 'test'\? Known: all, test, train"):
        choose_side(faces, "tests", seed=0)
    nobody = first(faces, 1)
    side = next(side for side in SIDES if side != split_sides(nobody, seed=0)[0])
    with pytest.raises(DataError, match=rf"None of the 1 records is on the {side} side\. Use --split all\."):
        choose_side(nobody, side, seed=0)


# The real archive


def test_names_in_the_archive(utkface_archive: Path) -> None:
    """What the archive is documented to hold, by names alone."""
    from facekit.datasets.files import list_files

    names = [Path(name).name for name in list_files(utkface_archive)]
    labels = [name.split("_") for name in names]
    assert len(names) == 21_299 + 64 + 3
    assert sum(len(parts) == 4 and int(parts[0]) > 93 for parts in labels) == 64
    assert sum(len(parts) != 4 for parts in labels) == 3


@pytest.mark.slow
def test_the_archive(utkface_archive: Path) -> None:
    faces = load_faces("utkface", str(utkface_archive), HEADS, 32)
    assert len(faces.records) == len(faces.chips) == 21_299
    assert faces.dropped == {"malformed name": 3, "age outside 1 to 93": 64}
    assert faces.chips.max(axis=(1, 2, 3)).min() > 0  # no chip was left unread
    orders = [record.order for record in faces.records]
    assert all(older <= newer for older, newer in pairwise(orders))
    sides = split_sides(faces, seed=0)
    shares = {side: count / 21_299 for side, count in Counter(sides.tolist()).items()}
    assert shares.pop("none", 0) < 0.002
    assert shares == pytest.approx({"train": 0.85, "validation": 0.05, "test": 0.10}, abs=0.006)
    np.testing.assert_array_equal(split_sides(first(faces, 5000), seed=0), sides[:5000])


def test_gzip_of_a_tar_is_told_from_its_content(tiny_utkface: Path, faces: Faces, tmp_path: Path) -> None:
    tar = shutil.make_archive(str(tmp_path / "faces"), "tar", tiny_utkface)
    data = tmp_path / "faces.download"
    data.write_bytes(gzip.compress(Path(tar).read_bytes()))
    assert len(load(data).records) == len(faces.records)
