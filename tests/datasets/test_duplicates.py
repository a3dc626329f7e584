"""Near duplicates: the same pairs as comparing all with all, in far fewer comparisons, kept in a cache."""

import errno
import os
from collections.abc import Callable
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

from facekit.datasets import duplicates
from facekit.datasets.duplicates import NearDuplicates, near_duplicates

Thumbnails = NDArray[np.float32]
Pairs = set[tuple[int, int]]


def brute_force(thumbnails: Thumbnails) -> Pairs:
    """Compares all with all: the slow oracle."""
    centred = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    return set(map(tuple, np.argwhere(np.triu(unit @ unit.T >= 0.95, 1)).tolist()))


def expand(found: NearDuplicates) -> Pairs:
    """Returns all pairs of pictures, with those of identical ones."""
    members: dict[int, list[int]] = {}
    for index, representative in enumerate(found.representatives.tolist()):
        members.setdefault(representative, []).append(index)
    pairs = {pair for same in members.values() for pair in combinations(same, 2)}
    for a, b in found.pairs.tolist():
        pairs |= {(min(pair), max(pair)) for pair in product(members[a], members[b])}
    return pairs


@cache
def cosines() -> NDArray[np.float64]:
    """(1023, 1024) the pictures of a cosine transform, from coarse to fine."""
    along = np.cos(np.pi * np.outer(np.arange(32), np.arange(32) + 0.5) / 32)
    waves = np.einsum("iy,jx->ijyx", along, along).reshape(1024, 1024)
    return waves[np.argsort(np.add.outer(np.arange(32), np.arange(32)).ravel(), kind="stable")[1:]]


def faces(n: int, seed: int = 0) -> Thumbnails:
    """Makes thumbnails with about the spectrum of aligned faces, a tenth of them copies with noise."""
    random = np.random.default_rng(seed)
    weights = random.normal(0, 1, (n, 1023)) * np.arange(1, 1024) ** -0.7
    thumbnails = 128 + 30 * (weights + 0.5 * weights[0]) @ cosines()
    copies = random.random(n) < 0.1
    thumbnails[copies] = thumbnails[random.integers(n, size=copies.sum())] + random.normal(0, 5, (copies.sum(), 1024))
    return thumbnails.round().astype(np.float32)


def noise(n: int) -> Thumbnails:
    """Makes thumbnails that no projection describes, a third of them near duplicates."""
    random = np.random.default_rng(1)
    thumbnails = random.normal(0, 1, (n, 1024))
    thumbnails[::3] = thumbnails[1] + random.normal(0, 0.3, thumbnails[::3].shape)
    return thumbnails.astype(np.float32)


def near_the_threshold() -> Thumbnails:
    """Makes pairs that correlate by a little more or less than 0.95."""
    random = np.random.default_rng(2)
    pairs = []
    for correlation in np.repeat([0.95 - 3e-6, 0.95 + 3e-6, 0.949, 0.951, -0.96], 20):
        basis = np.linalg.qr(np.c_[np.ones(1024), random.normal(0, 1, (1024, 2))])[0][:, 1:]
        pairs += [basis[:, 0], basis @ (correlation, np.sqrt(1 - correlation**2)) * random.uniform(0.1, 10)]
    return np.array(pairs, np.float32)


def differing_along_components() -> Thumbnails:
    """Makes a circle, and pairs that differ by a turn in its plane and have the rest in common: no bound is lower."""
    random = np.random.default_rng(6)
    basis = np.linalg.qr(np.c_[np.ones(1024), random.normal(0, 1, (1024, 102))])[0][:, 1:].T

    def turned(angles: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.c_[np.cos(angles), np.sin(angles)] @ basis[:2]

    angles, turns = random.uniform(0, 2 * np.pi, 100), np.arccos(np.repeat([0.9 - 1e-5, 0.9 + 1e-5], 50))
    pairs = [turned(angles) + basis[2:], turned(angles + turns) + basis[2:]]
    return np.concatenate([turned(np.arange(400) * 2 * np.pi / 400), *pairs]).astype(np.float32)


def blanks_and_copies() -> Thumbnails:
    """Makes three pictures of 20 copies each, blanks of two colours, and noise, shuffled."""
    thumbnails = np.concatenate(
        [np.repeat(faces(3), 20, axis=0), np.zeros((9, 1024)), np.full((9, 1024), 255), noise(9)]
    )
    return np.random.default_rng(3).permutation(thumbnails).astype(np.float32)


def chain() -> Thumbnails:
    """Makes pictures that each resemble only the next and the one after, in shuffled order."""
    angles = np.arange(100)[:, np.newaxis] * 0.15
    waves = np.outer(np.ones(100), 2 * np.pi * np.arange(1024) / 1024)
    return np.random.default_rng(4).permutation(np.cos(waves + angles)[:40]).astype(np.float32)


SETS: dict[str, Callable[[], Thumbnails]] = {
    "faces": lambda: faces(2200),
    "noise": lambda: noise(2200),
    "threshold": near_the_threshold,
    "along components": differing_along_components,
    "blanks and copies": blanks_and_copies,
    "all blank": lambda: np.full((300, 1024), 7, np.float32),
    "chain": chain,
    "none": lambda: np.empty((0, 1024), np.float32),
    "one": lambda: faces(1),
    "two": lambda: np.repeat(faces(1), 2, axis=0),
}


@pytest.fixture(params=["usual", "small boxes"])
def boxes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test with many boxes and components even for few pictures, too."""
    if request.param == "small boxes":
        for name, value in {"_ROWS": 30, "_BOX": 8, "_BLOCK": 5}.items():
            monkeypatch.setattr(duplicates, name, value)
        for name, make in {"faces": faces, "noise": noise}.items():
            monkeypatch.setitem(SETS, name, lambda make=make: make(600))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.usefixtures("boxes")
def test_same_pairs_as_brute_force(name: str) -> None:
    thumbnails = SETS[name]()
    found = near_duplicates(thumbnails)
    assert expand(found) == brute_force(thumbnails)
    assert found.representatives.shape == (len(thumbnails),)
    assert (found.pairs[:, 0] < found.pairs[:, 1]).all()
    assert found.pairs.tolist() == sorted(found.pairs.tolist())


def test_sets_are_as_described() -> None:
    assert len(brute_force(near_the_threshold())) == 40
    assert len(brute_force(differing_along_components())) == 400 * 20 + 50
    assert len(brute_force(chain())) == 39 + 38
    assert len(brute_force(blanks_and_copies())) == 3 * 190 + 3
    assert 150 < len(brute_force(faces(2200))) < 1000
    assert not brute_force(SETS["all blank"]())


@pytest.mark.usefixtures("boxes")
def test_order_of_the_pictures_does_not_matter() -> None:
    thumbnails = np.concatenate([faces(400), near_the_threshold(), blanks_and_copies()])
    shuffled = np.random.default_rng(5).permutation(len(thumbnails))
    moved = expand(near_duplicates(thumbnails[shuffled]))
    assert {tuple(sorted(shuffled[list(pair)].tolist())) for pair in moved} == expand(near_duplicates(thumbnails))


def test_identical_pictures_take_no_pairs() -> None:
    found = near_duplicates(np.repeat(faces(2), 1000, axis=0))
    assert found.pairs.shape == (0, 2)
    assert found.representatives.tolist() == [0] * 1000 + [1000] * 1000
    assert found.assign_in_order(lambda index, older: min(older, default=index)) == found.representatives.tolist()


def test_few_pairs_are_compared_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    verify = duplicates._verify

    def count(thumbnails: Thumbnails, some: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.intp]:
        compared.append(len(some) * len(others))
        return verify(thumbnails, some, others)

    monkeypatch.setattr(duplicates, "_verify", count)
    assert len(near_duplicates(faces(4000)).pairs) > 200
    assert sum(compared) < 0.002 * 4000**2 / 2


def test_values_follow_all_earlier_near_duplicates() -> None:
    thumbnails = np.concatenate([faces(300), chain(), blanks_and_copies(), faces(300), noise(50)])

    def choose(index: int, older: frozenset[int]) -> int:
        return index % 5 if not older else min(older) if len(older) == 1 else 9

    pairs = brute_force(thumbnails)
    expected: list[int] = []
    for index in range(len(thumbnails)):
        expected.append(choose(index, frozenset(expected[low] for low, high in pairs if high == index)))
    assert near_duplicates(thumbnails).assign_in_order(choose) == expected
    assert set(expected) == {0, 1, 2, 3, 4, 9}


@pytest.mark.parametrize("extra", [[], [(3, 0), (7, 3), (5, 5), (8, 2)]])
def test_groups_are_connected_components(extra: list[tuple[int, int]]) -> None:
    thumbnails = np.concatenate([chain(), blanks_and_copies(), faces(200)])
    expected = list(range(len(thumbnails)))
    for low, high in [*brute_force(thumbnails), *extra]:
        joined = {expected[low], expected[high]}
        expected = [min(joined) if number in joined else number for number in expected]
    groups = near_duplicates(thumbnails).groups(extra)
    assert len({*groups.tolist()}) == len({*expected}) == len({*zip(groups.tolist(), expected, strict=True)})


def cache_files(folder: Path) -> list[Path]:
    return sorted(folder.glob(".near-duplicates-*"))


def fail(*_: object, **__: object) -> NoReturn:
    raise AssertionError("The search runs again.")


def equal(a: NearDuplicates, b: NearDuplicates) -> bool:
    return np.array_equal(a.representatives, b.representatives) and np.array_equal(a.pairs, b.pairs)


def test_cache_is_read_instead_of_searching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thumbnails = np.concatenate([faces(100), blanks_and_copies()])
    found = near_duplicates(thumbnails, tmp_path / "UTKFace")
    (path,) = cache_files(tmp_path)
    assert path.suffix == ".npz" and len(path.stem) == len(".near-duplicates-") + 16
    monkeypatch.setattr(duplicates, "_search", fail)
    assert equal(near_duplicates(thumbnails, tmp_path / "UTKFace"), found)
    assert os.listdir(tmp_path) == [path.name]


def test_content_and_version_change_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thumbnails = faces(60)
    near_duplicates(thumbnails, tmp_path / "data.csv")
    thumbnails[59, 1023] += 1
    near_duplicates(thumbnails, tmp_path / "data.csv")
    near_duplicates(thumbnails[:59], tmp_path / "data.csv")
    monkeypatch.setattr(duplicates, "_VERSION", duplicates._VERSION + 1)
    near_duplicates(thumbnails, tmp_path / "data.csv")
    assert len(cache_files(tmp_path)) == 4


@pytest.mark.parametrize(
    "damage", ["empty", "text", "cut off", "flipped", "other arrays", "other shape", "other indices", "pickled"]
)
def test_damaged_cache_is_replaced(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thumbnails = blanks_and_copies()
    found = near_duplicates(thumbnails, tmp_path / "data")
    (path,) = cache_files(tmp_path)
    content = path.read_bytes()
    middle = len(content) // 3
    flipped = content[:middle] + bytes(255 - byte for byte in content[middle : middle + 8]) + content[middle + 8 :]
    raw = {"empty": b"", "text": b"Hello", "cut off": content[:-30], "flipped": flipped}
    arrays: dict[str, dict[str, NDArray[np.generic]]] = {
        "other arrays": {"pairs": found.pairs},
        "other shape": {"representatives": found.representatives[:1] * 0, "pairs": found.pairs},
        "other indices": {"representatives": found.representatives, "pairs": np.array([[0, 999]])},
        "pickled": {"representatives": np.array([path], object), "pairs": found.pairs},
    }
    if damage in raw:
        path.write_bytes(raw[damage])
    else:
        np.savez(path, **arrays[damage])  # type: ignore[arg-type]
    assert equal(near_duplicates(thumbnails, tmp_path / "data"), found)
    monkeypatch.setattr(duplicates, "_search", fail)
    assert equal(near_duplicates(thumbnails, tmp_path / "data"), found)


def test_user_cache_where_the_folder_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "file").touch()  # nothing can be written below it, not even by root
    found = near_duplicates(faces(40), tmp_path / "file" / "data")
    assert len(cache_files(tmp_path / "cache" / "facekit")) == 1
    monkeypatch.setattr(duplicates, "_search", fail)
    assert equal(near_duplicates(faces(40), tmp_path / "file" / "data"), found)


def test_full_disk_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(np, "savez_compressed", full)
    assert equal(near_duplicates(faces(40), tmp_path / "data"), near_duplicates(faces(40)))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
