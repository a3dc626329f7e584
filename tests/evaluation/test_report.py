"""The report: its numbers against plain loops, and a page that needs nothing else."""

import base64
import json
import math
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from test_evaluation import random_case

from facekit.core.errors import FaceKitError
from facekit.datasets.records import Faces, Record
from facekit.evaluation.evaluate import Answers
from facekit.evaluation.metrics import calibration_error, evaluate
from facekit.evaluation.model_card import model_card
from facekit.evaluation.report import write_report
from facekit.evaluation.report.intersections import LEAST, crossed
from facekit.evaluation.report.numbers import report_numbers
from facekit.evaluation.report.statistics import RESAMPLES, central, least_calibration_error, resampled_sums, wilson
from facekit.heads import AGE, GENDER, MISSING, RACE, AgeHead, ClassHead, Head
from facekit.networks.calibration import Calibration
from facekit.networks.cards import Card
from facekit.recipes.recipe import NetworkConfig

HEADS: tuple[Head, ...] = (AGE, GENDER, RACE)
MOOD = ClassHead("mood", ("Calm & <b>", "Happy", "Sad"))


def answers(
    heads: Sequence[Head] = HEADS, n: int = 120, judged: Sequence[Head] | None = None, seed: int = 0
) -> Answers:
    """Random answers on random chips; a fifth of the labels is missing."""
    probabilities, labels = random_case(n, seed, tuple(heads))
    records = [
        Record(f"{k}.jpg", f"{k} <script>.jpg", f"{k:04}", {name: int(rows[k]) for name, rows in labels.items()})
        for k in range(n)
    ]
    chips = np.random.default_rng(seed).integers(0, 256, (n, 40, 40, 3), np.uint8)
    card = Card(name="a & b", network=NetworkConfig(backbone="tiny", input_size=40, heads=tuple(heads)))
    judged = judged or heads
    kept = {head.name: probabilities[head.name] for head in judged}
    return Answers(
        card, judged, "utkface", "test", Faces(records, chips, np.empty((n, 0), np.float32), {"bad": 2}), kept
    )


def slow_error(rows: list[list[float]], truth: list[int]) -> float:
    """The expected calibration error, bin after bin."""
    total = 0.0
    for number in range(15):
        inside = [k for k, row in enumerate(rows) if min(int(max(row) * 15), 14) == number]
        if inside:
            confidence = sum(max(rows[k]) for k in inside) / len(inside)
            right = sum(rows[k].index(max(rows[k])) == truth[k] for k in inside) / len(inside)
            total += len(inside) / len(rows) * abs(confidence - right)
    return total


@pytest.mark.parametrize("head", [GENDER, RACE])
def test_calibration_error_against_loops(head: Head) -> None:
    probabilities, labels = random_case(300, heads=(head,))
    rows, truth = probabilities[head.name].astype(float), np.maximum(labels[head.name], 0)
    rows[0] = np.eye(len(head.classes))[0]  # certain: falls into the last bin
    assert calibration_error(rows, truth) == pytest.approx(slow_error(rows.tolist(), truth.tolist()), abs=6e-5)
    assert calibration_error(rows[:0], truth[:0]) is None


def test_chance_alone_shows_this_calibration_error() -> None:
    generator = np.random.default_rng(1)
    rows = generator.dirichlet((1, 1, 1), 150)
    errors = []
    for _ in range(300):
        drawn = [generator.choice(3, p=row) for row in rows]
        errors.append(calibration_error(rows, np.array(drawn)))
    assert least_calibration_error(rows) == pytest.approx(np.mean(errors), rel=0.05)
    assert calibration_error(rows, rows.argmax(axis=1)) > 2 * least_calibration_error(rows)  # type: ignore[operator]


def test_bootstrap_against_loops() -> None:
    values = np.random.default_rng(2).exponential(5, 80)
    low, high = central(resampled_sums(values[:, None])[:, 0] / 80)
    generator = random.Random(0)
    means = sorted(sum(generator.choices(values.tolist(), k=80)) / 80 for _ in range(4000))
    spread = means[3900] - means[100]
    assert (low, high) == pytest.approx((means[100], means[3900]), abs=0.1 * spread)
    again = resampled_sums(values[:, None])
    assert again.shape == (RESAMPLES, 1)
    np.testing.assert_array_equal(again, resampled_sums(values[:, None]))


def test_bootstrap_in_blocks_draws_whole_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facekit.evaluation.report.statistics._AT_ONCE", 7 * 30)
    sums = resampled_sums(np.c_[np.ones(30), np.arange(30)])
    assert sums.shape == (RESAMPLES, 2) and (sums[:, 0] == 30).all()
    assert np.ptp(sums[:, 1]) > 0


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(3)
    held = []
    for _ in range(200):
        low, high = wilson(int(generator.binomial(40, 0.9)), 40)
        held.append(low <= 0.9 <= high)  # type: ignore[operator]
    assert 0.9 <= np.mean(held) <= 1
    assert wilson(0, 0) == (None, None) == central(np.array([math.nan]))
    assert wilson(20, 20)[1] == 1 and 0.8 < wilson(20, 20)[0] < 0.9  # type: ignore[operator]
    assert wilson(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)  # by hand


def test_numbers_against_loops() -> None:
    judged = answers(n=400)
    numbers, labels = report_numbers(judged), judged.labels
    assert numbers["figures"] == judged.figures
    known = [k for k in range(400) if labels["age"][k] != MISSING]
    ages, errors = AGE.expected(judged.probabilities["age"]), {}
    for k in known:
        errors[k] = abs(float(ages[k]) - int(labels["age"][k]))
    section = numbers["heads"]["age"]
    assert section["n"] == len(known) == sum(band["n"] for band in section["bands"].values())
    for year, share in zip(section["cumulative"]["years"], section["cumulative"]["share"], strict=True):
        assert share == pytest.approx(sum(error <= year for error in errors.values()) / len(known), abs=1e-5)
    low, high = AGE.quantile(judged.probabilities["age"], 0.25), AGE.quantile(judged.probabilities["age"], 0.75)
    inside = sum(low[k] <= labels["age"][k] <= high[k] for k in known) / len(known)
    assert dict(zip(section["levels"]["nominal"], section["levels"]["share"], strict=True))[0.5] == pytest.approx(
        inside, abs=1e-5
    )
    assert sum(section["pit"]) == pytest.approx(1, abs=1e-4)
    race = numbers["heads"]["race"]
    for label, row in enumerate(race["confusion"]):
        for answer, count in enumerate(row):
            rows = judged.probabilities["race"]
            assert count == sum(labels["race"][k] == label and rows[k].argmax() == answer for k in range(400))
    assert sum(entry["n"] for entry in race["reliability"]) == race["n"]
    for section in numbers["heads"].values():
        for measure, entry in section["measures"].items():
            if measure != "ece":
                assert entry["interval"][0] <= entry["value"] <= entry["interval"][1], measure
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers


def test_crossings_against_loops() -> None:
    probabilities, labels = random_case(2500, heads=HEADS)
    rows = {name: values.astype(float) for name, values in probabilities.items()}
    table = crossed(HEADS, rows, labels)
    assert table["by"] == ["gender", "race", "age"]
    cell = next(cell for cell in table["cells"] if cell["group"] == ["Female", "Asian", "26-40"])
    people = [
        k for k in range(2500) if (labels["gender"][k], labels["race"][k]) == (1, 2) and 26 <= labels["age"][k] <= 40
    ]
    assert cell["n"] == len(people) > 0
    errors = [abs(float(AGE.expected(rows["age"][[k]])[0]) - int(labels["age"][k])) for k in people]
    assert cell["measures"]["age"]["value"] == pytest.approx(sum(errors) / len(errors))
    right = [rows["race"][k].argmax() == 2 for k in people]
    assert cell["measures"]["race"]["value"] == pytest.approx(sum(right) / len(right))
    for name, found in table["extremes"].items():
        values = {k: c["measures"][name]["value"] for k, c in enumerate(table["cells"]) if c["n"] >= LEAST}
        worst = (max if name == "age" else min)(values.values())
        assert values[found["worst"]] == worst
        assert found["gap"] == pytest.approx(max(values.values()) - min(values.values()))


def test_worst_are_a_hundred_from_the_worst_on() -> None:
    judged = answers(n=600)
    worst = report_numbers(judged)["worst"]
    assert sum(map(len, worst.values())) == 100
    ages, labels = AGE.expected(judged.probabilities["age"]), judged.labels
    errors = [abs(float(ages[entry["place"]]) - entry["label"]) for entry in worst["age"]]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] == pytest.approx(max(abs(ages - labels["age"])[labels["age"] != MISSING]))
    for entry in worst["race"]:
        assert entry["label"] == RACE.classes[labels["race"][entry["place"]]] != entry["answer"]["label"]
        assert entry["name"] == judged.faces.records[entry["place"]].key


class Page(HTMLParser):
    """What a page loads, links and says; whether its tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.loaded += [value for name, value in attrs if name in ("src", "srcset") and value]
        self.links += [values["href"] or ""] if "href" in values else []
        self.ids |= {values["id"] or ""} if "id" in values else set()
        assert tag not in ("script", "link", "iframe")
        assert tag != "img" or values["alt"]
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read_page(folder: Path) -> tuple[Page, dict[str, Any]]:
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//\w|url\(|@import|None|nan\b", re.sub(r"base64,[\w+/=]+", "", text))
    page = Page(text)
    for uri in page.loaded:
        kind, _, content = uri.partition(";base64,")
        decoded = base64.b64decode(content, validate=True)
        if kind == "data:image/jpeg":
            Image.open(BytesIO(decoded)).load()
        else:
            assert kind == "data:image/svg+xml" and ElementTree.fromstring(decoded).tag.endswith("svg")
            assert not re.search(rb'(href|src)="(?!#)', decoded)
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    return page, json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_page_needs_nothing_else(tmp_path: Path) -> None:
    assert write_report(answers(n=2500), tmp_path / "new" / "report") == tmp_path / "new" / "report" / "report.html"
    page, numbers = read_page(tmp_path / "new" / "report")
    assert (
        len([uri for uri in page.loaded if uri.startswith("data:image/jpeg")])
        == sum(map(len, numbers["worst"].values()))
        == 100
    )
    assert len([uri for uri in page.loaded if uri.startswith("data:image/svg")]) == 2 * (4 + 1 + 1)  # light and dark
    measures = {name: section["measures"] for name, section in numbers["heads"].items()}
    for said in (
        "a & b",
        f"{measures['age']['mae']['value']:.2f} years",
        f"{measures['race']['accuracy']['value']:.1%}",
        "minors called adults",
        "Non-commercial research only",
        "estimated",
        "Largest gap",
        "2 bad",
    ):
        assert said in page.text
    assert sorted(path.name for path in (tmp_path / "new" / "report").iterdir()) == ["report.html", "report.json"]


def test_same_answers_give_the_same_page_over_an_old_one(tmp_path: Path) -> None:
    write_report(answers(n=60, seed=1), tmp_path)
    first = [(tmp_path / name).read_bytes() for name in ("report.html", "report.json")]
    write_report(answers(n=60, seed=2), tmp_path)
    assert (tmp_path / "report.html").read_bytes() != first[0]
    write_report(answers(n=60, seed=1), tmp_path)
    assert [(tmp_path / name).read_bytes() for name in ("report.html", "report.json")] == first


@pytest.mark.parametrize(
    ("heads", "judged"),
    [
        ((AGE,), None),
        ((RACE,), None),
        ((MOOD,), None),
        (HEADS, (AGE, GENDER)),
        ((*HEADS, MOOD), None),
        ((AgeHead(youngest=20, oldest=40), MOOD), None),
        ((AGE, ClassHead("name", tuple(f"n{k}" for k in range(30)))), None),
    ],
    ids=["age", "race", "other", "without race", "four", "adults only", "many classes"],
)
def test_page_of_any_heads(heads: tuple[Head, ...], judged: tuple[Head, ...] | None, tmp_path: Path) -> None:
    write_report(answers(heads, judged=judged), tmp_path)
    page, numbers = read_page(tmp_path)
    names = [head.name for head in judged or heads]
    assert list(numbers["heads"]) == names
    for name in names:
        assert f"Estimated {name}" in page.text
    if judged:
        assert "race" not in json.dumps({**numbers, "weights": 0, "licence": 0})
        assert not [name for name in RACE.classes if name in page.text]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_page_of_few_records(n: int, tmp_path: Path) -> None:
    write_report(answers(n=n), tmp_path)
    _, numbers = read_page(tmp_path)
    assert numbers["figures"]["n"] == n and numbers["crossed"]["extremes"] == {}


def test_page_of_a_head_without_labels(tmp_path: Path) -> None:
    some = answers(n=40)
    records = [replace(record, labels={"gender": record.labels["gender"]}) for record in some.faces.records]
    write_report(replace(some, faces=replace(some.faces, records=records)), tmp_path)
    page, numbers = read_page(tmp_path)
    assert list(numbers["heads"]) == ["gender"] and numbers["crossed"]["by"] == ["gender"]
    assert "Minors and adults" not in page.text
    records = [replace(record, labels={}) for record in some.faces.records]
    write_report(replace(some, faces=replace(some.faces, records=records)), tmp_path)
    assert read_page(tmp_path)[1]["heads"] == {}


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(FaceKitError, match=r"^Cannot make the folder .*file.*: .*\. Name another\.$"):
            write_report(answers(n=3), folder)


def test_plots_leave_matplotlib_as_it_was(tmp_path: Path) -> None:
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    write_report(answers(n=30), tmp_path)
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []


def test_model_card_says_what_the_card_knows() -> None:
    some = answers(n=200)
    card = replace(
        some.card,
        data={
            "dataset": "utkface",
            "train": 1800,
            "test": 200,
            "split_rule": "By name.",
            "seed": 7,
            "dropped": {"bad": 2},
        },
        figures=some.figures,
        calibration=Calibration({"age": 1.1, "race": 1.25}, 900),
        tensors_sha256="abc",
    )
    text = model_card(card)
    for said in (
        "# a & b\n",
        "age (93 classes), gender (2 classes), race (5 classes)",
        "1,800 train, 200 test",
        "2 bad",
        "By name. Seed 7.",
        f"| estimated age | MAE, years | {some.figures['age']['mae']:.2f} |",
        f"| minors called adults | of {some.figures['minors']['n']:,} |",
        "| labelled |  | n | age, MAE, years | gender, accuracy | race, accuracy |",
        "|  | Female |",
        "age 1.100, race 1.250",
        "fitted on 900 records",
        "must not be used for",
        "Do not decide about people",
        "## Limits",
        f"## Licence\n\n{card.licence}",
    ):
        assert said in text
    bare = model_card(some.card)
    assert "How good" not in bare and "the network's own" in bare


def test_model_card_of_other_heads() -> None:
    some = answers((AGE, MOOD), n=50)
    text = model_card(replace(some.card, figures=evaluate(some.heads, some.probabilities, some.labels)))
    assert "| mood |" in text and "mood, accuracy" in text
