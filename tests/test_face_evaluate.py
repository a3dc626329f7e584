"""face_evaluate.py: the JSON that other programs rely on."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from checkout import ROOT, Script
from numpy.typing import NDArray

from facekit.networks.cards import ORIGINAL_CARD, read_card
from facekit.networks.legacy import ORIGINAL_HEADS
from facekit.networks.weights import read_tensors, save_weights

SCRIPTS = ("face.py", "face_demo.py", "face_evaluate.py", "face_train.py", "face_video_demo.py")
DEMO = ROOT / "demo_images"
GENDERS = ["Male", "Female"]
RACES = ["White", "Black", "Asian", "Indian", "Others"]


pytestmark = pytest.mark.usefixtures("working_folder")


@pytest.fixture
def evaluate(script: Script, tiny_weights: Path, tiny_utkface: Path) -> Script:
    def run(*arguments: str | Path) -> tuple[int, str, str]:
        data = () if "--data" in arguments else ("--data", tiny_utkface)
        return script("face_evaluate.py", "--weights", tiny_weights, *data, *arguments)

    return run


def check_share(value: float | None, n: int) -> None:
    assert value is None if n == 0 else 0 <= value <= 1


def test_json_of_face_evaluate(evaluate: Script) -> None:
    status, out, err = evaluate("--split", "all", "--json", "-")
    figures = json.loads(out)
    assert status == 0
    assert list(figures) == ["n", "split", "dropped", "age", "gender", "race", "minors", "adults", "groups"]
    assert (figures["n"], figures["split"], figures["dropped"]) == (60, "all", {})
    assert list(figures["age"]) == ["mae", "bias", "cs5", "cross_entropy", "coverage"]
    assert figures["age"]["mae"] > 0 and figures["age"]["cross_entropy"] > 0
    check_share(figures["age"]["cs5"], 60)
    for head in ("gender", "race"):
        assert list(figures[head]) == ["accuracy", "cross_entropy", "macro_f1", "ece"]
        check_share(figures[head]["accuracy"], 60)
        check_share(figures[head]["macro_f1"], 60)
    assert list(figures["minors"]) == ["n", "called_adult", "not_suspected"]
    assert list(figures["adults"]) == ["n", "called_minor", "suspected"]
    for group in (figures["minors"], figures["adults"]):
        for error in list(group)[1:]:
            check_share(group[error], group["n"])
    assert figures["minors"]["n"] == 16 and figures["adults"]["n"] == 44  # of 5 and 16 years, each of 8 times
    bands = ["1-5", "6-12", "13-17", "18-25", "26-40", "41-60", "61-93"]
    for head, classes in {"age": bands, "gender": GENDERS, "race": RACES}.items():
        assert list(figures["groups"][head]) == classes
        assert sum(group["n"] for group in figures["groups"][head].values()) == 60
        for group in figures["groups"][head].values():
            assert list(group) == ["n", "age_mae", "age_bias", "gender_accuracy", "race_accuracy"]
            assert (group["age_mae"] is None) == (group["n"] == 0)
            check_share(group["gender_accuracy"], group["n"])
            check_share(group["race_accuracy"], group["n"])
    assert "minors called adults" in err and "macro-F1" in err


def test_several_data_sets_are_compared(evaluate: Script, tiny_utkface: Path, tmp_path: Path) -> None:
    rows = [f"{path},{path.name.split('_')[0]}" for path in sorted(tiny_utkface.iterdir())[:12]]
    Path("faces.csv").write_text("\n".join(["path,age", *rows]), encoding="utf-8")
    data = ["--data", f"utkface={tiny_utkface}", "--data", "table=faces.csv", "--split", "all"]
    status, out, err = evaluate(*data, "--json", "both.json", "--report", "report")
    assert status == 0, err
    assert [line.split() for line in out.splitlines()[:2]] == [["utkface", "table"], ["records", "60", "12"]]
    figures = json.loads(Path("both.json").read_text(encoding="utf-8"))
    assert {name: entry["n"] for name, entry in figures.items()} == {"utkface": 60, "table": 12}
    assert {path.name for path in Path("report").iterdir()} == {"report.html", "utkface", "table"}
    status, _, err = evaluate(*data, "--calibrate")
    assert status == 2 and "--calibrate takes one data set" in err


def test_table_of_the_same_chips_gives_the_same_figures(evaluate: Script, tiny_utkface: Path) -> None:
    rows = ["path,age,gender,race"]
    for path in sorted(tiny_utkface.iterdir()):
        age, gender, race, _ = path.name.split("_")
        rows.append(f"{path},{age},{GENDERS[int(gender)]},{RACES[int(race)]}")
    Path("faces.csv").write_text("\n".join(rows), encoding="utf-8")
    expected = json.loads(evaluate("--split", "all", "--json", "-")[1])
    _, out, _ = evaluate("--dataset", "table", "--data", "faces.csv", "--split", "all", "--json", "-")
    got = json.loads(out)
    for name in ("age", "gender", "race"):
        for figure, value in expected[name].items():
            stepped = figure in ("ece", "coverage", "cs5")  # one of 60 records on the other side of an edge
            assert got[name][figure] == pytest.approx(value, abs=0.04 if stepped else 2e-3)  # the order of a sum
    assert {**got, "age": 0, "gender": 0, "race": 0, "groups": 0} == {
        **expected,
        "age": 0,
        "gender": 0,
        "race": 0,
        "groups": 0,
    }


def test_sides_of_the_split_make_up_the_whole(evaluate: Script) -> None:
    sizes = {}
    for side, options in {"train": ["--split", "train"], "validation": ["--split", "validation"], "test": []}.items():
        _, out, _ = evaluate("--json", "-", *options)
        figures = json.loads(out)
        assert figures["split"] == side  # the test side is the default
        sizes[side] = figures["n"]
    assert sum(sizes.values()) == 60 and min(sizes.values()) > 0


def test_records_do_not_depend_on_the_evaluated_heads(evaluate: Script, tiny_utkface: Path) -> None:
    shutil.copytree(tiny_utkface, "data")
    old = next(Path("data").iterdir())
    old.rename(old.with_name("95_" + old.name.split("_", 1)[1]))
    for heads in ("gender", "age,gender,race"):
        _, out, _ = evaluate("--data", "data", "--split", "all", "--heads", heads, "--json", "-")
        figures = json.loads(out)
        assert (figures["n"], figures["dropped"]) == (59, {"age outside 1 to 93": 1})


def test_evaluation_without_race(evaluate: Script) -> None:
    status, out, _ = evaluate("--heads", "age,gender", "--json", "figures.json")
    written = Path("figures.json").read_text(encoding="utf-8")
    assert status == 0 and "macro-F1" in out
    assert "race" not in written and "race" not in out and not [race for race in RACES if race in out + written]
    assert list(json.loads(written)) == ["n", "split", "dropped", "age", "gender", "minors", "adults", "groups"]


def test_heads_without_labels_are_refused(evaluate: Script, tiny_utkface: Path) -> None:
    rows = [f"{path};{path.name.split('_')[0]}" for path in sorted(tiny_utkface.iterdir())[:9]]
    Path("faces.csv").write_text("\n".join(["path;age", *rows]), encoding="utf-8-sig")
    options = ["--dataset", "table", "--data", "faces.csv", "--split", "all", "--json", "-"]
    status, out, err = evaluate(*options, "--heads", "age,race")
    told = "error: None of these 9 records has a label for race. They have labels for age (--heads).\n"
    assert (status, out, err) == (1, "", told)
    assert json.loads(evaluate(*options, "--heads", "age")[1])["age"]["mae"] > 0


def test_checkpoint_of_the_original_scripts_is_told(evaluate: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File("face_weights.26.utk.h5", "w") as file:
        file.attrs["layer_names"] = list(ORIGINAL_HEADS)

    def predict(chips: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        return {head.name: np.full((len(chips), head.width), 1 / head.width) for head in ORIGINAL_CARD.network.heads}

    monkeypatch.setattr("facekit.evaluation.evaluate.load_runtime", lambda path: SimpleNamespace(predict=predict))
    status, out, _ = evaluate("--weights", "face_weights.26.utk.h5", "--json", "figures.json", "--report", "report")
    assert status == 0 and "were trained on nine tenths of utkface: figures are too good.\n" in out
    assert json.loads(Path("figures.json").read_text())["note"] in Path("report/report.html").read_text()


def test_report_has_the_figures_of_the_json(evaluate: Script) -> None:
    status, out, err = evaluate("--split", "all", "--report", "new/report", "--json", "figures.json")
    assert (status, err) == (0, f"{Path('new/report/report.html')}\n") and "macro-F1" in out
    report = json.loads(Path("new/report/report.json").read_text(encoding="utf-8"))
    assert report["figures"] == json.loads(Path("figures.json").read_text(encoding="utf-8"))
    assert report["dataset"] == "utkface" and len(report["worst"]["age"]) == 34
    assert "<h1>tiny</h1>" in Path("new/report/report.html").read_text(encoding="utf-8")


def test_weights_are_calibrated_before_they_are_evaluated(
    evaluate: Script, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facekit.evaluation.calibration.LEAST_RECORDS", 5)
    data = {"sources": [{"dataset": "utkface", "validation_share": 0.4}]}
    save_weights(read_tensors(tiny_weights), replace(read_card(tiny_weights), data=data), Path("copy.h5"))
    before = json.loads(evaluate("--weights", "copy.h5", "--json", "-")[1])
    status, out, _ = evaluate("--weights", "copy.h5", "--calibrate", "--json", "-")
    after = json.loads(out)
    assert status == 0 and after["gender"]["accuracy"] == before["gender"]["accuracy"]
    assert after["age"]["mae"] == pytest.approx(before["age"]["mae"], abs=1e-3)
    assert after["gender"]["cross_entropy"] != before["gender"]["cross_entropy"]
    card = json.loads(Path("copy.json").read_text(encoding="utf-8"))
    assert card["figures"] == after and card["calibration"]["records"] > 5
    assert json.loads(evaluate("--weights", "copy.h5", "--json", "-")[1]) == after
    assert "- records" not in Path("copy.md").read_text(encoding="utf-8")  # the tiny weights know no sides


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--split", "tset"], 2, "Unknown split: 'tset'. Did you mean 'test'? Known: all, test, train, validation."),
        (["--dataset", "utk"], 2, "Unknown dataset: 'utk'. Did you mean 'utkface'?"),
        (["--data", "none"], 1, "No data at none."),
        (["--data", "none*"], 1, "No data at none*. Put UTKFace there, or name a folder, archive or table"),
        (["--dataset", "table", "--data", "none.csv"], 1, "No data at none.csv."),
        (["--weights", "none.h5"], 1, "No weights file none.h5."),
        (["--heads", "rase"], 2, "Unknown head: 'rase'. Did you mean 'race'?"),
        (["--detector", "hug"], 2, "Unknown detector: 'hug'. Did you mean 'hog'?"),
        (["--report", DEMO / "astronaut.jpg" / "report"], 1, "Cannot make the folder "),
        (["--calibrate"], 1, "A calibration needs 100 labels or more on the validation side. Received: "),
        (["--calibrate", "--weights", "none.h5"], 1, "No weights file none.h5."),
    ],
)
def test_face_evaluate_refuses(options: list[str], status: int, message: str, evaluate: Script) -> None:
    got, out, err = evaluate(*options, "--json", "figures.json")
    assert (got, out) == (status, "")
    assert err.startswith(f"error: {message}") and err.count("\n") == 1
    assert not Path("figures.json").exists()
