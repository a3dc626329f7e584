"""HDF5 files with a header: damage anywhere is one clear error or changes nothing, and other programs read them."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from facekit.core.errors import WeightsError
from facekit.networks import hdf5
from facekit.networks.hdf5 import hash_tensors, read_attributes, read_hdf5, write_hdf5

TENSORS = {"a/kernel": np.arange(12, dtype=np.float16).reshape(3, 4), "a/bias": np.ones(4, np.float32)}
ATTRIBUTES = {"card": '{"classes": ["Male", "Female"], "name": "Zoë"}'}
DAMAGED = r"weights\.h5 is damaged or not a weights file\. Fetch or train it again\.$"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.h5"


@pytest.fixture
def whole(path: Path) -> bytes:
    write_hdf5(path, TENSORS, ATTRIBUTES)
    return path.read_bytes()


@pytest.fixture
def old(path: Path) -> bytes:
    """A file as earlier versions wrote it, without a header."""
    with h5py.File(path, "w") as file:
        for name, tensor in TENSORS.items():
            file[name] = tensor
        file.attrs.update(ATTRIBUTES)
    return path.read_bytes()


def contents(path: Path) -> tuple[str, dict[str, str], dict[str, str]]:
    tensors, attributes = read_hdf5(path)
    return hash_tensors(tensors), attributes, read_attributes(path)


EXPECTED = (hash_tensors(TENSORS), ATTRIBUTES, ATTRIBUTES)


def test_a_file_is_plain_hdf5_with_a_header(path: Path, whole: bytes) -> None:
    assert whole.startswith(b"facekit 1 ") and contents(path) == EXPECTED
    with h5py.File(path) as file:
        assert dict(file.attrs) == ATTRIBUTES and file.userblock_size == 512
        np.testing.assert_array_equal(file["a/kernel"], TENSORS["a/kernel"])


def test_a_long_card_makes_a_long_header(path: Path) -> None:
    attributes = {"card": "long" * 20_000}
    write_hdf5(path, TENSORS, attributes)
    assert contents(path) == (EXPECTED[0], attributes, attributes)


def damaged(whole: bytes) -> Iterator[bytes]:
    """Yields what disks and people make of a file of a few KB."""
    for at in [*range(0, 512, 3), *range(512, len(whole), 199)]:
        yield whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :]
    for at in range(0, len(whole), 512):
        page = slice(at, at + 512)
        yield whole[:at] + bytes(len(whole[page])) + whole[at + 512 :]
        yield whole[page] + whole[512:at] + whole[:512] + whole[at + 512 :]
        yield whole[:at]
        yield whole[at + 1 :]
    chance = random.Random(0)
    for at in range(0, len(whole), 997):
        yield whole[:at] + chance.randbytes(40) + whole[at + 40 :]
    yield whole + b"more"


def test_damage_is_one_clear_error_or_changes_nothing(
    path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5's library sees nothing of a damaged file, except of one whose header is lost."""
    monkeypatch.setattr(hdf5, "_check_readable", lambda *arguments: None)
    refused = kept = 0
    for content in damaged(whole):
        path.write_bytes(content)
        try:
            assert contents(path) == EXPECTED
            kept += 1
        except WeightsError as error:
            assert str(error).endswith("weights.h5 is damaged or not a weights file. Fetch or train it again.")
            refused += 1
    assert refused > 150 and kept > 50  # the header's padding


def test_attributes_are_read_from_the_header_alone(path: Path, whole: bytes) -> None:
    path.write_bytes(whole[:-1] + b"x")
    assert read_attributes(path) == ATTRIBUTES
    for content in (whole[:-1], whole.replace(b"Male", b"Gale")):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=DAMAGED):
            read_attributes(path)


def test_files_of_earlier_versions_are_read(path: Path, old: bytes) -> None:
    assert old.startswith(b"\x89HDF") and contents(path) == EXPECTED


def test_reading_them_runs_nothing_of_the_current_folder(
    path: Path, old: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "h5py.py").write_text("open('was run', 'w')")
    assert contents(path) == EXPECTED
    assert not (tmp_path / "was run").exists()


def test_truncated_files_of_earlier_versions_are_refused(path: Path, old: bytes) -> None:
    path.write_bytes(old[: len(old) // 2])
    with pytest.raises(WeightsError, match=DAMAGED):
        contents(path)


def test_what_kills_its_reader_is_refused(path: Path, old: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "_READ_ALL", "import os; os.abort()")
    with pytest.raises(WeightsError, match=DAMAGED):
        contents(path)
    monkeypatch.undo()
    assert contents(path) == EXPECTED


@pytest.mark.skipif(os.name != "posix", reason="Windows limits no CPU time: it takes half a minute")
def test_what_is_read_for_ever_is_refused(path: Path, old: bytes) -> None:
    """A byte of the heap that holds the card makes HDF5's library loop."""
    at = old.index(b"GCOL") + 24
    path.write_bytes(old[:at] + bytes([old[at] ^ 1]) + old[at + 1 :])
    with pytest.raises(WeightsError, match=DAMAGED):
        contents(path)
