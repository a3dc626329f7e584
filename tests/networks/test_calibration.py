"""Calibration: it undoes known distortions, keeps what it must, and travels in the card."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout import ROOT
from numpy.typing import NDArray

from facekit import FaceEstimator
from facekit.core.errors import DataError, WeightsError
from facekit.evaluation.calibration import LEAST_RECORDS, fit_calibration
from facekit.evaluation.evaluate import calibrate_weights
from facekit.heads import AGE, GENDER, INTERVAL, MISSING, RACE, AgeAnswer, AgeHead, ClassHead, Head
from facekit.networks import weights
from facekit.networks.calibration import Calibration
from facekit.networks.cards import Card, read_card
from facekit.networks.runtimes import load_runtime

Rows = NDArray[np.float64]


def softmax(logits: Rows) -> Rows:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def true_case(head: Head, n: int, seed: int = 0) -> tuple[Rows, NDArray[np.int64]]:
    """Probabilities, and labels that are drawn from them."""
    random = np.random.default_rng(seed)
    if isinstance(head, AgeHead):
        centre, spread = random.uniform(5, 85, (n, 1)), random.uniform(2, 10, (n, 1))
        rows = softmax(np.maximum(-(((head.years - centre) / spread) ** 2) / 2, -300))
    else:
        rows = softmax(random.normal(0, 2, (n, head.width)))
    drawn = (rows.cumsum(axis=1) < random.random((n, 1))).sum(axis=1)
    return rows, drawn + (head.youngest if isinstance(head, AgeHead) else 0)


def sharpened(rows: Rows, power: float) -> Rows:
    return softmax(power * np.log(rows))


@pytest.mark.parametrize("head", [GENDER, RACE])
@pytest.mark.parametrize("distortion", [0.5, 1.0, 2.0])
def test_a_known_temperature_is_found(head: ClassHead, distortion: float) -> None:
    rows, labels = true_case(head, 6000)
    probabilities = {head.name: sharpened(rows, distortion)}
    calibration = fit_calibration([head], probabilities, {head.name: labels})
    assert calibration.temperatures[head.name] == pytest.approx(distortion, rel=0.06)
    assert calibration.records == 6000
    restored = calibration.apply([head], probabilities)[head.name]
    assert abs(restored - rows).max() < 0.03


def test_the_temperature_has_the_least_cross_entropy() -> None:
    rows, labels = true_case(RACE, 300)
    rows = sharpened(rows, 1.7)

    def loss(temperature: float) -> float:
        powered = [[p ** (1 / temperature) for p in row] for row in rows.tolist()]
        return sum(-math.log(row[k] / sum(row)) for row, k in zip(powered, labels.tolist(), strict=True))

    found = fit_calibration([RACE], {"race": rows}, {"race": labels}).temperatures["race"]
    assert loss(found) <= min(loss(t) for t in np.linspace(0.5, 4, 71)) + 1e-6


@pytest.mark.parametrize("distortion", [0.5, 1.0, 2.0])
def test_age_intervals_hold_their_share_of_others_and_the_age_stays(distortion: float) -> None:
    rows, labels = true_case(AGE, 1200)
    calibration = fit_calibration([AGE], {"age": sharpened(rows, distortion)}, {"age": labels})
    others, ages = true_case(AGE, 4000, seed=1)
    before = sharpened(others, distortion)
    after = calibration.apply([AGE], {"age": before})["age"]
    inside = [low <= age <= high for (_, low, high), age in zip(bounds(after), ages.tolist(), strict=True)]
    assert np.mean(inside) == pytest.approx(INTERVAL, abs=0.03)
    np.testing.assert_allclose(AGE.values(after), AGE.values(before), atol=1e-6)
    np.testing.assert_allclose(after.sum(axis=1), 1)
    assert calibration.temperatures["age"] == pytest.approx(distortion, rel=0.1)


def bounds(rows: Rows) -> list[tuple[float, float, float]]:
    answers = AGE.decode(rows)
    return [(answer.years, answer.low, answer.high) for answer in answers if isinstance(answer, AgeAnswer)]


@pytest.mark.parametrize("temperature", [0.3, 0.9, 1.2, 3.5])
def test_age_is_kept_at_the_ends_too(temperature: float) -> None:
    certain = np.eye(93, dtype=np.float32)[[0, 1, 45, 92]]
    halves = (certain + certain[::-1]) / 2
    rows = np.concatenate([certain, halves, np.full((1, 93), 1 / 93, np.float32)])
    after = Calibration({"age": temperature}).apply([AGE], {"age": rows})["age"]
    assert after.dtype == np.float32 and np.isfinite(after).all()
    np.testing.assert_allclose(AGE.values(after), AGE.values(rows), atol=0.02)


def test_hotter_is_wider() -> None:
    rows, _ = true_case(AGE, 50)
    widths = []
    for temperature in (0.5, 1.0, 1.5, 3.0):
        answers = bounds(Calibration({"age": temperature}).apply([AGE], {"age": rows})["age"])
        widths.append([high - low for _, low, high in answers])
    assert (np.diff(widths, axis=0) > 0).all()


def test_level_is_where_the_bounds_reach_the_age() -> None:
    rows, ages = true_case(AGE, 500)
    rows[:93], ages[:93] = np.eye(93), np.arange(1, 94)
    inside = [low <= age <= high for (_, low, high), age in zip(bounds(rows), ages.tolist(), strict=True)]
    np.testing.assert_array_equal(AGE.level(rows, ages) <= INTERVAL, inside)
    expected = [sum(row[: age - 1]) + row[age - 1] / 2 for row, age in zip(rows.tolist(), ages.tolist(), strict=True)]
    np.testing.assert_allclose(AGE.below(rows, ages), expected, atol=1e-12)


def test_records_without_a_label_do_not_count() -> None:
    rows, labels = true_case(RACE, 400)
    rows = sharpened(rows, 1.5)
    known = fit_calibration([RACE], {"race": rows[:200]}, {"race": labels[:200]})
    some = fit_calibration([RACE], {"race": rows}, {"race": np.where(np.arange(400) < 200, labels, MISSING)})
    assert some.temperatures == known.temperatures


@pytest.mark.parametrize("n", [0, 1, LEAST_RECORDS - 1, LEAST_RECORDS])
def test_too_few_labels_fit_nothing(n: int) -> None:
    cases = {head.name: true_case(head, n) for head in (AGE, GENDER)}
    found = fit_calibration(
        (AGE, GENDER),
        {name: rows for name, (rows, _) in cases.items()},
        {name: labels for name, (_, labels) in cases.items()},
    )
    assert (found == Calibration()) == (n < LEAST_RECORDS)


def test_answers_that_are_all_right_or_all_wrong_stay_within_bounds() -> None:
    rows, labels = np.full((200, 5), 0.1), np.zeros(200, int)
    rows[:, 0] = 0.6
    for truth in (labels, labels + 1):
        assert 0.25 <= fit_calibration([RACE], {"race": rows}, {"race": truth}).temperatures["race"] <= 4
    ages, far = np.tile(np.eye(93)[[30]], (200, 1)), np.full(200, 80)
    for truth in (far, np.full(200, 31)):
        assert 0.25 <= fit_calibration([AGE], {"age": ages}, {"age": truth}).temperatures["age"] <= 4


def test_without_temperatures_nothing_changes() -> None:
    rows = {"age": true_case(AGE, 5)[0], "race": true_case(RACE, 5)[0]}
    for calibration in (Calibration(), Calibration({"age": 1.0, "other": 2.0})):
        applied = calibration.apply((AGE, RACE), rows)
        assert all(applied[name] is rows[name] for name in rows)


def test_cards_keep_it_and_older_ones_have_none(tiny_weights: Path) -> None:
    card = replace(read_card(tiny_weights), calibration=Calibration({"age": 1.25, "race": 0.9}, 500))
    assert Card.from_json(card.to_json()) == card
    fields = json.loads(card.to_json())
    del fields["calibration"]
    assert Card.from_json(json.dumps(fields)).calibration == Calibration()


@pytest.mark.parametrize(
    "damage", [7, {"temperatures": 7}, {"temperatures": {"age": 0}}, {"temperatures": {"age": "x"}}]
)
def test_damaged_calibration_in_a_card(damage: Any, tiny_weights: Path) -> None:
    fields = json.loads(read_card(tiny_weights).to_json())
    fields["calibration"] = damage
    with pytest.raises(WeightsError, match="The card cannot be read"):
        Card.from_json(json.dumps(fields))


def test_reading_and_applying_need_no_scipy(tiny_weights: Path) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        import numpy as np
        from facekit.networks.calibration import Calibration
        from facekit.networks.cards import read_card
        card = read_card(Path(sys.argv[1]))
        rows = {head.name: np.full((2, head.width), 1 / head.width) for head in card.network.heads}
        Calibration({"age": 2.0, "race": 2.0}).apply(card.network.heads, rows)
        print({"scipy", "keras", "matplotlib"} & sys.modules.keys())
    """
    command = [sys.executable, "-c", code, str(tiny_weights)]
    assert subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout == "set()\n"


@pytest.fixture
def hot(tiny_weights: Path, tmp_path: Path) -> Path:
    """The tiny weights with a calibration, and a card that says how many records are validated with."""
    data = {"sources": [{"dataset": "utkface", "validation_share": 0.4}]}
    card = replace(read_card(tiny_weights), data=data, calibration=Calibration({"age": 1.5, "gender": 2.0}, 500))
    weights.save_weights(weights.read_tensors(tiny_weights), card, tmp_path / "hot.h5")
    return tmp_path / "hot.h5"


def test_whoever_asks_gets_calibrated_answers(hot: Path, tiny_weights: Path, chips: NDArray[np.uint8]) -> None:
    runtime = load_runtime(hot)
    raw, calibrated = runtime.predict_raw(chips), runtime.predict(chips)
    for name, rows in load_runtime(tiny_weights).predict(chips).items():
        np.testing.assert_allclose(raw[name], rows, atol=1e-6)
    odds = raw["gender"][:, 0] / raw["gender"][:, 1]
    np.testing.assert_allclose(calibrated["gender"][:, 0] / calibrated["gender"][:, 1], odds**0.5, rtol=1e-4)
    np.testing.assert_array_equal(calibrated["race"], raw["race"])
    (face,) = FaceEstimator(hot, detector="whole_image").estimate(chips[0])
    assert face.gender is not None and face.age is not None
    assert face.gender.probabilities["Male"] == pytest.approx(calibrated["gender"][0, 0], abs=1e-5)
    assert face.age.years == pytest.approx(float(AGE.values(raw["age"])[0]), abs=1e-3)


@pytest.fixture
def few_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facekit.evaluation.calibration.LEAST_RECORDS", 5)


@pytest.mark.usefixtures("few_will_do")
def test_calibrating_weights_changes_their_card_alone(hot: Path, tiny_utkface: Path) -> None:
    before, card = weights.read_tensors(hot), read_card(hot)
    found = calibrate_weights(hot, "utkface", str(tiny_utkface), None)
    assert found == read_card(hot) == Card.from_json(hot.with_suffix(".json").read_text(encoding="utf-8"))
    assert replace(found, calibration=card.calibration, figures=card.figures) == card
    assert found.calibration != card.calibration and set(found.calibration.temperatures) == {"age", "gender", "race"}
    assert (found.figures["split"], found.figures["dropped"]) == ("test", {})
    for name, tensor in weights.read_tensors(hot).items():
        assert tensor.dtype == before[name].dtype
        np.testing.assert_array_equal(tensor, before[name])
    assert found.calibration == calibrate_weights(hot, "utkface", str(tiny_utkface), None).calibration  # from raw ones
    assert hot.with_suffix(".md").read_text(encoding="utf-8").startswith("# tiny\n")


@pytest.mark.usefixtures("few_will_do")
def test_weights_that_cannot_be_rewritten_stay(hot: Path, tiny_utkface: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    before = hot.read_bytes()
    monkeypatch.setattr("facekit.core.files.os.replace", full)
    with pytest.raises(WeightsError, match=r"Cannot write .*hot\.h5: No space left on device\."):
        calibrate_weights(hot, "utkface", str(tiny_utkface), None)
    assert hot.read_bytes() == before
    assert not [path for path in hot.parent.iterdir() if path.name.startswith(".")]


def test_too_few_on_the_validation_side_are_refused(hot: Path, tiny_utkface: Path) -> None:
    before = hot.read_bytes()
    message = r"^A calibration needs 100 labels or more on the validation side\. Received: \d+ records\. Add"
    with pytest.raises(DataError, match=message):
        calibrate_weights(hot, "utkface", str(tiny_utkface), None)
    assert hot.read_bytes() == before


def test_other_data_than_the_trainings_are_refused(hot: Path, tiny_utkface: Path) -> None:
    card = replace(read_card(hot), data={"dataset": "table"})
    weights.save_weights(weights.read_tensors(hot), card, hot)
    with pytest.raises(WeightsError, match=r"on what they were trained on, table\. Received: utkface\."):
        calibrate_weights(hot, "utkface", str(tiny_utkface), None)
