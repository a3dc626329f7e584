"""Data sets: the same faces from every kind of archive, what is dropped and why, and the split."""

import gzip
import io
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from made import make_all_age_faces
from PIL import Image

from facekit.core.errors import DataError, UnknownNameError
from facekit.datasets.mixture import load_faces
from facekit.datasets.records import Faces, Record
from facekit.datasets.source import DataSource
from facekit.datasets.store import Pictures, in_memory, read_pictures
from facekit.faces.chips import WholeChip
from facekit.heads import AGE, GENDER, MISSING, RACE, AgeHead, ClassHead, Head

HEADS: tuple[Head, ...] = (AGE, GENDER, RACE)
SIZE = 48
GENDERS = ("Male", "Female")  # by UTKFace's codes
RACES = ("White", "Black", "Asian", "Indian", "Others")


def load(
    data: Path | str, heads: Sequence[Head] = HEADS, dataset: str = "utkface", detector: str = "whole_image"
) -> Faces:
    return load_faces(DataSource(dataset, str(data), detector=detector), heads, SIZE)


@pytest.fixture(scope="module")
def faces(tiny_utkface: Path) -> Faces:
    return load(tiny_utkface)


def copy_some(source: Path, target: Path, n: int = 6) -> list[Path]:
    target.mkdir(exist_ok=True)
    return [Path(shutil.copy(path, target / path.name)) for path in sorted(source.iterdir())[:n]]


def test_folder_gives_labelled_chips_oldest_first(faces: Faces, tiny_utkface: Path) -> None:
    assert [record.key for record in faces.records] == sorted(
        (path.name for path in tiny_utkface.iterdir()), key=lambda name: name.split("_")[3]
    )
    for record, chip in zip(faces.records, faces.chips, strict=True):
        age, gender, race, _ = record.key.split("_")
        assert record.labels == {"age": int(age), "gender": GENDERS[int(gender)], "race": RACES[int(race)]}
        with Image.open(tiny_utkface / record.name) as image:
            expected = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(chip, np.asarray(expected))
    assert (faces.chips.dtype, faces.chips.shape, faces.dropped) == (np.uint8, (60, SIZE, SIZE, 3), {})


def test_labels_are_arrays_by_head(faces: Faces) -> None:
    labels = faces.labels((*HEADS, ClassHead("mood", ("Calm", "Happy"))))
    codes = np.array([[int(code) for code in record.key.split("_")[:3]] for record in faces.records])
    for name, column in zip(("age", "gender", "race"), codes.T, strict=True):
        np.testing.assert_array_equal(labels[name], column)
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
    "kind",
    [
        "missing",
        "no archive",
        "encrypted",
        "truncated gztar",
        "truncated tar",
        "truncated zip",
        "flipped gztar",
        "flipped header",
    ],
)
def test_archives_that_cannot_be_read(kind: str, tiny_utkface: Path, tmp_path: Path) -> None:
    data = tmp_path / "faces"
    files = sorted(tiny_utkface.iterdir())[:6]
    if kind == "encrypted":
        encrypted_zip(data, files)
    elif kind == "no archive":
        data.write_bytes(b"25_0_1 " * 1000)
    elif kind != "missing":
        damage, form = kind.split()
        form = "tar" if form == "header" else form
        content = bytearray(Path(shutil.make_archive(str(data), form, tiny_utkface)).read_bytes())
        at = content.index(files[3].name.encode()) if kind == "flipped header" else len(content) // 2
        if damage == "truncated":
            del content[at:]
        else:
            content[at] ^= 0xFF
        data.write_bytes(content)
    message = "No data at .*faces" if kind == "missing" else r"faces cannot be read as a folder, \.tar, \.tar\.gz, "
    with pytest.raises(DataError, match=message):
        load(data)


@pytest.mark.parametrize("damage", ["stream", "checksum", "encrypted", "header"])
def test_one_unreadable_member_of_a_zip_is_dropped(damage: str, tiny_utkface: Path, tmp_path: Path) -> None:
    data, files = tmp_path / "faces.zip", sorted(tiny_utkface.iterdir())[:6]
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
        member = archive.infolist()[2]
        third, listed = member.header_offset, archive.start_dir
    content = bytearray(data.read_bytes())
    if damage == "encrypted":
        content[content.index(files[2].name.encode(), listed) - 46 + 8] |= 1  # the flags in the central directory
        content[third + 6] |= 1
    else:
        at = {"header": 0, "stream": 40 + len(member.filename), "checksum": 30 + len(member.filename) + 5000}[damage]
        content[third + at] ^= 0xFF
    data.write_bytes(content)
    faces = load(data)
    assert {record.key for record in faces.records} == {file.name for file in files} - {files[2].name}
    assert faces.dropped == {"unreadable picture": 1}


def test_damaged_list_of_an_official_split_is_refused(tmp_path: Path) -> None:
    root = make_all_age_faces(tmp_path)
    (root / "image sets" / "val.txt").write_bytes(b"")
    with pytest.raises(DataError, match=r"val\.txt in .* is empty or damaged\. Fetch it again"):
        load(root, dataset="all_age_faces")


def test_unknown_names(tiny_utkface: Path) -> None:
    with pytest.raises(
        UnknownNameError, match=r"Unknown dataset: 'utkfaces'\. Did you mean 'utkface'\? Known: all_age_faces, app"
    ):
        load(tiny_utkface, dataset="utkfaces")
    with pytest.raises(UnknownNameError, match="Unknown detector: 'hug'"):
        load(tiny_utkface, detector="hug")


def test_gzip_of_a_tar_is_told_from_its_content(tiny_utkface: Path, faces: Faces, tmp_path: Path) -> None:
    tar = shutil.make_archive(str(tmp_path / "faces"), "tar", tiny_utkface)
    data = tmp_path / "faces.download"
    data.write_bytes(gzip.compress(Path(tar).read_bytes()))
    assert len(load(data).records) == len(faces.records)


def test_names_in_the_archive(utkface_archive: Path) -> None:
    """What the archive is documented to hold, by names alone."""
    from facekit.datasets.archives import list_files

    names = [Path(name).name for name in list_files(utkface_archive)]
    labels = [name.split("_") for name in names]
    assert len(names) == 21_299 + 64 + 3
    assert sum(len(parts) == 4 and int(parts[0]) > 93 for parts in labels) == 64
    assert sum(len(parts) != 4 for parts in labels) == 3


def test_a_name_twice_is_counted(tiny_utkface: Path) -> None:
    content = min(tiny_utkface.iterdir()).read_bytes()
    records = [Record("a.jpg", "a.jpg", order, {"age": 5}) for order in "12"]
    dropped = Counter[str]()
    pictures = Pictures(
        records,
        lambda names: iter([("a.jpg", content)]),
        lambda picture: WholeChip().cut(picture, [(0, 0, 200, 200)]).chips,
        dropped,
    )
    chips, (faces,) = read_pictures([pictures], 32, in_memory)
    assert len(faces.records) == len(faces.chips) == len(chips) == 1 and dropped == {"name twice": 1}
