"""Several collections side by side: rows, text and page."""

from pathlib import Path

import pytest
from cases import HEADS, predictions

from facekit.core.errors import FaceKitError
from facekit.evaluation.comparison import compared_heads, group_rows, head_title, whole_rows
from facekit.evaluation.evaluate import name_collections
from facekit.evaluation.report import write_comparison
from facekit.evaluation.tables import format_comparison
from facekit.heads import AGE, GENDER

MANY, FEW = predictions(HEADS, n=200), predictions((AGE, GENDER), n=60, seed=1)
FIGURES = [MANY.figures, FEW.figures]


def test_each_value_stands_in_the_column_of_its_collection() -> None:
    rows = {title: values for title, *values in whole_rows(FIGURES)}
    assert rows["records"] == ["200", "60"]
    assert rows["age: MAE, years"] == [f"{figures['age']['mae']:.2f}" for figures in FIGURES]
    assert rows["age: mean error"] == [f"{figures['age']['bias']:+.2f}" for figures in FIGURES]
    assert rows["race: accuracy"] == [f"{MANY.figures['race']['accuracy']:.1%}", "-"]
    assert rows["minors called adults"] == [f"{figures['minors']['called_adult']:.1%}" for figures in FIGURES]


def test_groups_have_error_bias_and_n() -> None:
    rows = {title: values for title, *values in group_rows(FIGURES, "age")}
    for column, figures in enumerate(FIGURES):
        group = figures["groups"]["age"]["6-12"]
        assert rows["age 6-12"][column] == f"{group['age_mae']:.2f} ({group['age_bias']:+.2f}), n {group['n']}"
    assert rows["race White"][1] == "-"
    assert compared_heads(FIGURES) == ["age", "gender", "race"]
    assert head_title(FIGURES, "age") == "age: MAE, years (mean error)"
    assert head_title(FIGURES, "race") == "race: accuracy"


def test_text_has_a_column_for_each_collection() -> None:
    text = format_comparison({"utkface": MANY.figures, "all_age_faces": FEW.figures})
    assert text.splitlines()[0].split() == ["utkface", "all_age_faces"]
    assert len({len(line) for line in text.splitlines() if line.startswith("age ")}) == 1
    assert "None" not in text and "nan" not in text


@pytest.mark.usefixtures("working_folder")
def test_page_names_the_report_of_each_collection(tmp_path: Path) -> None:
    text = write_comparison({"utkface": MANY, "all_age_faces": FEW}, tmp_path).read_text(encoding="utf-8")
    for name in ("utkface", "all_age_faces"):
        assert f'href="{name}/report.html"' in text and (tmp_path / name / "report.html").is_file()
    for title, *values in whole_rows(FIGURES):
        assert title in text and all(value in text for value in values)


def test_paths_name_their_data_sets() -> None:
    assert name_collections(None, []) == {"utkface": None}
    assert name_collections("fer2013", ["a=b.csv"]) == {"fer2013": "a=b.csv"}
    assert name_collections(None, ["fer2013=a.csv"]) == {"fer2013": "a.csv"}
    both = name_collections(None, ["utkface=UTK=Face", "all_age_faces=b"])
    assert both == {"utkface": "UTK=Face", "all_age_faces": "b"}


@pytest.mark.parametrize("given", [["a", "b"], ["utkface=a", "b"], ["utkface=a", "utkface=b"], ["utkface=", "wiki=b"]])
def test_paths_without_a_data_set_of_their_own(given: list[str]) -> None:
    with pytest.raises(FaceKitError, match=r"^Each of several data sets needs NAME=PATH, with another NAME of all_age"):
        name_collections(None, given)
    with pytest.raises(FaceKitError, match=r"^NAME=PATH names the data set\. Received wiki, too\."):
        name_collections("wiki", ["utkface=a", "wiki=b"])
