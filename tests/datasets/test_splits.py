"""The split: reproducible, stable, and without near duplicates on two sides."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facekit.core.errors import DataError
from facekit.datasets.mixture import load_faces
from facekit.datasets.records import Faces, Record
from facekit.datasets.source import DataSource
from facekit.datasets.split_rule import SplitRule
from facekit.datasets.splits import SIDES, choose_side, duplicate_groups, split_sides
from facekit.heads import AGE, GENDER, RACE, Head

HEADS: tuple[Head, ...] = (AGE, GENDER, RACE)
SIZE = 48
Sides = NDArray[np.str_]


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
    counts = Counter(split_sides(made_up(3000), seed=0).tolist())
    assert counts["train"] / 3000 == pytest.approx(0.85, abs=0.01)
    assert counts["validation"] / 3000 == pytest.approx(0.05, abs=0.01)
    assert counts["test"] / 3000 == pytest.approx(0.10, abs=0.01)
    assert counts.keys() == set(SIDES)


def test_shares_are_the_rule_s() -> None:
    faces, usual = made_up(2000), split_sides(made_up(2000), seed=0)
    faces.split_rule = SplitRule(validation_share=0.2, test_share=0.3)
    sides = split_sides(faces, seed=0)
    assert (sides == "validation").mean() == pytest.approx(0.2, abs=0.02)
    assert (sides == "test").mean() == pytest.approx(0.3, abs=0.02)
    assert (sides[usual == "test"] == "test").all()  # a larger share holds a smaller one of the same seed
    faces.split_rule = SplitRule(validation_share=0.0, test_share=0.0)
    assert set(split_sides(faces, seed=0)) == {"train"}


def test_rule_as_cards_tell_it() -> None:
    start = "sha256('seed:name') of the oldest record of a group: 10% test, 5% validation. A record follows the earlier"
    assert str(SplitRule()).startswith(start) and str(SplitRule()).endswith("on two sides, it is on none.")
    assert " 12.5% test, 7% validation. " in str(SplitRule("official", 0.07, 0.125))
    assert SplitRule.from_card({"dataset": "utkface"}) == SplitRule()
    source = DataSource("table", validation_share=0.2, test_share=0.0)
    assert SplitRule.from_card(source.to_dict()) == source.split_rule == SplitRule("official", 0.2, 0.0)
    assert DataSource("utkface").split_rule == SplitRule()


def test_sides_depend_on_names_and_seed_alone() -> None:
    faces = made_up(1500)
    sides = split_sides(faces, seed=0)
    np.testing.assert_array_equal(split_sides(made_up(1500), seed=0), sides)
    assert (split_sides(faces, seed=1) != sides).mean() == pytest.approx(1 - (0.85**2 + 0.05**2 + 0.1**2), abs=0.05)
    odd = Faces(faces.records[1::2], faces.chips[1::2], faces.thumbnails[1::2], {})
    np.testing.assert_array_equal(split_sides(odd, seed=0), sides[1::2])


@pytest.fixture(scope="module")
def tangled() -> Faces:
    """Records of which a third are in groups, a fifth resemble an earlier one, and some resemble two."""
    random = np.random.default_rng(1)
    groups = {k: f"person {random.integers(30)}" for k in range(0, 1500, 3)}
    copies = {k: [int(random.integers(k))] for k in range(7, 1500, 5)}
    return made_up(1500, groups, copies)


@pytest.fixture(scope="module")
def sides(tangled: Faces) -> Sides:
    return split_sides(tangled, seed=0)


@pytest.mark.parametrize("n", [1, 500, 1023, 1025])
def test_adding_newer_records_moves_nobody(n: int, tangled: Faces, sides: Sides) -> None:
    np.testing.assert_array_equal(split_sides(first(tangled, n), seed=0), sides[:n])


def test_near_duplicates_are_never_on_two_sides(tangled: Faces, sides: Sides) -> None:
    alike = np.argwhere(np.triu(np.corrcoef(tangled.thumbnails) >= 0.95, 1))
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


def test_groups_are_never_on_two_sides(tangled: Faces, sides: Sides) -> None:
    for group in {record.group for record in tangled.records if record.group}:
        members = [side for side, record in zip(sides, tangled.records, strict=True) if record.group == group]
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


def test_groups_join_what_resembles_or_belongs_together() -> None:
    faces = made_up(8, groups={0: "a", 5: "a"}, copies={3: [0], 6: [3], 7: [2]})
    groups = duplicate_groups(faces)
    members = [{k for k in range(8) if groups[k] == number} for number in sorted(set(groups))]
    assert sorted(members, key=min) == [{0, 3, 5, 6}, {1}, {2, 7}, {4}]
    assert set(duplicate_groups(made_up(5))) == set(range(5))


def test_one_side_is_chosen(tiny_utkface: Path) -> None:
    faces = load_faces(DataSource("utkface", str(tiny_utkface)), HEADS, 48)
    sides = split_sides(faces, seed=0)
    assert set(SIDES) == set(sides)  # the other tests need someone on every side
    for side in SIDES:
        chosen = choose_side(faces, side, seed=0)
        assert chosen.records == [r for r, s in zip(faces.records, sides, strict=True) if s == side]
        np.testing.assert_array_equal(chosen.chips, faces.chips[sides == side])
    assert choose_side(faces, "all", seed=0) is faces
    nobody = first(faces, 1)
    side = next(side for side in SIDES if side != split_sides(nobody, seed=0)[0])
    with pytest.raises(DataError, match=rf"None of the 1 records is on the {side} side\. Use another, or all\."):
        choose_side(nobody, side, seed=0)


@pytest.mark.slow
def test_the_archive(utkface_archive: Path) -> None:
    faces = load_faces(DataSource("utkface", str(utkface_archive)), HEADS, 32)
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
