"""Prepared files: the same chips, labels and splits as the data set itself, whole or not at all."""

import errno
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from made import MADE, make_utkface

from facekit.core.errors import DataError, FaceKitError, UsageError
from facekit.datasets import DATASETS, prepare
from facekit.datasets.listing import list_dataset
from facekit.datasets.mixture import load_faces
from facekit.datasets.part_file import PartFile
from facekit.datasets.prepare import prepare_dataset
from facekit.datasets.records import WHOLE, CutFace, Listing
from facekit.datasets.source import DataSource
from facekit.datasets.splits import split_sides
from facekit.datasets.store import UNREADABLE
from facekit.faces.chips import AlignedChip, BoxChip
from facekit.heads import AGE, EXPRESSION, GENDER

SIZE = 24
CHIP = AlignedChip(size=SIZE)
HEADS = (AGE, GENDER)


@pytest.fixture
def source(tmp_path: Path) -> DataSource:
    return DataSource("utkface", str(make_utkface(tmp_path)))


@pytest.fixture
def prepared(source: DataSource, tmp_path: Path) -> Path:
    return prepare_dataset(source, tmp_path / "faces.h5", CHIP).path


@pytest.mark.parametrize("name", DATASETS)
def test_a_prepared_file_is_read_as_the_data_set_itself(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the same chips where the size is the same; sides are the same at any size.

    A part of each picture, which networks of aligned chips are shown, is cut anew: the file has the whole picture.
    """
    source = DataSource(name, str(MADE[name](tmp_path)))
    heads = (EXPRESSION,) if "expression" in DATASETS[name].schema else HEADS
    written = prepare_dataset(source, tmp_path / "faces.h5", CHIP)
    assert (written.chips, written.continued) == (12, 0)
    chip = AlignedChip() if DATASETS[name].frame == WHOLE else BoxChip()
    faces = load_faces(source, heads, SIZE, chip)
    again = load_faces(replace(source, path=str(tmp_path / "faces.h5")), heads, SIZE, chip)
    assert again.records == faces.records and again.dropped == faces.dropped
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(again.chips, faces.chips)
    np.testing.assert_array_equal(again.thumbnails, faces.thumbnails)
    np.testing.assert_array_equal(split_sides(again, 0), split_sides(faces, 0))
    larger = load_faces(replace(source, path=str(tmp_path / "faces.h5")), heads, 30, chip)
    np.testing.assert_array_equal(larger.thumbnails, faces.thumbnails)
    assert capsys.readouterr().err.endswith("faces.h5 has chips of 24 pixels, which are enlarged to 30.\n")
    labels = [label for record in again.records for label in record.labels.values()]
    assert not any(isinstance(label, float) and label.is_integer() for label in labels)


def test_arrays_for_other_programs(source: DataSource, prepared: Path) -> None:
    with h5py.File(prepared) as file:
        assert file["image"].shape == (12, SIZE, SIZE, 3) and file["image"].dtype == np.uint8
        assert sorted(file["labels"]) == ["age", "gender", "race"] and file["labels/age"].dtype == float
        assert set(file["labels/gender"][()].tolist()) == {b"Male", b"Female"}
        assert {"key", "name", "order", "group", "side", "score", "thumbnail"} < set(file)


def test_unreadable_pictures_are_left_out_and_counted(source: DataSource, tmp_path: Path) -> None:
    min(Path(str(source.path)).iterdir()).write_bytes(b"no picture")
    written = prepare_dataset(source, tmp_path / "faces.h5", CHIP)
    assert written.chips == 11 and written.dropped == {"unreadable picture": 1}
    assert list_dataset("utkface", written.path).dropped == {"unreadable picture": 1}
    assert str(written).endswith("left out   1 unreadable picture")


def killed_after(count: int, error: Callable[[], BaseException]) -> Any:
    """Stands in for `PartFile.add`; fails after so many rows."""
    add, done = PartFile.add, [0]

    def fail(self: PartFile, record: int, face: CutFace | str) -> None:
        if done[0] == count:
            raise error()
        done[0] += 1
        add(self, record, face)

    return fail


def test_a_run_that_was_killed_is_continued(
    source: DataSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = prepare_dataset(source, tmp_path / "whole.h5", CHIP).path
    part = tmp_path / "faces.h5.part"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(PartFile, "add", killed_after(5, KeyboardInterrupt))
        prepare_dataset(source, tmp_path / "faces.h5", CHIP)
    assert not (tmp_path / "faces.h5").exists()
    rows = part.read_bytes()
    part.write_bytes(rows[:-7])  # the last row is torn
    with pytest.raises(DataError, match=r"faces\.h5\.part was begun with another size\. Go on with the same, delete"):
        prepare_dataset(source, tmp_path / "faces.h5", AlignedChip(size=SIZE + 1))
    for path in list(Path(str(source.path)).iterdir())[:1]:
        path.rename(path.with_name("1" + path.name))
        with pytest.raises(DataError, match="was begun with another content"):
            prepare_dataset(source, tmp_path / "faces.h5", CHIP)
        path.with_name("1" + path.name).rename(path)
    written = prepare_dataset(source, tmp_path / "faces.h5", CHIP)
    assert (written.chips, written.continued) == (12, 4) and "4 pictures had been read" in str(written)
    assert not part.exists()
    with h5py.File(whole) as one, h5py.File(written.path) as other:
        for name in ("image", "thumbnail", "key", "labels/age"):
            np.testing.assert_array_equal(one[name][()], other[name][()])


def test_a_name_that_an_archive_holds_twice_is_read_once(
    source: DataSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a row was written twice, as by a run that was killed: the chips behind it keep their labels."""
    files = sorted(Path(str(source.path)).iterdir())
    with tarfile.open(tmp_path / "UTKFace.tar", "w") as archive:
        for path in (files[0], files[1], files[0], *files[2:]):
            archive.add(path, path.name)
    doubled = replace(source, path=str(tmp_path / "UTKFace.tar"))
    whole = prepare_dataset(source, tmp_path / "whole.h5", CHIP).path
    add = PartFile.add

    def add_twice(self: PartFile, record: int, face: CutFace | str) -> None:
        if len(self.done) == 5:
            raise KeyboardInterrupt
        add(self, record, face)
        if len(self.done) == 2:
            add(self, record, face)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(PartFile, "add", add_twice)
        prepare_dataset(doubled, tmp_path / "faces.h5", CHIP)
    written = prepare_dataset(doubled, tmp_path / "faces.h5", CHIP)
    assert (written.chips, written.continued, written.dropped) == (12, 5, {"name twice": 1})
    with h5py.File(whole) as one, h5py.File(written.path) as other:
        for name in ("image", "name"):
            np.testing.assert_array_equal(one[name][()], other[name][()])


def test_another_source_of_the_same_name_is_not_continued(
    source: DataSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(str(source.path))
    for name in ("A", "B"):
        (tmp_path / name).mkdir()
        with tarfile.open(tmp_path / name / "UTKFace.tar", "w") as archive:
            archive.add(folder, "UTKFace")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(PartFile, "add", killed_after(5, KeyboardInterrupt))
        prepare_dataset(replace(source, path=str(tmp_path / "A" / "UTKFace.tar")), tmp_path / "faces.h5", CHIP)
    with pytest.raises(DataError, match="was begun with another source"):
        prepare_dataset(replace(source, path=str(tmp_path / "B" / "UTKFace.tar")), tmp_path / "faces.h5", CHIP)


def test_pictures_that_could_not_be_read_are_tried_again(
    source: DataSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        add = killed_after(5, KeyboardInterrupt)
        patch.setattr(PartFile, "add", lambda self, record, face: add(self, record, face if self.done else UNREADABLE))
        prepare_dataset(source, tmp_path / "faces.h5", CHIP)
    written = prepare_dataset(source, tmp_path / "faces.h5", CHIP)
    assert (written.chips, written.continued, written.dropped) == (12, 4, {})


def test_a_file_that_another_process_has_completed_stays(
    source: DataSource, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "refuse_existing", lambda output: None)  # it was not there when this one began
    with pytest.raises(DataError, match=r"faces\.h5 exists\. Delete it"):
        prepare_dataset(source, prepared, CHIP)
    assert sorted(path.name for path in prepared.parent.iterdir()) == ["UTKFace", "faces.h5"]


def test_chips_are_not_enlarged(source: DataSource, prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has chips of 24 pixels, which must not be enlarged\. Received: 25\."):
        prepare_dataset(replace(source, path=str(prepared)), tmp_path / "new.h5", AlignedChip(size=SIZE + 1))


def test_a_full_disk_is_one_line_and_keeps_what_was_read(
    source: DataSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any, change: Any) -> None:
        self._failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("facekit.datasets.chip_file._Target._try", full)
        with pytest.raises(FaceKitError, match=r"^Cannot write .*faces\.h5: No space left on device\. Free some space"):
            prepare_dataset(source, tmp_path / "faces.h5", CHIP)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["UTKFace", "faces.h5.part"]
    assert prepare_dataset(source, tmp_path / "faces.h5", CHIP).continued == 12


def test_one_process_writes_at_a_time(source: DataSource, tmp_path: Path) -> None:
    with PartFile(tmp_path / "faces.h5", {}, SIZE), pytest.raises(DataError, match="Another process writes"):
        prepare_dataset(source, tmp_path / "faces.h5", CHIP)


def test_lowest_score(source: DataSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"states no scores of faces\. Received: 1\."):
        prepare_dataset(source, tmp_path / "faces.h5", CHIP, min_score=1.0)
    listing = list_dataset("utkface", Path(str(source.path)))
    scored = [replace(record, score=number / 4) for number, record in enumerate(listing.records)]
    monkeypatch.setattr(prepare, "list_dataset", lambda *_: Listing(scored, listing.read_files))
    written = prepare_dataset(source, tmp_path / "faces.h5", CHIP, min_score=1.0)
    assert written.chips == 8 and written.dropped == {"face score below 1": 4}
    assert min(record.score or 0 for record in list_dataset("utkface", written.path).records) == 1.0
    monkeypatch.undo()
    again = prepare_dataset(replace(source, path=str(written.path)), tmp_path / "again.h5", CHIP)
    assert list_dataset("utkface", again.path).min_score == 1.0


def test_chips_above_the_usual_size_have_their_pixels(tmp_path: Path) -> None:
    """They are cut at that size, not at 200 pixels and then enlarged."""
    from checkout import ROOT

    (tmp_path / "a.csv").write_text(f"path,age\n{ROOT / 'demo_images' / 'astronaut.jpg'},30\n", encoding="utf-8")
    found, chip = DataSource("table", str(tmp_path / "a.csv"), detector="blazeface"), BoxChip(size=256)
    prepared = prepare_dataset(found, tmp_path / "a.h5", chip)
    chips = load_faces(replace(found, path=str(prepared.path)), HEADS, 256, chip).chips
    np.testing.assert_array_equal(chips, load_faces(found, HEADS, 256, chip).chips)


def test_faces_of_photographs_keep_their_rule(tmp_path: Path) -> None:
    from checkout import ROOT

    (tmp_path / "a.csv").write_text(f"path,age\n{ROOT / 'demo_images' / 'astronaut.jpg'},30\n", encoding="utf-8")
    found = DataSource("table", str(tmp_path / "a.csv"), detector="blazeface")
    prepare_dataset(found, tmp_path / "a.h5", BoxChip(size=SIZE, margin=0.4))
    again = replace(found, path=str(tmp_path / "a.h5"))
    rule = BoxChip(margin=0.4)
    np.testing.assert_array_equal(
        load_faces(again, HEADS, SIZE, rule).chips, load_faces(found, HEADS, SIZE, rule).chips
    )
    with pytest.raises(DataError, match=r"by the rule box, size 24, margin 0\.4\. Received: aligned, size 24, padd"):
        load_faces(again, HEADS, SIZE, AlignedChip())
    with pytest.raises(DataError, match=r"found by the detector blazeface\. Received: whole_image\. Use the same"):
        load_faces(replace(again, detector="whole_image"), HEADS, SIZE, rule)


@pytest.mark.parametrize("cut", [0, 100, 3000, -1])
def test_truncated_files_are_one_line(prepared: Path, cut: int) -> None:
    prepared.write_bytes(prepared.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"faces\.h5 is damaged or no HDF5 file: .*\. Prepare it anew\.$") as error:
        list_dataset("utkface", prepared)
    assert "\n" not in str(error.value)


def test_damaged_chips_are_told(prepared: Path) -> None:
    with h5py.File(prepared) as file:
        at = file["image"].id.get_chunk_info(0).byte_offset
    content = bytearray(prepared.read_bytes())
    content[at + 99] ^= 1
    prepared.write_bytes(content)
    listing = list_dataset("utkface", prepared)
    with pytest.raises(DataError, match="is damaged or no HDF5 file"):
        list(listing.read_files({record.name for record in listing.records}))


def test_files_of_another_kind(prepared: Path, source: DataSource, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"faces\.h5 is of the data set utkface\. Received: all_age_faces\.") as error:
        list_dataset("all_age_faces", prepared)
    assert error.value.argument == "dataset"
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["image"] = np.zeros(3)
    with pytest.raises(DataError, match=r"other\.h5 is HDF5, but no file of chips"):
        list_dataset("utkface", tmp_path / "other.h5")
    with pytest.raises(DataError, match=r"faces\.h5 exists\. Delete it, or choose another output\."):
        prepare_dataset(source, prepared, CHIP)
    for arguments, message in (
        ({"output": tmp_path / "faces.npz"}, r"The output must end in \.h5\. Received: .*faces\.npz"),
        ({"chip": BoxChip()}, "A margin needs a detector that finds faces"),
    ):
        with pytest.raises(UsageError, match=message):
            prepare_dataset(**{"source": source, "output": tmp_path / "new.h5", "chip": CHIP, **arguments})
    assert not (tmp_path / "new.h5.part").exists()


def test_nothing_usable_leaves_nothing(source: DataSource, tmp_path: Path) -> None:
    for path in Path(str(source.path)).iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"UTKFace has no usable face: 12 unreadable picture\."):
        prepare_dataset(source, tmp_path / "faces.h5", CHIP)
    assert [path.name for path in tmp_path.iterdir()] == ["UTKFace"]
