"""Every recipe can be built, trained and written down."""

import json
from dataclasses import FrozenInstanceError, replace
from types import SimpleNamespace

import keras
import pytest

import face
from facekit.core.errors import UnknownNameError, UsageError
from facekit.heads import AGE, ClassHead
from facekit.networks.network import build_network, freeze
from facekit.recipes import RECIPES
from facekit.recipes.recipe import Augmentation, NetworkConfig, Recipe
from facekit.training.optimizer import make_optimizer

NEWER = {"layer_decay": 1.0, "heads_first": 0, "balance": 0.0, "patience": None}
ALL = {"flagship": face.recipe, **RECIPES}


@pytest.fixture(params=ALL)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return ALL[request.param]


def test_recipes_are_found_by_their_name() -> None:
    assert set(RECIPES) >= {"classic", "dlib_utkface"}
    assert all(recipe.name == name for name, recipe in ALL.items())


def test_recipe_comes_back_from_json(recipe: Recipe) -> None:
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert NetworkConfig.from_dict(json.loads(json.dumps(recipe.network.to_dict()))) == recipe.network


def test_recipe_builds(recipe: Recipe) -> None:
    network = build_network(recipe.network)
    assert network.input_shape == (None, recipe.input_size, recipe.input_size, 3)
    assert {name: value.shape[-1] for name, value in network.output.items()} == {"age": 93, "gender": 2, "race": 5}
    freeze(network, recipe.trainable_from)
    assert len(network.trainable_variables) >= 6  # the heads at least
    make_optimizer(recipe, network, steps=1000).build(network.trainable_variables)


def test_flagship_is_the_resnet50_of_vggface2() -> None:
    assert (face.recipe.backbone, face.recipe.input_size) == ("vggface_resnet50", 200)
    assert (face.recipe.epochs, face.recipe.pretrained) == (30, "published")


def test_changed_recipe_comes_back() -> None:
    changed = replace(
        face.recipe,
        heads=(AGE, ClassHead("mood", ("Calm", "Happy"), smoothing=0.1)),
        clip_norm=None,
        augmentation=Augmentation(erase_area=(0.1, 0.3)),
    )
    assert Recipe.from_dict(json.loads(json.dumps(changed.to_dict()))) == changed


def test_recipe_of_before_the_newer_settings_can_be_read(recipe: Recipe) -> None:
    """As settings.json and cards hold them; what they lack is as it was then."""
    fields = recipe.to_dict()
    old = {name: value for name, value in fields.items() if name not in NEWER}
    assert Recipe.from_dict(old) == replace(recipe, **NEWER)


@pytest.mark.parametrize("part", [None, "augmentation"])
def test_unknown_field_fails(part: str | None) -> None:
    fields = face.recipe.to_dict()
    (fields[part] if part else fields)["learning_rat"] = 0.1
    with pytest.raises(TypeError, match="learning_rat"):
        Recipe.from_dict(fields)
    with pytest.raises(TypeError, match="learning_rat"):
        Recipe(name="x", backbone="dlib_resnet", input_size=150, learning_rat=0.1)  # type: ignore[call-arg]


def test_recipes_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        face.recipe.epochs = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, r"epochs must be at least 1\. Received: 0\."),
        ("batch_size", -1, r"batch_size must be at least 1\. Received: -1\."),
        ("learning_rate", float("nan"), r"learning_rate must be at least 1e-09\. Received: nan\."),
        ("learning_rate", 0.0, r"learning_rate must be at least 1e-09\. Received: 0\.0\."),
        ("heads_first", -1, r"heads_first must be at least 0\. Received: -1\."),
        ("patience", 0, r"patience must be at least 1\. Received: 0\."),
        ("layer_decay", 1.1, r"layer_decay must lie between 0 and 1\. Received: 1\.1\."),
        ("balance", float("nan"), r"balance must lie between 0 and 1\. Received: nan\."),
    ],
)
def test_settings_that_cannot_be_trained_with(name: str, value: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(face.recipe, **{name: value})


def rates(recipe: Recipe, steps: int) -> list[float]:
    network = SimpleNamespace(layers=[], trainable_variables=[])
    schedule = make_optimizer(recipe, network, steps)._learning_rate
    return [float(keras.ops.convert_to_numpy(schedule(step))) for step in range(steps)]


def test_cosine_rises_and_falls() -> None:
    got = rates(replace(face.recipe, learning_rate=1.0, warmup_steps=10), 110)
    assert got[:11] == pytest.approx([step / 10 for step in range(11)])
    assert got[60] == pytest.approx(0.5)
    assert got[-1] == pytest.approx(0, abs=1e-3)


def test_classic_falls_by_quarters() -> None:
    got = rates(RECIPES["classic"], 100)
    assert [got[step] for step in (0, 24, 30, 55, 80, 99)] == pytest.approx([0.01, 0.01, 0.002, 4e-4, 8e-5, 8e-5])


def test_unknown_schedule() -> None:
    recipe = replace(face.recipe, schedule="cosin")
    with pytest.raises(UnknownNameError, match=r"Unknown schedule: 'cosin'\. Did you mean 'cosine'"):
        make_optimizer(recipe, SimpleNamespace(layers=[], trainable_variables=[]), 10)
