"""Distributions of labels before and after balancing, against counts by hand."""

import csv
from pathlib import Path

import numpy as np
import pytest
from made import MADE
from PIL import Image

from facekit.core.errors import DataError, FaceKitError, UnknownNameError, UsageError
from facekit.datasets import DATASETS
from facekit.datasets.source import DataSource
from facekit.training.distribution_plots import write_inspection
from facekit.training.distributions import inspect_dataset


@pytest.fixture
def table(tmp_path: Path) -> DataSource:
    """Nine of one gender and one of the other, who is the only Asian; one without a label."""
    rows = ["path,gender,race"]
    for number in range(11):
        (tmp_path / f"{number}.png").touch()
        rows.append(f"{number}.png," + ("Female,Asian" if number == 9 else "," if number == 10 else "Male,White"))
    (tmp_path / "faces.csv").write_text("\n".join(rows), encoding="utf-8")
    return DataSource("table", str(tmp_path / "faces.csv"))


@pytest.mark.parametrize(("balance", "rare"), [(0.0, 0.1), (0.5, 0.25), (1.0, 0.5)])
def test_shares_by_hand(table: DataSource, balance: float, rare: float) -> None:
    """Of frequencies 0.9 and 0.1, those of 0.5 are as 3 to 1."""
    inspection = inspect_dataset(table, balance)
    gender, race = inspection.distributions
    assert (gender.name, inspection.by, inspection.records) == ("gender", "gender", 11)
    assert dict(zip(gender.classes, gender.counts.tolist(), strict=True)) == {"Male": 9, "Female": 1}
    np.testing.assert_allclose(gender.share, [0.9, 0.1])
    np.testing.assert_allclose(gender.balanced, [1 - rare, rare])
    np.testing.assert_allclose(race.balanced[[0, 2]], [1 - rare, rare])  # follows, as it is the same pictures


def test_plots_and_table(table: DataSource, tmp_path: Path) -> None:
    inspection = inspect_dataset(table, 0.5, by="race")
    paths = write_inspection(inspection, tmp_path / "new")
    assert [path.name for path in paths] == ["distributions.csv", "gender.png", "race.png"]
    with open(paths[0], newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {"head": "gender", "class": "Female", "pictures": "1", "share": "0.1", "balanced_share": "0.25"}
    for path in paths[1:]:
        with Image.open(path) as plot:
            assert np.asarray(plot.convert("L")).std() > 20
    assert "balanced by race, 0.5" in str(inspection) and "Female         1   10.0%     25.0%" in str(inspection)
    with pytest.raises(FaceKitError, match="Cannot make the folder"):
        write_inspection(inspection, paths[0])


@pytest.mark.parametrize("name", DATASETS)
def test_each_data_set_has_distributions(name: str, tmp_path: Path) -> None:
    inspection = inspect_dataset(DataSource(name, str(MADE[name](tmp_path))), 0.5)
    assert {each.name for each in inspection.distributions} >= DATASETS[name].schema.keys()
    assert all(each.counts.sum() == 12 for each in inspection.distributions)


def test_what_cannot_be_balanced(table: DataSource) -> None:
    with pytest.raises(UsageError, match=r"balance must lie between 0 and 1\. Received: 2\."):
        inspect_dataset(table, 2)
    with pytest.raises(UnknownNameError, match=r"Unknown head: 'rase'\. Did you mean 'race'\?"):
        inspect_dataset(table, 0.5, "rase")
    Path(str(table.path)).write_text("path,mood\n1.png,calm\n", encoding="utf-8")
    with pytest.raises(DataError, match="has no labels whose distribution could be drawn"):
        inspect_dataset(table, 0.5)
