"""face_train.py; failures end a training with one clear line, and leave the weights before them intact."""

import errno
import io
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from checkout import Script
from tiny import TINY, TinyRun, changed, prepared, settings

import face_train
from facekit.core.errors import TrainingError, WeightsError
from facekit.datasets.source import DataSource
from facekit.networks.weights import load_network
from facekit.recipes import RECIPES
from facekit.recipes.recipe import NO_AUGMENTATION
from facekit.training import augment, checkpoints
from facekit.training.settings import Settings

pytestmark = pytest.mark.usefixtures("tiny")


def test_loss_that_is_no_number_stops_the_run(trained: TinyRun, copied: Path) -> None:
    best, log = copied / "weights" / "run-best.h5", copied / "logs" / "run" / "history.csv"
    before = best.read_bytes(), log.read_bytes()
    recipe = changed(trained.recipe, epochs=5, learning_rate=1e30, schedule="quarters", clip_norm=None)
    run = prepared(replace(trained.settings, recipe=recipe), copied)
    with pytest.raises(
        TrainingError, match=r"^The loss is no longer a number\. Lower the learning rate or .* are safe\.$"
    ):
        run.train()
    assert (best.read_bytes(), log.read_bytes()) == before
    load_network(best)


@pytest.mark.parametrize("what", ["checkpoint", "weights"])
def test_full_disk_stops_the_run(what: str, trained: TinyRun, copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = {path: path.read_bytes() for path in copied.rglob("*.h5")}
    run = prepared(replace(trained.settings, recipe=changed(trained.recipe, epochs=4)), copied)
    if what == "checkpoint":
        monkeypatch.setattr(checkpoints, "write_hdf5", full)
        error, message = (
            TrainingError,
            r"^Cannot write .*checkpoint\.h5: No space left on device\. Free some space or ",
        )
    else:
        monkeypatch.setattr("facekit.networks.weights.write_hdf5", full)
        error, message = WeightsError, r"^Cannot write .*run-last\.h5: No space left on device\. Free some space or "
    with pytest.raises(error, match=message):
        run.train()
    after = {path: path.read_bytes() for path in copied.rglob("*.h5")}
    assert after.keys() == before.keys() and len(before) == 3
    assert (
        after[run.folder / "checkpoint.h5"] == before[run.folder / "checkpoint.h5"]
    )  # from which the epoch is repeated


def test_each_side_needs_pictures(tiny_utkface: Path, tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    shutil.copy(min(tiny_utkface.iterdir()), tmp_path / "few")
    with pytest.raises(TrainingError, match=r"All sides of the split need pictures\. Received 1, none for "):
        prepared(settings(TINY, tmp_path / "few"), tmp_path)


def test_face_train(script: Script, tiny_utkface: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--data", tiny_utkface, "--recipe", "tiny", "--precision", "float32"]
    status, out, _ = script("face_train.py", *options, "--learning-rate", 0.002)
    (run,) = Path("logs").iterdir()
    assert status == 0 and f"{run.name}-best.h5" in out and "cross-entropy" in out
    expected = changed(TINY, learning_rate=0.002, data=(DataSource("utkface", str(tiny_utkface)),))
    assert Settings.load(run / "settings.json").recipe == expected
    written = {f"{run.name}-{which}.{kind}" for which in ("best", "last") for kind in ("h5", "json")}
    assert {path.name for path in Path("face_weights").iterdir()} == {*written, f"{run.name}-best.md"}

    assert script("face_train.py", "--resume") == (
        *(0, f"Run {run.name} is finished. Its weights are {Path('face_weights', run.name)}-best.h5.\n", ""),
    )
    assert not list(run.glob("*.h5"))


def test_dry_run_says_what_is_known_at_once(
    script: Script, tiny_utkface: Path, working_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part before what takes long: reading the data, and measuring."""
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    monkeypatch.setattr(sys, "stdout", said)
    monkeypatch.setattr("facekit.training.throughput.LONGEST", 0)
    script("face_train.py", "--data", tiny_utkface, "--recipe", "tiny", "--epochs", 2, "--batch-size", 8, "--dry-run")
    network, data, speed = re.split(r"Reading the data\.\n|Measuring the speed: .+\n", said.getvalue())
    for part, texts in {
        network: ("tiny, 32 px, from published weights", "parameters", "memory"),
        data: (
            "age (93), gender (2), race (5)",
            "pictures",
            "of 8 an epoch, 2 epochs",
            "dropped     none",
            "in host memory",
        ),
        speed: ("(float32 ", "bfloat16 ", "time        about "),
    }.items():
        assert all(text in part for text in texts), part
    assert not list(working_folder.iterdir())


def test_paths_of_several_sources(
    script: Script, tiny_utkface: Path, working_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = {"validation_share": 0.3, "test_share": 0.3}  # with the usual ones, a side of 30 records may be empty
    two = changed(TINY, name="two", data=(DataSource("utkface"), DataSource("table", weight=2.0, **shares)))
    monkeypatch.setitem(RECIPES, "two", two)
    table = working_folder / "faces.csv"
    rows = [f"{path},{path.name.split('_')[1]}" for path in sorted(tiny_utkface.iterdir())[:30]]
    table.write_text("\n".join(["path,gender", *rows]), encoding="utf-8")
    monkeypatch.setattr("facekit.training.throughput.LONGEST", 0)
    options = ["--recipe", "two", "--precision", "float32", "--dry-run", "--data"]
    status, out, _ = script("face_train.py", *options, "table=faces.csv", "--data", f"utkface={tiny_utkface}")
    assert status == 0 and "90 gender" in out and "60 race" in out
    status, out, _ = script("face_train.py", *options, table, "--dataset", "table")  # this source of the recipe alone
    assert status == 0 and "30 gender" in out and "0 race" in out
    status, _, err = script("face_train.py", *options, table)
    rule = "error: Each of several data sets needs NAME=PATH, with NAME one of utkface, table. Received: "
    assert (status, err) == (2, f"{rule}{table} (--data).\n")


def test_a_table_s_own_sides_are_used(
    script: Script, tiny_utkface: Path, working_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = ["train", "train", "validation", "test"]
    rows = [f"{path},{path.name.split('_')[1]},{sides[k % 4]}" for k, path in enumerate(sorted(tiny_utkface.iterdir()))]
    Path("faces.csv").write_text("\n".join(["path,gender,split", *rows]), encoding="utf-8")
    monkeypatch.setattr("facekit.training.throughput.SECONDS", 0)
    monkeypatch.setattr("facekit.training.throughput.STEPS", 1)
    options = ["--recipe", "tiny", "--precision", "float32", "--dry-run", "--dataset", "table", "--data", "faces.csv"]
    assert "30 train, 15 validation, 15 test" in script("face_train.py", *options)[1]


def test_options_change_the_recipe(tmp_path: Path) -> None:
    got = face_train.settings(face_train.parser.parse_args(["--recipe", "tiny"])).recipe
    assert replace(got, data=TINY.data) == TINY
    options = ["--recipe", "tiny", "--seed", "7", "--name", "mine", "--augmentation", "none"]
    got = face_train.settings(face_train.parser.parse_args(options)).recipe
    assert replace(got, data=TINY.data) == changed(TINY, seed=7, name="mine", augmentation=NO_AUGMENTATION)
    chips = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    draws = augment.draw(NO_AUGMENTATION, 3, 8, np.random.default_rng(0))
    np.testing.assert_allclose(augment.apply(chips, draws), chips, atol=1e-3)


def test_run_of_an_older_version(script: Script, working_folder: Path) -> None:
    (working_folder / "logs" / "old").mkdir(parents=True)
    (working_folder / "logs" / "old" / "settings.json").write_text('{"recipe": {}, "dataset": "utkface"}')
    status, _, err = script("face_train.py", "--resume")
    assert (status, err.count("\n")) == (1, 1)
    assert err.endswith("settings.json was written by an older version of facekit. Start a new run.\n")


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--recipe", "tinny"], 2, "error: Unknown recipe: 'tinny'. Did you mean 'tiny'? Known: "),
        (["--recipe", "tiny", "--precision", "float16"], 2, "error: Unknown precision: 'float16'."),
        (
            ["--recipe", "tiny", "--precision", "float32", "--dataset", "tabel"],
            2,
            "error: Unknown dataset: 'tabel'. Did you mean 'table'?",
        ),
        (
            ["--recipe", "tiny", "--precision", "float32", "--data", ".", "--pretrained", "none.h5"],
            2,
            "error: pretrained must be published, none or a weights file. Received: none.h5, which is none "
            "(--pretrained).",
        ),
        (["--recipe", "tiny", "--precision", "float32"], 1, "error: No data at "),
        (
            ["--recipe", "tiny", "--batch-size", "0"],
            2,
            "error: batch_size must be at least 1. Received: 0 (--batch-size).",
        ),
        (["--recipe", "tiny", "--seed", "-1"], 2, "error: seed must be at least 0. Received: -1 (--seed)."),
        (
            ["--recipe", "tiny", "--name", "a/b"],
            2,
            "error: A recipe's name must be usable as a file name. Received: 'a/b' (--name).",
        ),
        (["--augmentation", "som"], 2, "error: Unknown augmentation: 'som'. Known: basic, full, none, recipe."),
        (
            ["--recipe", "tiny", "--depth", "9"],
            2,
            "error: The backbone tiny has no depth. Received: 9. Leave it out (--",
        ),
        (["--resume", "gone"], 1, "error: No run gone in "),
        (["--resume", "gone", "--epochs", "3"], 2, "error: --resume continues a run as it was started"),
        (["--epoch", "3"], 2, "error: unrecognized arguments: --epoch 3. Did you mean --epochs?"),
        (["--epochs", "many"], 2, "error: argument --epochs: invalid int value: 'many'"),
    ],
)
def test_face_train_refuses(
    options: list[str], status: int, message: str, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    got, _, err = script("face_train.py", *options)
    assert got == status
    assert err.startswith(message) and err.count("\n") == 1
    assert not list(tmp_path.iterdir())
