"""Runs: they learn, write weights, cards and logs, and continue after a kill."""

import csv
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import TINY, TinyRun, changed, prepared, settings, train_until_killed

from facekit.core.errors import TrainingError, WeightsError
from facekit.evaluation.curves import draw_curves
from facekit.evaluation.evaluate import predict_dataset
from facekit.evaluation.history import read_history
from facekit.heads import AGE, GENDER, RACE, AgeLoss, ClassLoss, Loss
from facekit.networks.calibration import Calibration
from facekit.networks.cards import read_card
from facekit.networks.config import NetworkConfig
from facekit.networks.hdf5 import Tensors
from facekit.networks.runtimes.graphs import graph_name
from facekit.networks.weights import load_network, read_tensors, save_weights
from facekit.recipes.recipe import NO_AUGMENTATION, Recipe, TrainingConfig
from facekit.training import checkpoints, new_run, resumed_run
from facekit.training.settings import Settings

TIMES = ("seconds", "chips_per_second", "val_seconds")


def without_times(figures: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if name not in TIMES}


pytestmark = pytest.mark.usefixtures("tiny")


def assert_equal(got: Tensors, expected: Tensors, atol: float = 0) -> None:
    assert got.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_allclose(got[name], tensor, rtol=0, atol=atol, err_msg=name)


def test_default_network_learns_chips_by_heart(tiny_utkface: Path, tmp_path: Path) -> None:
    recipe = Recipe(
        name="dlib",
        network=NetworkConfig(backbone="dlib_resnet", input_size=103, heads=(AGE, GENDER, RACE)),
        training=TrainingConfig(
            epochs=2, batch_size=12, learning_rate=3e-4, warmup_steps=1, augmentation=NO_AUGMENTATION
        ),
    )
    run = prepared(settings(recipe, tiny_utkface), tmp_path)
    run.fit(run.prepared)
    run.files.close()
    for name in ("loss", "age", "gender", "race"):
        first, last = (epoch[name] for epoch in run.history)
        assert last < 0.9 * first, name


def test_best_weights_come_with_their_card(trained: TinyRun) -> None:
    network, card = load_network(trained.best_path)
    assert card.name == "run"
    assert card.network == TINY.network
    counts = {side: card.data[side] for side in ("train", "validation", "test")}
    assert sum(counts.values()) == 60 and min(counts.values()) > 0
    assert (card.data["dataset"], card.data["seed"], card.data["dropped"]) == ("utkface", 0, {})
    assert "sha256" in card.data["split_rule"]
    recipe = Recipe.from_dict(card.training["recipe"])
    assert replace(recipe, data=trained.recipe.data) == trained.recipe
    assert [source.path for source in recipe.data] == ["UTKFace"]  # no folder of this machine
    assert (card.figures["split"], card.figures["n"]) == ("test", counts["test"])
    best = min(trained.history, key=lambda epoch: epoch["val_loss"])
    assert card.training["history"] == best
    assert card.calibration == Calibration()  # of so few records
    page = trained.best_path.with_suffix(".md").read_text(encoding="utf-8")
    assert page.startswith("# run\n") and f"{counts['train']} train" in page
    probabilities = network(np.zeros((1, 32, 32, 3), np.float32), training=False)
    assert set(probabilities) == {"age", "gender", "race"}


def test_figures_of_the_card_are_those_of_face_evaluate(trained: TinyRun, tiny_utkface: Path) -> None:
    data = str(tiny_utkface)
    figures = predict_dataset(trained.best_path, "utkface", data, "test", None, "whole_image").figures
    assert figures.pop("dropped") == {}
    expected = read_card(trained.best_path).figures
    for head, close in {"age": 0.01, "gender": 0.002, "race": 0.002}.items():
        assert figures[head] == pytest.approx(expected[head], abs=close)


def test_training_ends_with_a_calibration(trained: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facekit.evaluation.calibration.LEAST_RECORDS", 5)
    (source,) = trained.recipe.data
    data = (replace(source, validation_share=0.4, test_share=0.2),)
    run = prepared(replace(trained.settings, recipe=replace(trained.recipe, data=data)), tmp_path)
    card = run.train()
    assert "20% test, 40% validation" in card.data["split_rule"]
    for side in ("train", "validation", "test"):  # drawn again as the card says
        assert predict_dataset(run.best_path, "utkface", source.path, side, None, None).figures["n"] == card.data[side]
    assert set(card.calibration.temperatures) == {"age", "gender", "race"}
    assert card.calibration.records == card.data["validation"] > 5
    assert read_card(run.last_path).calibration == Calibration()
    again = run.finish(run.trainer)  # as a run that was killed at its very end
    assert again.calibration == card.calibration  # fitted to raw answers, not to calibrated ones


def test_last_weights_are_the_average_of_the_last_epoch(trained: TinyRun, copied: Path) -> None:
    checkpoint = checkpoints.load_checkpoint(copied / "logs" / "run" / "checkpoint.h5")
    last, raw = read_tensors(trained.last_path), checkpoint.tensors
    assert read_card(trained.last_path).training["history"]["epoch"] == 3
    assert (last["conv1/kernel"] != raw["network/conv1/kernel"]).any()
    assert (last["norm1/moving_mean"] == raw["network/norm1/moving_mean"]).all()


def test_logs(trained: TinyRun, tmp_path: Path) -> None:
    with open(trained.folder / "history.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["epoch"]) for row in rows] == [1, 2, 3]
    assert {"loss", "age", "gender", "race", "val_loss", "val_age_mae", "val_race_accuracy"} <= rows[0].keys()
    assert all(float(row[name]) > 0 for row in rows for name in TIMES)
    assert [{name: float(value) for name, value in row.items()} for row in rows] == trained.history
    assert read_history(trained.folder / "history.csv") == trained.history
    draw_curves(tmp_path / "curves.png", trained.history)
    assert (trained.folder / "curves.png").read_bytes() == (tmp_path / "curves.png").read_bytes()
    assert list(trained.folder.glob("events.out.tfevents.*"))
    assert Settings.load(trained.folder / "settings.json") == trained.prepared.settings


@pytest.fixture(scope="module")
def killed(trained: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run left that was killed in the middle of its second epoch, and what it had been before that epoch."""
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("Windows has no such signal")
    folder = tmp_path_factory.mktemp("killed")
    train_until_killed(trained.settings, folder)
    return folder


@pytest.mark.parametrize(("left", "steps"), [("after an epoch", 0), ("killed", 1)])
def test_killed_in_the_middle_of_an_epoch_and_resumed(
    left: str, steps: int, killed: Path, trained: TinyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run was saved before that epoch, or after each of its steps but the one that was killed."""
    folder = killed / left
    checkpoint = checkpoints.load_checkpoint(folder / "logs" / "run" / "checkpoint.h5")
    assert (len(checkpoint.history), checkpoint.step) == (1, steps)

    resumed = prepared(trained.settings, folder)
    resumed.train()
    into = f", {steps} of {trained.prepared.steps} steps into the next" if steps else ""
    assert f"Continuing after epoch 1 of 3{into}.\n" in capsys.readouterr().err
    assert len(resumed.history) == 3
    assert_equal(read_tensors(resumed.last_path), read_tensors(trained.last_path), atol=1e-6)
    assert_equal(read_tensors(resumed.best_path), read_tensors(trained.best_path), atol=1e-6)
    for got, expected in zip(resumed.history, trained.history, strict=True):
        assert without_times(got) == pytest.approx(without_times(expected), abs=1e-4)
    assert not [name for name in os.listdir(folder / "weights") if name.startswith(".")]


def test_killed_after_the_last_epoch_is_only_tested(trained: TinyRun, copied: Path) -> None:
    before = (copied / "weights" / "run-last.h5").read_bytes()
    card = prepared(trained.settings, copied).train()
    assert card.figures == read_card(trained.best_path).figures
    assert (copied / "weights" / "run-last.h5").read_bytes() == before


def test_resumed_with_another_network(trained: TinyRun, copied: Path) -> None:
    recipe = changed(trained.recipe, heads=(AGE, GENDER))
    with pytest.raises(TrainingError, match=r"is not the data this run began with: labels of race\."):
        prepared(replace(trained.settings, recipe=recipe), copied).train()


def test_resumed_from_a_damaged_checkpoint(trained: TinyRun, copied: Path) -> None:
    checkpoint = copied / "logs" / "run" / "checkpoint.h5"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"checkpoint\.h5 is damaged"):
        prepared(trained.settings, copied).train()


def test_runs_are_found_by_name_or_as_the_latest(
    tiny_utkface: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrainingError, match=r"No run in .*logs to resume\. Start a new one, or name"):
        resumed_run(None)
    for number, name in enumerate(("b", "a")):
        settings(changed(TINY, seed=number), tiny_utkface).save(Path("logs") / name / "settings.json")
        os.utime(Path("logs") / name / "settings.json", (number, number))
    for asked, name, seed in ((None, "a", 1), ("b", "b", 0), ("logs/b", "b", 0)):
        run = resumed_run(asked)
        assert (run.folder, run.settings.recipe.training.seed) == (Path("logs", name), seed)
        run.files.close()
    with pytest.raises(TrainingError, match=r"No run c in .*logs to resume"):
        resumed_run("c")
    (tmp_path / "logs" / "b" / "settings.json").write_text('{"recipe": {}}', encoding="utf-8")
    with pytest.raises(TrainingError, match=r"settings\.json is damaged: .*\. Start a new run\."):
        resumed_run("b")
    assert new_run(settings(TINY, tiny_utkface)).folder.name.startswith("tiny-2")


def test_run_of_an_older_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older settings named one data set at their top level."""
    monkeypatch.chdir(tmp_path)
    path = Path("logs") / "old" / "settings.json"
    path.parent.mkdir(parents=True)
    fields = {"recipe": {"name": "dlib_utkface", "backbone": "dlib_resnet"}, "dataset": "utkface", "data": "/UTKFace"}
    path.write_text(json.dumps({**fields, "detector": "whole_image", "devices": "one"}), encoding="utf-8")
    with pytest.raises(
        TrainingError, match=r"^logs/old/settings\.json was written by an older version of facekit\. Start a new run\.$"
    ):
        resumed_run(None)


@pytest.mark.slow
def test_sgd_trains_by_steps(tiny_utkface: Path, tmp_path: Path) -> None:
    recipe = changed(
        TINY,
        optimizer="sgd",
        schedule="quarters",
        learning_rate=0.1,
        epochs=4,
        dropout=0.0,
        augmentation=NO_AUGMENTATION,
    )
    run = prepared(settings(recipe, tiny_utkface), tmp_path)
    card = run.train()
    assert run.history[-1]["loss"] < 0.9 * run.history[0]["loss"]
    rates = [epoch["learning_rate"] for epoch in run.history]
    assert rates == pytest.approx([0.1, 0.02, 0.004, 0.0008])
    assert card.training["recipe"]["training"]["optimizer"] == "sgd"


@pytest.mark.parametrize(
    "losses", [{"gender": ClassLoss(weight=3.0)}, {"age": AgeLoss(sigma=5.0, error_weight=0.3)}], ids=str
)
def test_losses_are_no_part_of_the_network(losses: dict[str, Loss], trained: TinyRun, tmp_path: Path) -> None:
    """The same tensors under other losses: their card has the same network, their exported graph the same name."""
    tensors, names, networks = read_tensors(trained.best_path), set(), set()
    for recipe in (trained.recipe, changed(trained.recipe, losses=losses)):
        other = replace(trained.prepared, settings=replace(trained.settings, recipe=recipe))
        path = tmp_path / "same.h5"
        card = save_weights(tensors, other.card("same", {}), path)
        assert Recipe.from_dict(card.training["recipe"]).training.losses == recipe.training.losses
        names.add(graph_name(path, read_card(path)))
        networks.add(json.dumps(read_card(path).network.to_dict()))
    assert len(names) == len(networks) == 1
