"""The figures against an oracle of plain loops."""

import json
import math
from typing import Any

import numpy as np
import pytest
from cases import HEADS, random_case

from facekit.core.errors import FaceKitError
from facekit.evaluation.metrics import evaluate
from facekit.evaluation.tables import format_figures
from facekit.heads import AGE, GENDER, MISSING, RACE, AgeHead, ClassHead, Head

BANDS = {"1-5": (1, 5), "6-12": (6, 12), "13-17": (13, 17), "18-25": (18, 25), "26-40": (26, 40)}
BANDS |= {"41-60": (41, 60), "61-93": (61, 93)}


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def expected_age(row: list[float]) -> float:
    return sum(p * (1 + k) for k, p in enumerate(row)) / sum(row)


def best(row: list[float]) -> int:
    return row.index(max(row))


def oracle_f1(pairs: list[tuple[int, int]], n_classes: int) -> float | None:
    scores = []
    for k in range(n_classes):
        answered, true = [a == k for a, _ in pairs], [t == k for _, t in pairs]
        if not any(answered) and not any(true):
            continue
        hits = sum(a and t for a, t in zip(answered, true, strict=True))
        precision, recall = hits / max(sum(answered), 1), hits / max(sum(true), 1)
        scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    return mean(scores)


def oracle_calibration_error(known: list[tuple[list[float], int]]) -> float | None:
    """Fifteen bins of the largest probability: its mean against how often it is right."""
    total = 0.0
    for number in range(15):
        inside = [(row, truth) for row, truth in known if min(int(max(row) * 15), 14) == number]
        total += abs(sum(max(row) for row, _ in inside) - sum(best(row) == truth for row, truth in inside))
    return total / len(known) if known else None


def inside_interval(row: list[float], age: int) -> bool:
    """Whether a tenth of the distribution or more is on either side of the age, its own year halved."""
    below = sum(row[: age - 1]) + row[age - 1] / 2
    return 0.1 <= below / sum(row) <= 0.9


def oracle(probabilities: dict[str, Any], labels: dict[str, Any]) -> dict[str, Any]:
    """The contract of face_evaluate.py, one record after the other, unrounded."""
    people = [
        {head.name: (probabilities[head.name][i].tolist(), int(labels[head.name][i])) for head in HEADS}
        for i in range(len(labels["age"]))
    ]

    def signed_errors(some: list[Any]) -> list[float]:
        return [expected_age(p["age"][0]) - p["age"][1] for p in some if p["age"][1] != MISSING]

    def errors(some: list[Any]) -> list[float]:
        return list(map(abs, signed_errors(some)))

    def hits(some: list[Any], name: str) -> list[float]:
        return [float(best(p[name][0]) == p[name][1]) for p in some if p[name][1] != MISSING]

    def entropy(name: str, first: int) -> float | None:
        known = [p[name] for p in people if p[name][1] != MISSING]
        return mean([-math.log(max(row[label - first], 1e-7)) for row, label in known])

    def group(some: list[Any]) -> dict[str, Any]:
        accuracies = {f"{name}_accuracy": mean(hits(some, name)) for name in ("gender", "race")}
        return {
            "n": len(some),
            "age_mae": mean(errors(some)),
            "age_bias": mean(signed_errors(some)),
            **accuracies,
        }

    def class_measures(head: Head) -> dict[str, Any]:
        pairs = [(best(p[head.name][0]), p[head.name][1]) for p in people if p[head.name][1] != MISSING]
        known = [p[head.name] for p in people if p[head.name][1] != MISSING]
        return {
            "accuracy": mean(hits(people, head.name)),
            "cross_entropy": entropy(head.name, 0),
            "macro_f1": oracle_f1(pairs, head.width),
            "ece": oracle_calibration_error(known),
        }

    minors = [p["age"][0] for p in people if 0 <= p["age"][1] < 18]
    adults = [p["age"][0] for p in people if p["age"][1] >= 18]
    cs5 = mean([float(error <= 5) for error in errors(people)])
    covered = mean([float(inside_interval(row, age)) for row, age in (p["age"] for p in people) if age != MISSING])
    return {
        "n": len(people),
        "age": {
            "mae": mean(errors(people)),
            "bias": mean(signed_errors(people)),
            "cs5": cs5,
            "cross_entropy": entropy("age", 1),
            "coverage": covered,
        },
        "gender": class_measures(GENDER),
        "race": class_measures(RACE),
        "minors": {
            "n": len(minors),
            "called_adult": mean([float(expected_age(row) >= 18) for row in minors]),
            "not_suspected": mean([float(sum(row[:17]) < 0.1 * sum(row)) for row in minors]),
        },
        "adults": {
            "n": len(adults),
            "called_minor": mean([float(expected_age(row) < 18) for row in adults]),
            "suspected": mean([float(sum(row[:17]) >= 0.1 * sum(row)) for row in adults]),
        },
        "groups": {
            "age": {name: group([p for p in people if a <= p["age"][1] <= b]) for name, (a, b) in BANDS.items()},
            "gender": {
                name: group([p for p in people if p["gender"][1] == k]) for k, name in enumerate(GENDER.classes)
            },
            "race": {name: group([p for p in people if p["race"][1] == k]) for k, name in enumerate(RACE.classes)},
        },
    }


def assert_agree(found: Any, wanted: Any, path: str = "") -> None:
    if isinstance(wanted, dict):
        assert list(found) == list(wanted), path
        for key in wanted:
            assert_agree(found[key], wanted[key], f"{path}/{key}")
    elif isinstance(wanted, float):
        decimals = 3 if path.endswith(("mae", "bias")) else 4
        assert found == pytest.approx(wanted, abs=0.51 * 10**-decimals), path
        assert found == round(found, decimals), path
    else:
        assert found == wanted and type(found) is type(wanted), path


@pytest.mark.parametrize("n", [0, 1, 7, 400])
def test_agrees_with_oracle(n: int) -> None:
    probabilities, labels = random_case(n, seed=n)
    figures = evaluate(HEADS, probabilities, labels)
    assert_agree(figures, oracle(probabilities, labels))
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def one_hot(head: Head, numbers: list[int]) -> np.ndarray:
    return np.eye(head.width, dtype=np.float32)[numbers]


def test_by_hand() -> None:
    answers = [18, 10, 17, 40]
    probabilities = {"age": one_hot(AGE, [age - 1 for age in answers]), "gender": one_hot(GENDER, [0, 1, 1, 1])}
    labels = {"age": np.array([17, 10, 22, 46]), "gender": np.array([0, 1, 0, MISSING])}
    figures = evaluate((AGE, GENDER), probabilities, labels)
    assert figures["age"] == {
        "mae": 3.0,
        "bias": -2.5,
        "cs5": 0.75,
        "cross_entropy": round(0.75 * math.log(1e7), 4),
        "coverage": 0.25,
    }
    assert figures["gender"]["ece"] == 0.3333
    assert figures["gender"]["accuracy"] == figures["gender"]["macro_f1"] == 0.6667
    assert figures["minors"] == {"n": 2, "called_adult": 0.5, "not_suspected": 0.5}
    assert figures["adults"] == {"n": 2, "called_minor": 0.5, "suspected": 0.5}
    assert figures["groups"]["gender"]["Male"] == {"n": 2, "age_mae": 3.0, "age_bias": -2.0, "gender_accuracy": 0.5}
    assert figures["groups"]["age"]["41-60"] == {"n": 1, "age_mae": 6.0, "age_bias": -6.0, "gender_accuracy": None}
    assert figures["groups"]["age"]["61-93"] == {"n": 0, "age_mae": None, "age_bias": None, "gender_accuracy": None}


def test_right_answers_cost_nothing() -> None:
    figures = evaluate((GENDER,), {"gender": one_hot(GENDER, [1, 1])}, {"gender": np.array([1, 1])})
    assert figures["gender"] == {"accuracy": 1.0, "cross_entropy": 0.0, "macro_f1": 1.0, "ece": 0.0}
    assert math.copysign(1, figures["gender"]["cross_entropy"]) == 1  # not "-0.0" in the JSON


def test_macro_f1_takes_the_classes_that_occur() -> None:
    answers, labels = {"race": one_hot(RACE, [0, 1])}, {"race": np.array([0, 0])}
    assert evaluate((RACE,), answers, labels)["race"]["macro_f1"] == 0.3333  # White 2/3, Black 0, no others


def test_heads_left_out() -> None:
    probabilities, labels = random_case(50)
    whole = evaluate(HEADS, probabilities, labels)
    del probabilities["age"]
    figures = evaluate(HEADS, probabilities, labels)
    assert list(figures) == ["n", "gender", "race", "groups"]
    assert figures["race"] == whole["race"]
    for kind, groups in figures["groups"].items():
        for name, entry in groups.items():
            assert list(entry) == ["n", "gender_accuracy", "race_accuracy"]
            assert entry.items() <= whole["groups"][kind][name].items()
    assert list(evaluate((AGE, GENDER), {}, labels)["groups"]) == ["age", "gender"]


def test_other_heads() -> None:
    heads = (AgeHead(youngest=10, oldest=20), ClassHead("glasses", ("no", "yes")))
    probabilities, labels = random_case(60, heads=heads)
    figures = evaluate(heads, probabilities, labels)
    assert list(figures["groups"]["age"]) == ["10-12", "13-17", "18-20"]
    assert sum(group["n"] for group in figures["groups"]["age"].values()) == np.sum(labels["age"] != MISSING)
    assert list(figures["groups"]["glasses"]["yes"]) == ["n", "age_mae", "age_bias", "glasses_accuracy"]
    assert "glasses accuracy" in format_figures(figures)


def test_inputs_stay() -> None:
    probabilities, labels = random_case(20)
    for array in (*probabilities.values(), *labels.values()):
        array.flags.writeable = False
    evaluate(HEADS, probabilities, labels)


def test_not_a_number() -> None:
    probabilities, labels = random_case(5)
    probabilities["race"][2, 3] = np.nan
    with pytest.raises(FaceKitError, match=r"must be finite\. Received: NaN or infinity for race"):
        evaluate(HEADS, probabilities, labels)
