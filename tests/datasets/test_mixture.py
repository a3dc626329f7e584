"""Several sources in one array, each with its own labels and its own split; and how sources are named."""

from pathlib import Path

import numpy as np
import pytest
from made import make_all_age_faces, make_table, make_utkface

from facekit.core.errors import UnknownNameError, UsageError
from facekit.datasets.mixture import Mixture, load_faces, load_mixture
from facekit.datasets.records import Faces, Record
from facekit.datasets.source import DataSource, locate_sources
from facekit.datasets.splits import split_sides
from facekit.faces.chips import BoxChip
from facekit.faces.features import FEATURES, Features
from facekit.heads import AGE, GENDER, MISSING, RACE, ClassHead

HEADS = (AGE, GENDER, RACE)
SIZE = 32


@pytest.fixture
def sources(tmp_path: Path) -> list[DataSource]:
    return [
        DataSource("utkface", str(make_utkface(tmp_path)), weight=2),
        DataSource("all_age_faces", str(make_all_age_faces(tmp_path)), split="official"),
        DataSource("table", str(make_table(tmp_path))),
    ]


@pytest.fixture
def mixture(sources: list[DataSource]) -> Mixture:
    (Path(str(sources[0].path)) / "99_0_0_20170116174525125.jpg").touch()
    return load_mixture(sources, HEADS, SIZE)


def test_parts_are_views_of_one_array_and_the_same_as_alone(mixture: Mixture, sources: list[DataSource]) -> None:
    assert mixture.chips.shape == (36, SIZE, SIZE, 3)
    assert mixture.source_index.tolist() == [0] * 12 + [1] * 12 + [2] * 12
    labels = mixture.labels(HEADS)
    for number, (source, part) in enumerate(zip(sources, mixture.parts, strict=True)):
        alone = load_faces(source, HEADS, SIZE)
        assert part.records == alone.records and part.dropped == alone.dropped
        assert np.shares_memory(part.chips, mixture.chips)
        np.testing.assert_array_equal(part.chips, alone.chips)
        np.testing.assert_array_equal(part.thumbnails, alone.thumbnails)
        for name, column in alone.labels(HEADS).items():
            np.testing.assert_array_equal(labels[name][mixture.source_index == number], column)
    assert mixture.parts[0].dropped == {"age outside 1 to 93": 1}
    assert mixture.parts[1].dropped == {"not aligned": 12}
    assert set(labels["race"][12:24]) == {MISSING} and MISSING not in labels["gender"]


def test_unreadable_pictures_leave_no_hole(sources: list[DataSource]) -> None:
    for source in sources[:2]:
        first = min(path for path in Path(str(source.path)).rglob("*.jpg") if "original" not in str(path))
        first.write_bytes(b"no picture")
    mixture = load_mixture(sources, HEADS, SIZE)
    assert len(mixture.chips) == 34 and mixture.source_index.tolist() == [0] * 11 + [1] * 11 + [2] * 12
    for source, part in zip(sources, mixture.parts, strict=True):
        np.testing.assert_array_equal(part.chips, load_faces(source, HEADS, SIZE).chips)


def test_each_source_is_split_by_its_own_rule(mixture: Mixture) -> None:
    sides = mixture.sides(seed=0)
    for number, part in enumerate(mixture.parts):
        np.testing.assert_array_equal(sides[mixture.source_index == number], split_sides(part, 0))
    official = [record.side for record in mixture.parts[1].records]
    assert [side == "validation" for side in sides[12:24]] == [side == "validation" for side in official]


def test_groups_of_near_duplicates_have_numbers_of_their_own(mixture: Mixture) -> None:
    mixture.parts[1].thumbnails[5] = mixture.parts[1].thumbnails[2]
    groups = mixture.duplicate_groups()
    assert len(set(groups)) == 35 and groups[12 + 5] == groups[12 + 2]


def test_features_are_computed_of_the_stored_chips(sources: list[DataSource]) -> None:
    assert load_mixture(sources, HEADS, SIZE).features is None
    mixture = load_mixture(sources, HEADS, SIZE, features="landmarks")
    assert mixture.features is not None and mixture.features.shape == (36, 10)
    with pytest.raises(UnknownNameError, match="Unknown features: 'landmark'"):
        load_mixture(sources, HEADS, SIZE, features="landmark")


def test_a_head_that_one_source_knows(sources: list[DataSource]) -> None:
    """Its other records have no label for it, and are dropped where they have no other."""
    race = ClassHead("race", RACE.classes[::-1])
    mixture = load_mixture(sources, (race, GENDER), SIZE)
    labels = mixture.labels((race, GENDER))
    assert set(labels["race"][12:24]) == {MISSING} and set(labels["race"][:12]) == set(range(5))


def test_faces_are_cut_by_the_rule(chips: np.ndarray, tmp_path: Path) -> None:
    from checkout import ROOT

    (tmp_path / "faces.csv").write_text(f"path,age\n{ROOT / 'demo_images' / 'astronaut.jpg'},30\n", encoding="utf-8")
    source = DataSource("table", str(tmp_path / "faces.csv"), detector="blazeface")
    aligned, boxed = (load_faces(source, HEADS, 200, *rule).chips for rule in ((), (BoxChip(margin=0.2),)))
    np.testing.assert_array_equal(aligned, chips[:1])
    assert boxed.shape == aligned.shape and (boxed != aligned).mean() > 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset": "utkfaces"}, r"Unknown dataset: 'utkfaces'\. Did you mean 'utkface'\?"),
        (
            {"split": "offical"},
            r"Unknown split: 'offical'\. Did you mean 'official'\? Known: near_duplicates, official",
        ),
        ({"detector": "hug"}, r"Unknown detector: 'hug'"),
        ({"unknown": "miss"}, r"Unknown treatment of unknown labels: 'miss'\. .*Known: drop, missing\."),
        ({"weight": 0}, r"A source's weight must be positive\. Received: 0\."),
        ({"weight": float("nan")}, r"A source's weight must be positive\. Received: nan\."),
    ],
)
def test_sources_that_cannot_be(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        DataSource(**{"dataset": "utkface", **arguments})


def test_paths_that_a_user_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one, other = DataSource("utkface"), DataSource("all_age_faces", "there", detector="cnn")
    assert locate_sources([one], []) == (one,)
    assert locate_sources([one], ["a=b"])[0].path == str(tmp_path / "a=b")
    assert locate_sources([one], ["utkface=b"], "hog") == (DataSource("utkface", str(tmp_path / "b"), detector="hog"),)
    assert locate_sources([one], ["utkface"])[0].path == str(tmp_path / "utkface")  # a folder of that name
    located = locate_sources([one, other], ["all_age_faces=b"])
    assert located == (one, DataSource("all_age_faces", str(tmp_path / "b"), detector="cnn"))
    for wrong in ("b", "utkface", "utkface="):
        with pytest.raises(
            UsageError,
            match=r"Each of several data sets needs NAME=PATH, with NAME one of utkface, all_age_faces\. Rec",
        ) as error:
            locate_sources([one, other], [wrong])
        assert error.value.argument == "data"


def test_two_sources_of_one_kind_keep_their_paths() -> None:
    tables = [DataSource("table", "a.csv"), DataSource("table", "b.csv")]
    assert locate_sources(tables, [], "hog") == tuple(DataSource("table", f"{n}.csv", detector="hog") for n in "ab")
    with pytest.raises(UsageError, match="Each of several data sets"):
        locate_sources(tables, ["table=c.csv"])


def test_identical_pictures_with_other_labels_are_counted() -> None:
    thumbnails = np.random.default_rng(0).normal(0, 1, (6, 1024)).astype(np.float32)
    thumbnails[[3, 4]], thumbnails[5] = thumbnails[0], thumbnails[1]
    labels = [(20, "Male"), (30, "Male"), (1, None), (21, "male"), (22, None), (30, "Female")]
    records = [Record(f"{k}", f"{k}", f"{k}", {"age": age, "gender": name}) for k, (age, name) in enumerate(labels)]
    part = Faces(records, np.zeros((6, 1, 1, 3), np.uint8), thumbnails, {})
    mixture = Mixture([DataSource("table")] * 2, [part, part], part.chips)
    assert mixture.conflicts([AGE, GENDER, RACE]) == {"age": 2, "gender": 2, "race": 0}
    thumbnails[[1, 5]] = 128  # blank pictures are no copies of each other
    assert mixture.conflicts([AGE, GENDER, RACE]) == {"age": 2, "gender": 0, "race": 0}


def test_features_of_another_version_are_computed_anew(
    sources: list[DataSource], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in (1, 1, 2):
        entry = Features(lambda chips, value=version: np.full((len(chips), 1), value, np.float32), 1, version)
        monkeypatch.setitem(FEATURES, "made", entry)
        faces = load_faces(sources[0], HEADS, SIZE, features="made")
        assert faces.features is not None and (faces.features == version).all()
    assert len(list(tmp_path.glob(".features-*.npz"))) == 2
