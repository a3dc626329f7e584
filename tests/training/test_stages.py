"""Recipes of several stages: what they make, what they do again, and what they refuse."""

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from checkout import Script
from made import make_fer2013, make_utkface
from tiny import TINY, TINY_BACKBONE, changed, eagerly, progress_until
from untrained import save_untrained

from facekit.core.errors import TrainingError, UsageError, WeightsError
from facekit.core.signals import Interrupted
from facekit.datasets.source import DataSource
from facekit.heads import EXPRESSION
from facekit.networks.backbones import BACKBONES
from facekit.networks.cards import read_card
from facekit.networks.config import NetworkConfig
from facekit.networks.descriptors import load_describer
from facekit.networks.joining import average_weights
from facekit.networks.weights import read_tensors
from facekit.recipes import STAGED_RECIPES
from facekit.recipes.recipe import Recipe
from facekit.recipes.stages import Join, Mean, StagedRecipe, Train
from facekit.training import stages, train_stages
from facekit.training.run import Run

UTKFACE = DataSource("utkface", validation_share=1 / 3, test_share=1 / 3)


def short(name: str, dropout: float = 0.0) -> Recipe:
    return replace(changed(TINY, pretrained="none", batch_size=2, dropout=dropout), name=name, data=(UTKFACE,))


EXPRESSIONS = replace(
    short("expressions"),
    network=NetworkConfig(backbone="conv_blocks", input_size=16, heads=(EXPRESSION,)),
    data=(DataSource("fer2013", validation_share=1 / 3, test_share=1 / 3),),
)
STAGED = StagedRecipe(
    "both",
    (
        Train(short("first")),
        Train(short("one"), start="first"),
        Train(short("other", 0.2), start="first"),
        Mean("mean", ("one", "other")),
        Train(short("last"), start="mean"),
        Train(EXPRESSIONS),
        Join("joined", ("last", "expressions")),
    ),
)


@pytest.fixture
def staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StagedRecipe:
    monkeypatch.setitem(BACKBONES, "tiny", TINY_BACKBONE)
    monkeypatch.setattr("facekit.training.callbacks.draw_curves", lambda path, history: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    utkface, fer2013 = make_utkface(tmp_path / "utkface"), make_fer2013(tmp_path / "fer2013")
    return STAGED.located([f"utkface={utkface}", f"fer2013={fer2013}"])


def test_stages_make_what_is_shipped_once(staged: StagedRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with eagerly():
        path, card = train_stages(staged, "out", said.append, precision="float32")
    assert path == Path("out/both.h5") and path.with_suffix(".md").is_file()
    assert [head.name for head in card.network.heads] == ["age", "gender", "race", "expression"]
    assert card.data["dataset"] == "utkface, fer2013"
    assert load_describer(path, card) is not None
    started = card.training["started_from"]
    assert started["weights"] == "both-mean.h5"
    assert [part["recipe"]["name"] for part in started["mean_of"]] == ["one", "other"]

    tensors = {name: read_tensors(Path(f"out/both-{name}.h5")) for name in ("one-last", "other-last", "mean")}
    for name, mean in tensors["mean"].items():
        parts = [tensors[stage][name].astype(np.float32) for stage in ("one-last", "other-last")]
        np.testing.assert_allclose(mean, np.mean(parts, axis=0), rtol=2e-3, atol=1e-4)

    monkeypatch.setattr(Run, "prepare", lambda *_: pytest.fail("trained again"))
    written = read_tensors(path)
    _, again = train_stages(staged, "out", said.append, precision="float32")
    assert again == card and sum("is finished" in line for line in said) == 5
    assert all(np.array_equal(written[name], tensor) for name, tensor in read_tensors(path).items())

    longer = replace(staged, stages=(Train(changed(staged.trainings[0].recipe, epochs=2)), *staged.stages[1:]))
    with pytest.raises(TrainingError, match=r"^out/both-first began with another recipe or other data\."):
        train_stages(longer, "out", said.append, precision="float32")


def test_a_stopped_stage_is_continued(staged: StagedRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """After SIGTERM in the second of two epochs; nothing is trained twice."""
    first = replace(staged, stages=(Train(changed(staged.trainings[0].recipe, epochs=2)), *staged.stages[1:2]))
    monkeypatch.setattr(stages, "ship_weights", lambda weights, output: weights)
    monkeypatch.setattr(stages, "fit_descriptor", lambda weights, source: None)
    said: list[str] = []
    with monkeypatch.context() as patch, pytest.raises(Interrupted) as interrupted, eagerly():
        stop = progress_until(lambda: None, between=lambda: signal.raise_signal(signal.SIGTERM))
        patch.setattr("facekit.training.run.Progress", stop)
        train_stages(first, "out", said.append, precision="float32")
    assert interrupted.value.resume is None and said[-1] == "The same command continues with this stage."
    assert read_card(Path("out/both-first-last.h5")).training["history"]["epoch"] == 1
    with eagerly():
        weights = train_stages(first, "out", said.append, precision="float32")[1]
    assert weights == Path("out/both-one-best.h5") and weights.is_file()
    assert read_card(Path("out/both-first-last.h5")).training["history"]["epoch"] == 2


def test_impossible_stages_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^A stage needs stages before it\. Received: mean, which needs one\.$"):
        StagedRecipe("bad", (Mean("mean", ("one",)), Train(short("one"))))
    with pytest.raises(UsageError, match=r"^Each stage needs a name of its own\. Received: one twice\.$"):
        StagedRecipe("bad", (Train(short("one")), Train(short("one"))))


def test_only_alike_networks_are_averaged(staged: StagedRecipe, tmp_path: Path) -> None:
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    save_untrained(EXPRESSIONS.network, paths[0])
    save_untrained(replace(EXPRESSIONS.network, hidden=(8,)), paths[1])
    with pytest.raises(WeightsError, match=r"^Weights of one network and the same data can be averaged\. .*b\.h5\.$"):
        average_weights(paths, tmp_path / "mean.h5")
    assert not (tmp_path / "mean.h5").exists()


def test_command_lists_the_stages(script: Script, tmp_path: Path) -> None:
    options = ["--recipe", "mobilenet_faces", "--dry-run", "--output", tmp_path]
    status, out, _ = script("face_train.py", *options)
    lines = out.splitlines()
    assert status == 0 and len(lines) == len(STAGED_RECIPES["mobilenet_faces"].stages)
    assert lines[0] == "mobilenet_utkface: 12 epochs on utkface, from published weights"
    assert lines[-1] == "joined: mobilenet_robust and expression_fer2013_aligned in one network"
    status, _, err = script("face_train.py", *options, "--epochs", 2)
    assert status == 2 and "error: mobilenet_faces has several stages" in err
