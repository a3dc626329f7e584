"""The contract of all recipes: their tiny forms train, resume, are evaluated, exported, and answer."""

from pathlib import Path

import numpy as np
import pytest
from tiny import TINY_BACKBONE, TinyRun, eagerly
from tiny_recipes import tiny_recipe, train_and_resume

import face
from facekit.core.files import PROJECT
from facekit.estimator import FaceEstimator
from facekit.evaluation.evaluate import predict_dataset
from facekit.networks.backbones import BACKBONES
from facekit.networks.cards import read_card
from facekit.networks.exports import FORMATS
from facekit.recipes import RECIPES
from facekit.recipes.recipe import Recipe

ALL = {"flagship": face.recipe, **RECIPES}
# Of recipes whose tiny networks are the same, the first one answers for all.
FIRST = {
    (recipe.network.heads, recipe.network.features, recipe.chip, recipe.data): name
    for name, recipe in reversed(ALL.items())
}
OWN = pytest.param(True, marks=pytest.mark.slow, id="own backbone")  # which may take a minute


@pytest.mark.parametrize("own_backbone", [pytest.param(False, id="tiny backbone"), OWN])
@pytest.mark.parametrize("name", ALL)
def test_recipe(name: str, own_backbone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKBONES, "tiny", TINY_BACKBONE)
    monkeypatch.setattr("facekit.training.callbacks.draw_curves", lambda path, history: None)
    recipe = tiny_recipe(ALL[name], tmp_path, own_backbone=own_backbone)
    with eagerly():
        run = train_and_resume(recipe, tmp_path)
    check_training(run, recipe)
    if own_backbone or name in FIRST.values():
        check_answers(run, recipe, tmp_path)


def check_training(run: TinyRun, recipe: Recipe) -> None:
    """Both epochs were trained, all heads learned, and the card of the best weights tells of them."""
    assert [epoch["epoch"] for epoch in run.history] == [1, 2]
    heads = [head.name for head in recipe.network.heads]
    for epoch in run.history:
        assert np.isfinite([epoch[name] for name in ("loss", "val_loss", *heads)]).all()
    card = read_card(run.best_path)
    assert card.network == recipe.network
    assert {source["dataset"] for source in card.data.get("sources") or [card.data]} == {
        source.dataset for source in recipe.data
    }
    assert card.figures["n"] > 0 and set(heads) <= card.figures.keys()


def check_answers(run: TinyRun, recipe: Recipe, folder: Path) -> None:
    """The weights are evaluated as their card says, and the exported graph answers a photograph and gives figures."""
    card = read_card(run.best_path)
    for source in recipe.data:
        made = predict_dataset(run.best_path, source.dataset, source.path, "test", None, None)
        assert made.figures["n"] > 0
        if len(recipe.data) == 1:
            head = recipe.network.heads[0]
            assert made.figures[head.name] == pytest.approx(card.figures[head.name], abs=0.02)
    FORMATS["onnx"].write(run.best_path, folder / "network.onnx")
    (face,) = FaceEstimator(run.best_path, detector="whole_image").estimate(PROJECT / "demo_images" / "speech.jpg")
    assert {head.name for head in recipe.network.heads} <= face.to_dict().keys()
