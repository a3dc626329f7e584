"""Figures as a text table."""

import pytest
from cases import HEADS, random_case

from facekit.evaluation.metrics import evaluate
from facekit.evaluation.tables import format_figures


def test_table() -> None:
    half = {"accuracy": 0.5, "cross_entropy": 0.6931, "macro_f1": None, "ece": 0.0123}
    figures = {
        "n": 12345,
        "split": "test",
        "dropped": {"unreadable picture": 7},
        "age": {"mae": 4.489, "cs5": 0.6815, "cross_entropy": 2.9604, "coverage": None},
        "gender": half,
        "minors": {"n": 0, "called_adult": None, "not_suspected": None},
        "adults": {"n": 1300, "called_minor": 0.0123},  # of a head that answers no probability
        "groups": {"gender": {"Male": {"n": 2000, "age_mae": 4.5, "gender_accuracy": None}}},
    }
    assert format_figures(figures).splitlines() == [
        "records   12,345   split test",
        "dropped        7   unreadable picture",
        "",
        "age      MAE, years    4.49   CS(5)      68.2%   cross-entropy   2.960",
        "gender   accuracy     50.0%   macro-F1       -   cross-entropy   0.693",
        "",
        "minors called adults                     -   of 0",
        "adults called minors                  1.2%   of 1,300",
        "minors with a probability below 10%      -   of 0",
        "",
        "age      inside the 80% interval       -",
        "gender   calibration error (ECE)   0.012",
        "",
        "group               n   age MAE, years   gender accuracy",
        "",
        "gender   Male   2,000             4.50                 -",
    ]


@pytest.mark.parametrize("n", [0, 300])
@pytest.mark.parametrize("left_out", ["none", "age", "race"])
def test_table_of_any_figures(n: int, left_out: str) -> None:
    probabilities, labels = random_case(n)
    probabilities.pop(left_out, None)
    text = format_figures(evaluate(HEADS, probabilities, labels))
    assert ("minors called adults" in text) == (left_out != "age")
    assert "None" not in text and "nan" not in text
    assert max(map(len, text.splitlines())) <= 80
