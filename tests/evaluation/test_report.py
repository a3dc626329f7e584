"""The report: its numbers against plain loops, and a page that needs nothing else."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from cases import HEADS, MOOD, predictions, random_case
from matplotlib.ticker import PercentFormatter
from PIL import Image

from facekit.core.errors import FaceKitError
from facekit.evaluation.report import write_report
from facekit.evaluation.report.head_section import _PLOTS
from facekit.evaluation.report.intersections import LEAST, cross_groups
from facekit.evaluation.report.numbers import report_numbers
from facekit.evaluation.report.plots import LIGHT, render
from facekit.heads import AGE, GENDER, MISSING, RACE, AgeHead, ClassHead, Head

pytestmark = pytest.mark.usefixtures("page_only")


def test_numbers_against_loops() -> None:
    made = predictions(n=400)
    numbers, labels = report_numbers(made), made.labels
    assert numbers["figures"] == made.figures
    known = [k for k in range(400) if labels["age"][k] != MISSING]
    ages, errors = AGE.values(made.outputs["age"]), {}
    for k in known:
        errors[k] = abs(float(ages[k]) - int(labels["age"][k]))
    section = numbers["heads"]["age"]
    assert section["n"] == len(known) == sum(band["n"] for band in section["bands"].values())
    for year, share in zip(section["cumulative"]["years"], section["cumulative"]["share"], strict=True):
        assert share == pytest.approx(sum(error <= year for error in errors.values()) / len(known), abs=1e-5)
    low, high = AGE.quantile(made.outputs["age"], 0.25), AGE.quantile(made.outputs["age"], 0.75)
    inside = sum(low[k] <= labels["age"][k] <= high[k] for k in known) / len(known)
    assert dict(zip(section["levels"]["nominal"], section["levels"]["share"], strict=True))[0.5] == pytest.approx(
        inside, abs=1e-5
    )
    assert sum(section["pit"]) == pytest.approx(1, abs=1e-4)
    race = numbers["heads"]["race"]
    for label, row in enumerate(race["confusion"]):
        for answer, count in enumerate(row):
            rows = made.outputs["race"]
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
    table = cross_groups(HEADS, rows, labels)
    assert table["by"] == ["gender", "race", "age"]
    cell = next(cell for cell in table["cells"] if cell["group"] == ["Female", "Asian", "26-40"])
    people = [
        k for k in range(2500) if (labels["gender"][k], labels["race"][k]) == (1, 2) and 26 <= labels["age"][k] <= 40
    ]
    assert cell["n"] == len(people) > 0
    errors = [abs(float(AGE.values(rows["age"][[k]])[0]) - int(labels["age"][k])) for k in people]
    assert cell["measures"]["age"]["value"] == pytest.approx(sum(errors) / len(errors))
    right = [rows["race"][k].argmax() == 2 for k in people]
    assert cell["measures"]["race"]["value"] == pytest.approx(sum(right) / len(right))
    for name, found in table["extremes"].items():
        values = {k: c["measures"][name]["value"] for k, c in enumerate(table["cells"]) if c["n"] >= LEAST}
        worst = (max if name == "age" else min)(values.values())
        assert values[found["worst"]] == worst
        assert found["gap"] == pytest.approx(max(values.values()) - min(values.values()))


def test_worst_are_a_hundred_from_the_worst_on() -> None:
    made = predictions(n=600)
    worst = report_numbers(made)["worst"]
    assert sum(map(len, worst.values())) == 100
    ages, labels = AGE.values(made.outputs["age"]), made.labels
    errors = [abs(float(ages[entry["place"]]) - entry["label"]) for entry in worst["age"]]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] == pytest.approx(max(abs(ages - labels["age"])[labels["age"] != MISSING]))
    for entry in worst["race"]:
        assert entry["label"] == RACE.classes[labels["race"][entry["place"]]] != entry["answer"]["label"]
        assert entry["name"] == made.faces.records[entry["place"]].key


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
        if kind in ("data:image/jpeg", "data:image/png"):
            Image.open(BytesIO(decoded)).load()
        else:
            assert kind == "data:image/svg+xml" and ElementTree.fromstring(decoded).tag.endswith("svg")
            assert not re.search(rb'(href|src)="(?!#)', decoded)
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    return page, json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_page_needs_nothing_else(tmp_path: Path) -> None:
    assert write_report(predictions(n=2500), tmp_path / "new" / "report") == tmp_path / "new" / "report" / "report.html"
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


def test_same_answers_give_the_same_page_over_an_old_one(tmp_path: Path) -> None:
    write_report(predictions(n=60, seed=1), tmp_path)
    first = [(tmp_path / name).read_bytes() for name in ("report.html", "report.json")]
    write_report(predictions((GENDER,), n=60, seed=2), tmp_path)
    assert (tmp_path / "report.html").read_bytes() != first[0]
    write_report(predictions(n=60, seed=1), tmp_path)
    assert [(tmp_path / name).read_bytes() for name in ("report.html", "report.json")] == first


@pytest.mark.parametrize(
    ("heads", "evaluated"),
    [
        ((AGE,), None),
        ((RACE,), None),
        ((MOOD,), None),
        (HEADS, (AGE, GENDER)),
        ((*HEADS, MOOD), None),
        ((AgeHead(youngest=20, oldest=40), MOOD), None),
        ((AGE, ClassHead("forename", tuple(f"n{k}" for k in range(30)))), None),
    ],
    ids=["age", "race", "other", "without race", "four", "adults only", "many classes"],
)
def test_page_of_any_heads(heads: tuple[Head, ...], evaluated: tuple[Head, ...] | None, tmp_path: Path) -> None:
    write_report(predictions(heads, evaluated=evaluated), tmp_path)
    page, numbers = read_page(tmp_path)
    names = [head.name for head in evaluated or heads]
    assert list(numbers["heads"]) == names
    for name in names:
        assert f"Estimated {name}" in page.text
    if evaluated:
        assert "race" not in json.dumps({**numbers, "weights": 0, "licence": 0})
        assert not [name for name in RACE.classes if name in page.text]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_page_of_few_records(n: int, tmp_path: Path) -> None:
    write_report(predictions(n=n), tmp_path)
    _, numbers = read_page(tmp_path)
    assert numbers["figures"]["n"] == n and numbers["crossed"]["extremes"] == {}


def test_page_of_a_head_without_labels(tmp_path: Path) -> None:
    some = predictions(n=40)
    records = [replace(record, labels={"gender": record.labels.get("gender")}) for record in some.faces.records]
    write_report(replace(some, faces=replace(some.faces, records=records)), tmp_path)
    page, numbers = read_page(tmp_path)
    assert list(numbers["heads"]) == ["gender"] and numbers["crossed"]["by"] == ["gender"]
    assert "Minors and adults" not in page.text
    records = [replace(record, labels={}) for record in some.faces.records]
    write_report(replace(some, faces=replace(some.faces, records=records)), tmp_path)
    assert read_page(tmp_path)[1]["heads"] == {}


@pytest.mark.parametrize("n", [1, 40, 2500])
def test_plots_are_legible(n: int) -> None:
    """No legend covers a value, and the percentages of the ticks are what they say."""
    numbers = report_numbers(predictions(n=n))
    for name, section in numbers["heads"].items():
        for draw in [draw for key, (draw, _, _) in _PLOTS.items() if key in section]:
            figure = render(draw, {"name": name, **section}, LIGHT)
            figure.draw_without_rendering()
            (axes,) = figure.axes
            drawn = axes.get_window_extent()
            assert all(legend.get_window_extent().y0 >= drawn.y1 for legend in figure.legends)
            assert axes.get_legend() is None
            for axis in (axes.xaxis, axes.yaxis):
                if isinstance(axis.get_major_formatter(), PercentFormatter):
                    assert [f"{tick:.6g}%" for tick in 100 * axis.get_ticklocs()] == [
                        label.get_text() for label in axis.get_ticklabels()
                    ]


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(FaceKitError, match=r"^Cannot make the folder .*file.*: .*\. Choose another\.$"):
            write_report(predictions(n=3), folder)


def test_plots_leave_matplotlib_as_it_was(tmp_path: Path) -> None:
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    write_report(predictions(n=30), tmp_path)
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []
