"""The tables and pictures beside a report's page, against plain loops."""

import csv
import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import AGE_NUMBER, HEIGHT, MOOD, predictions
from PIL import Image
from test_curves import history
from test_report import read_page

from facekit.core.errors import FaceKitError
from facekit.evaluation.curves import draw_curves
from facekit.evaluation.report import write_report
from facekit.evaluation.report.files import CURVES
from facekit.evaluation.report.pictures import confusion_matrix, prediction_grid, sample
from facekit.heads import AGE, GENDER, MISSING, RACE, ClassHead
from facekit.training.callbacks import write_history

pytestmark = pytest.mark.usefixtures("working_folder")


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


CONFUSION = ("confusion.csv", "confusion.png")


def test_files_beside_the_page(tmp_path: Path) -> None:
    made = predictions((AGE, RACE, HEIGHT, MOOD), n=300)
    write_report(made, tmp_path / "report")
    heads = {f"{name}-{file}" for name in ("age", "race", "mood") for file in ("report.csv", *CONFUSION)}
    rest = {"height-report.csv", "predictions.csv", "predictions.png", "report.html", "report.json"}
    assert {path.name for path in (tmp_path / "report").iterdir()} == {*heads, *rest}  # a height has no bands
    for path in (tmp_path / "report").glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
            assert min(picture.size) > 300

    for head in (AGE, RACE, MOOD):
        rows = read_csv(tmp_path / "report" / f"{head.name}-confusion.csv")
        labelled, groups = made.labels[head.name], list(head.groups(made.labels[head.name]))
        assert [row["labelled"] for row in rows] == groups == list(rows[0])[1:]
        for name, inside in head.groups(labelled).items():
            row = next(row for row in rows if row["labelled"] == name)
            assert sum(int(row[group]) for group in groups) == inside.sum()

    rows = read_csv(tmp_path / "report" / "predictions.csv")
    assert [row["name"] for row in rows] == [record.key for record in made.faces.records]
    for k, row in enumerate(rows):
        for head in (AGE, RACE, HEIGHT, MOOD):
            label, (answer,) = made.labels[head.name][k], head.decode(made.outputs[head.name][[k]])
            assert row[f"{head.name}_label"] == ("" if label == MISSING else str(head.label_name(label)))
            assert {name: row[name] for name in head.columns} == {
                name: str(value) for name, value in answer.fields(head.name).items()
            }


@pytest.mark.parametrize("head", [GENDER, RACE, ClassHead("mood", ("a", "b", "c", "never"))])
def test_classification_table_against_loops(head: ClassHead) -> None:
    random = np.random.default_rng(3)
    rows, truth = random.dirichlet(np.ones(head.width), 50), random.integers(0, min(head.width, 3), 50)
    rows[:, 3:4] = 0  # is never answered, nor labelled
    answers, table = rows.argmax(axis=1), head.report(rows, truth)["table"]
    expected: list[dict[str, Any]] = []
    for k, name in enumerate(head.classes):
        hits = sum(a == t == k for a, t in zip(answers, truth, strict=True))
        answered, support = sum(a == k for a in answers), sum(t == k for t in truth)
        precision, recall = hits / answered if answered else None, hits / support if support else None
        f1 = 2 * hits / (answered + support) if answered + support else None
        expected.append({"class": name, "precision": precision, "recall": recall, "f1": f1, "support": support})
    classes = list(expected)
    for title, weigh in (("macro average", lambda row: 1), ("weighted average", lambda row: row["support"])):
        means = {}
        for name in ("precision", "recall", "f1"):
            pairs = [(weigh(row), row[name]) for row in classes if row[name] is not None]
            means[name] = sum(weight * value for weight, value in pairs) / sum(weight for weight, _ in pairs)
        expected.append({"class": title, **means, "support": 50})
    assert table == [pytest.approx(row) for row in expected]
    measures = head.measures(rows, truth)
    assert (table[-2]["f1"], table[-1]["recall"]) == pytest.approx(
        (measures["macro_f1"], measures["accuracy"]), abs=1e-4
    )


@pytest.mark.parametrize("head", [AGE, AGE_NUMBER, HEIGHT])
def test_table_of_a_number_against_loops(head: Any) -> None:
    made = predictions((head,), n=200)
    labels = made.labels[head.name]
    known = [k for k in range(200) if labels[k] != MISSING]
    rows, truth = made.outputs[head.name][known], labels[known]
    *bands, whole = head.report(rows, truth)["table"]
    errors = [float(value) - float(label) for value, label in zip(head.values(rows), truth, strict=True)]
    mean = sum(map(float, truth)) / len(truth)
    r2 = 1 - sum(error**2 for error in errors) / sum((float(label) - mean) ** 2 for label in truth)
    assert whole["r2"] == pytest.approx(r2, abs=1e-4) and whole["bias"] == pytest.approx(sum(errors) / len(errors))
    assert whole["n"] == len(known) == sum(band["n"] for band in bands)
    assert whole["mae"] * whole["n"] == pytest.approx(sum(band["mae"] * band["n"] for band in bands))
    alike = head.report(rows[:1], truth[:1])["table"][-1]
    assert alike["r2"] is None and alike["n"] == 1  # without a spread of labels


def test_an_expected_age_at_the_edge_is_counted() -> None:
    rows = np.zeros((2, AGE.width), np.float32)
    rows[0, 0] = rows[1, -1] = 0.1
    rows[:, 40] = 1e-9  # sums may round to less than the youngest, or more than the oldest
    assert np.trace(AGE.report(rows, np.array([1, 93]))["confusion"]) == 2


def test_names_are_drawn_as_they_are() -> None:
    """A dollar begins no formula, and classes by the dozen have no numbers in their cells."""
    few = {"groups": ["$a$_", "b"], "confusion": [[3, 1], [0, 0]]}
    figure = confusion_matrix("mood", few)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == few["groups"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["$a$_\nn 4", "b\nn 0"]
    assert [text.get_text() for text in axes.texts] == ["75%\n3", "25%\n1"]
    many = {"groups": [str(k) for k in range(30)], "confusion": np.ones((30, 30), int).tolist()}
    assert not confusion_matrix("forename", many).axes[0].texts


@pytest.mark.parametrize("n", [1, 5, 400])
def test_grid_of_predictions(n: int) -> None:
    places = sample(n)
    assert len(set(places)) == min(n, 16) and max(places) < n and (places == sample(n)).all()
    chips = np.zeros((len(places), 8, 8, 3), np.uint8)
    figure = prediction_grid(chips, [[("mood", "$calm$", f"Happy {k}%")] for k in range(len(places))])
    shown = [axes.get_xlabel() for axes in figure.axes if axes.images]
    assert shown == [f"mood $calm$, estimated Happy {k}%" for k in range(len(places))]


def test_curves_of_the_training(page_only: None, tmp_path: Path) -> None:
    """Of the run that the card is named after; without its log, one line says that they are left out."""
    made, log = predictions((GENDER,), n=30), Path("logs", "a & b", "history.csv")
    log.parent.mkdir(parents=True)
    missing = "Curves are left out: logs/a & b/history.csv is not in the working folder, or is damaged."
    write_history(log, history(3))
    write_report(made, tmp_path / "report")
    draw_curves(tmp_path / "expected.png", history(3))
    assert (tmp_path / "report" / CURVES).read_bytes() == (tmp_path / "expected.png").read_bytes()
    page, _ = read_page(tmp_path / "report")
    assert missing not in page.text and [uri for uri in page.loaded if uri.startswith("data:image/png")]
    for content in (None, b"", b"epoch,loss\n1,high\n", b"\xff\xfe\n"):
        if content is None:
            log.unlink()
        else:
            log.write_bytes(content)
        write_report(made, tmp_path / "report")
        page, _ = read_page(tmp_path / "report")
        assert missing in page.text and not (tmp_path / "report" / CURVES).exists()  # none of an older report


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    with pytest.raises(FaceKitError, match=r"^Cannot write .*gender-confusion\.png: No space left on device\."):
        write_report(predictions((GENDER,), n=9), tmp_path)
    assert not list(tmp_path.glob(".*"))
