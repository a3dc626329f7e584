"""facekit.batch.sources: which pictures a source has, and their contents."""

import io
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from checkout import ROOT

from facekit.batch.sources import list_entries, read_entry
from facekit.core.errors import DataError, PictureError

PHOTOGRAPH = ROOT / "demo_images" / "astronaut.jpg"
CONTENT = PHOTOGRAPH.read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with pictures in it and below it, and what is none."""
    for name in ("b.jpg", "a.PNG", "notes.md", ".hidden.jpg", "sub/c.jpg", ".cache/d.jpg"):
        path = tmp_path / "photographs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
    return tmp_path / "photographs"


def shard(path: Path, *names: str) -> str:
    """Makes a tar file of copies of the photograph."""
    with tarfile.open(path, "w") as members:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(CONTENT)
            members.addfile(member, io.BytesIO(CONTENT))
    return str(path)


def test_folders_patterns_and_lists(folder: Path, tmp_path: Path) -> None:
    inside = [str(folder / name) for name in ("a.PNG", "b.jpg", "sub/c.jpg")]
    assert list(list_entries([str(folder)])) == inside
    assert list(list_entries([f"{folder}/*.jpg"])) == [inside[1]]
    assert list(list_entries([f"{folder}/**/*.jpg", inside[0]])) == [*inside[1:], inside[0]]
    listing = tmp_path / "list.txt"
    listing.write_text(f"{inside[0]}\n\n  missing.jpg\n", encoding="utf-8")
    assert list(list_entries([str(listing)])) == [inside[0], "missing.jpg"]
    assert list(read_entry(inside[0])) == [(inside[0], Path(inside[0]))]


def test_shards(tmp_path: Path) -> None:
    path = shard(tmp_path / "0.tar", "a.jpg", "a.json", "b/c.jpg")
    shard(tmp_path / "1.tar", "d.jpg")
    assert list(list_entries([path])) == [path]
    assert list(list_entries([f"{tmp_path}/*.tar"])) == [path, str(tmp_path / "1.tar")]
    assert list(read_entry(path)) == [(f"{path}::a.jpg", CONTENT), (f"{path}::b/c.jpg", CONTENT)]
    (tmp_path / "half.tar").write_bytes(Path(path).read_bytes()[: len(CONTENT) + 2000])
    *whole, (name, error) = read_entry(str(tmp_path / "half.tar"))
    assert [name for name, _ in whole] == [f"{tmp_path}/half.tar::a.jpg"] and name == f"{tmp_path}/half.tar"
    assert isinstance(error, PictureError) and str(error).startswith("A shard must be whole. Received: ")
    ((name, error),) = read_entry("missing.tar")
    assert str(error) == "A source must exist. Received: missing.tar. Check its name."


def test_tables(tmp_path: Path) -> None:
    table, damaged = tmp_path / "photographs.parquet", tmp_path / "damaged.parquet"
    values = {"bytes": [CONTENT, None, b"x"], "path": [str(PHOTOGRAPH), "missing.jpg", None], "id": [1, 2, 3]}
    pq.write_table(pa.table(values), table, row_group_size=2)
    assert list(list_entries([str(table)], "bytes")) == [f"{table}#0", f"{table}#1"]
    (first, content), (second, error) = read_entry(f"{table}#0", "bytes")
    assert (first, content, second) == (f"{table}#0:0", CONTENT, f"{table}#0:1")
    assert str(error).startswith("A column of pictures must hold bytes or paths. Received: None in ")
    assert list(read_entry(f"{table}#0", "path")) == [
        (f"{table}#0:0", PHOTOGRAPH),
        (f"{table}#0:1", Path("missing.jpg")),
    ]
    assert [name for name, _ in read_entry(f"{table}#1", "bytes")] == [f"{table}#1:0"]
    with pytest.raises(DataError, match=r"one of bytes, path, id\. Received: image for"):
        list(list_entries([str(table)], "image"))
    damaged.write_bytes(table.read_bytes()[:-9])
    for name in (damaged, tmp_path / "missing.parquet"):
        with pytest.raises(DataError, match=r"A table must be a Parquet file\. Received: "):
            list(list_entries([str(name)], "bytes"))


@pytest.mark.parametrize("source", ["missing", "missing.jpg", "*.jpg", "empty", "missing.txt"])
def test_sources_without_pictures(source: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as error:
        list(list_entries([str(tmp_path / source)]))
    assert "\n" not in str(error.value) and source in str(error.value)


def test_unknown_address() -> None:
    with pytest.raises(DataError, match=r"An address must be such as s3://bucket/folder\. Received: ftp2://x/y"):
        list(list_entries(["ftp2://x/y"]))
