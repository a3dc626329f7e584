"""facekit.batch.plan: which part a picture belongs to, and what is left to do."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facekit.batch.plan import Output, make_plan
from facekit.core.errors import DataError, FaceKitError, UsageError

SETTINGS: dict[str, Any] = {"weights": ["abc"], "heads": ["age"], "chips": False}
ENTRIES = ["a.jpg", "b.jpg", "c.jpg", "x.tar", "y.tar", "d.jpg", "a.jpg"]


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(str(tmp_path / "faces"))


def parts(output: Output) -> list[list[str]]:
    plan = output.read_plan()
    assert plan is not None
    return [output.read_entries(part) for part in range(max(plan["part"].to_pylist()) + 1)]


def test_each_entry_is_in_one_part(output: Output) -> None:
    """A shard is a part of its own."""
    assert make_plan(output, ENTRIES, SETTINGS, 2) == [0, 1, 2, 3, 4]
    assert parts(output) == [["a.jpg", "b.jpg"], ["c.jpg"], ["x.tar"], ["y.tar"], ["d.jpg"]]


def test_what_is_done_is_not_left(output: Output) -> None:
    make_plan(output, ENTRIES, SETTINGS, 2)
    output.write_part(1, b"done")
    assert output.has_part(1) and not output.has_part(0) and output.parts() == {1}
    assert make_plan(output, ENTRIES, SETTINGS, 2) == [0, 2, 3, 4]


def test_new_pictures_are_added(output: Output) -> None:
    """Those that are gone stay in the plan: their results may be written."""
    make_plan(output, ENTRIES[:3], SETTINGS, 2)
    output.write_part(0, b"done")
    assert make_plan(output, ["new.jpg", *ENTRIES[1:3]], SETTINGS, 5) == [1, 2]
    assert parts(output) == [["a.jpg", "b.jpg"], ["c.jpg"], ["new.jpg"]]


def test_other_settings_are_refused_unless_told(output: Output) -> None:
    make_plan(output, ENTRIES, SETTINGS, 2)
    output.write_part(0, b"of other weights")
    with pytest.raises(UsageError, match=r"holds results of other settings: weights, chips\. Name another folder"):
        make_plan(output, ENTRIES, {**SETTINGS, "weights": ["def"], "chips": True}, 2)
    assert output.parts() == {0}
    assert make_plan(output, ENTRIES[:1], {**SETTINGS, "weights": ["def"]}, 2, overwrite=True) == [0]
    assert parts(output) == [["a.jpg"]]


def test_failed_listing_leaves_no_plan(output: Output) -> None:
    def entries() -> Iterator[str]:
        yield "a.jpg"
        raise DataError("refused")

    with pytest.raises(DataError, match="refused"):
        make_plan(output, entries(), SETTINGS, 2)
    assert output.read_plan() is None


def test_full_disk_leaves_no_part(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    make_plan(output, ENTRIES, SETTINGS, 2)

    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(FaceKitError, match=r"part-0000003.parquet: .*device\. The same command continues"):
        output.write_part(3, b"rows")
    assert os.listdir(output.path) == ["_plan.parquet"]
