"""Heads of every kind are evaluated, tabulated, reported and described alike."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from cases import AGE_CLASSES, AGE_NUMBER, HEIGHT, predictions, random_case
from test_evaluation import mean
from test_report import read_page

from facekit.evaluation.metrics import evaluate
from facekit.evaluation.model_card import model_card
from facekit.evaluation.report import write_report
from facekit.evaluation.tables import format_figures
from facekit.heads import GENDER, MISSING, Head

pytestmark = pytest.mark.usefixtures("page_only")


def test_number_against_loops() -> None:
    outputs, labels = random_case(300, heads=(AGE_NUMBER, GENDER))
    figures = evaluate((AGE_NUMBER, GENDER), outputs, labels)
    assert list(figures) == ["n", "age", "gender", "minors", "adults", "groups"]
    pairs = [
        (min(max(float(row[0]), 0), 100), float(label), int(gender))
        for row, label, gender in zip(outputs["age"], labels["age"], labels["gender"], strict=True)
        if label != MISSING
    ]

    def errors(some: list[tuple[float, float, int]]) -> list[float]:
        return [abs(number - label) for number, label, _ in some]

    assert figures["age"] == {
        "mae": pytest.approx(mean(errors(pairs)), abs=5.1e-4),
        "bias": pytest.approx(mean([number - label for number, label, _ in pairs]), abs=5.1e-4),
        "cs5": pytest.approx(mean([float(error <= 5) for error in errors(pairs)]), abs=5.1e-5),
    }
    adult = mean([float(number >= 18) for number, label, _ in pairs if label < 18])
    assert figures["minors"]["called_adult"] == pytest.approx(adult, abs=5.1e-5)
    groups = figures["groups"]
    assert list(groups["age"]) == ["0-5", "6-12", "13-17", "18-25", "26-40", "41-60", "61-100"]
    assert sum(group["n"] for group in groups["age"].values()) == len(pairs)
    men = [pair for pair in pairs if pair[2] == GENDER.classes.index("Male")]
    assert groups["gender"]["Male"]["age_mae"] == pytest.approx(mean(errors(men)), abs=5.1e-4)
    text = format_figures(figures)
    for said in (
        "age      MAE, years",
        f"{figures['age']['mae']:.2f}   CS(5)",
        "age MAE, years",
        "minors called adults",
    ):
        assert said in text


def test_number_of_another_unit_is_no_age() -> None:
    heads = (HEIGHT, GENDER)
    figures = evaluate(heads, *random_case(80, heads=heads))
    assert list(figures) == ["n", "height", "gender", "groups"] and list(figures["height"]) == ["mae", "bias"]
    assert list(figures["groups"]["height"]) == ["50-220"]
    assert list(figures["groups"]["gender"]["Male"]) == ["n", "height_mae", "height_bias", "gender_accuracy"]
    text = format_figures(figures)
    assert "height MAE   gender accuracy" in text and "years" not in text


def test_classes_named_age_are_classes() -> None:
    figures = evaluate((AGE_CLASSES,), *random_case(80, heads=(AGE_CLASSES,)))
    assert list(figures) == ["n", "age", "groups"]
    assert list(figures["age"]) == ["accuracy", "cross_entropy", "macro_f1", "ece"]
    assert list(figures["groups"]["age"]) == ["child", "adult", "senior"]
    assert "age accuracy" in format_figures(figures)


@pytest.mark.parametrize(
    ("heads", "described", "plots", "by", "texts", "missing"),
    [
        (
            (AGE_NUMBER, GENDER),
            "age (0 to 100 years)",
            3,
            ["gender", "age"],
            (
                "Error by age band",
                "MAE, years",
                "Age: mean absolute error",
                "26-40",
                "minors called adults",
                "Largest gap",
            ),
            (),
        ),
        ((AGE_CLASSES, GENDER), "age (3 classes)", 2, ["age", "gender"], ("Age: estimated right",), ("years", "band")),
        ((HEIGHT,), "height (50 to 220 cm)", 2, ["height"], ("Height: MAE", "50-220"), ("years", "called adults")),
        ((HEIGHT, AGE_NUMBER), "height (50 to 220 cm), age (0 to 100 years)", 4, ["age"], ("Height: MAE",), ()),
    ],
    ids=["age as a number", "age as classes", "another number", "two numbers"],
)
def test_any_kind_of_head_is_reported(
    heads: tuple[Head, ...],
    described: str,
    plots: int,
    by: list[str],
    texts: tuple[str, ...],
    missing: tuple[str, ...],
    tmp_path: Path,
) -> None:
    made = predictions(heads, n=800)
    write_report(made, tmp_path)
    page, numbers = read_page(tmp_path)
    assert numbers["crossed"]["by"] == by
    assert len([uri for uri in page.loaded if uri.startswith("data:image/svg")]) == 2 * plots  # light and dark
    text = page.text[: page.text.rindex("Data, method and limits")]
    text = re.sub(r"MAE is the mean .*? of the chips\.", "", text)
    for head in heads:
        section = numbers["heads"][head.name]
        assert (section["kind"], section["n"]) == (head.kind, int((made.labels[head.name] != MISSING).sum()))
        measure = section["measures"][head.main_measure]
        assert measure["interval"][0] < measure["value"] < measure["interval"][1]
        assert numbers["worst"][head.name]
    for said in texts:
        assert said in text
    for said in missing:
        assert said not in text
    card = model_card(replace(made.card, figures=made.figures))
    assert f"Estimates {described}" in card
    for head in heads:
        assert f"| estimated {head.name} | " in card


@pytest.mark.parametrize("n", [1, 2, 5])
def test_numbers_of_few_records_are_reported(n: int, tmp_path: Path) -> None:
    made = predictions((AGE_NUMBER, HEIGHT), n=n)
    write_report(made, tmp_path)
    assert read_page(tmp_path)[1]["figures"]["n"] == n
    assert "nan" not in format_figures(made.figures)
