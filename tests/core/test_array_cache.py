"""Cache of computed arrays: computed once, again where it is damaged, and never needed."""

from pathlib import Path

import numpy as np
import pytest

from facekit.core.array_cache import Arrays, cached_arrays

SOURCE = np.arange(12, dtype=np.uint8).reshape(3, 4)


def counting(calls: list[int], value: int = 5) -> Arrays:
    calls.append(value)
    return {"squares": np.full(3, value, np.float32)}


def run(calls: list[int], beside: Path | None, key: str = "a", source: np.ndarray = SOURCE) -> Arrays:
    return cached_arrays("squares", key, source, beside, lambda: counting(calls))


def test_computed_once_for_the_same_source_and_key(tmp_path: Path) -> None:
    calls: list[int] = []
    data = tmp_path / "data.zip"
    for _ in range(3):
        found = run(calls, data)
        assert list(found) == ["squares"] and (found["squares"] == 5).all()
    assert len(calls) == 1
    run(calls, data, key="b")
    run(calls, data, source=SOURCE + 1)
    assert len(calls) == 3 and len(list(tmp_path.glob(".squares-*.npz"))) == 3


@pytest.mark.parametrize("damage", ["cut", "changed", "renamed"])
def test_a_damaged_file_is_computed_again(damage: str, tmp_path: Path) -> None:
    calls: list[int] = []
    data = tmp_path / "data.zip"
    run(calls, data)
    (path,) = tmp_path.glob(".squares-*.npz")
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        np.savez_compressed(path, squares=np.zeros(3), sha256=np.array("0" * 64))
    else:
        cached_arrays("squares", "other", SOURCE, data, lambda: counting([], 7))
        (other,) = set(tmp_path.glob(".squares-*.npz")) - {path}
        other.replace(path)
    assert (run(calls, data)["squares"] == 5).all() and len(calls) == 2
    assert path.read_bytes() != content[: len(content) // 2]


def test_nothing_is_stored_without_a_place(tmp_path: Path) -> None:
    calls: list[int] = []
    run(calls, None)
    run(calls, None)
    assert len(calls) == 2 and not list(tmp_path.iterdir())
