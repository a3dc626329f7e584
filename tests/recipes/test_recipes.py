"""The contract of all recipes: they can be built, trained and written down, and refuse what cannot be trained."""

import json
import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import pytest
from tiny import SLOW_BACKBONES, assert_trains, changed, slow_if_large, without_published_weights

import face
from facekit.core.errors import UnknownNameError, UsageError
from facekit.datasets.source import DataSource
from facekit.faces.chips import BoxChip
from facekit.heads import AGE, GENDER, AgeLoss, ClassHead, ClassLoss, NumberHead, NumberLoss
from facekit.networks.config import NetworkConfig
from facekit.networks.network import build_network, freeze
from facekit.recipes import RECIPES
from facekit.recipes.recipe import Augmentation, Recipe, TrainingConfig
from facekit.training.optimizer import make_optimizer

NEWER = ("optimizer", "momentum", "balance", "teacher_weight")
ALL = {"flagship": face.recipe, **RECIPES}
# One recipe of those that train the same layers of the same network; test_recipe_contract.py trains a tiny form of all.
FIRST = {str((recipe.network, recipe.training.trainable_from)): name for name, recipe in reversed(ALL.items())}
DISTINCT = {name: ALL[name].network.backbone for name in sorted(FIRST.values())}
BUILT = slow_if_large(DISTINCT)
TRAINED = [
    pytest.param(name, marks=[pytest.mark.slow] if backbone in {"vggface_resnet50", *SLOW_BACKBONES} else [])
    for name, backbone in DISTINCT.items()
]


@pytest.fixture(params=ALL)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return ALL[request.param]


def from_json(recipe: Recipe) -> Recipe:
    return Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))


def test_recipes_are_found_by_their_name() -> None:
    assert set(RECIPES) >= {"classic", "dlib_utkface"}
    assert all(recipe.name == name for name, recipe in ALL.items())


def test_recipe_comes_back_from_json(recipe: Recipe) -> None:
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert from_json(recipe) == recipe
    assert NetworkConfig.from_dict(json.loads(json.dumps(recipe.network.to_dict()))) == recipe.network


@pytest.mark.parametrize("recipe", BUILT, indirect=True)
def test_recipe_builds(recipe: Recipe) -> None:
    network, size = build_network(recipe.network, recipe.training.dropout), recipe.network.input_size
    assert keras.tree.flatten(network.input)[-1].shape == (None, size, size, 3)  # behind the features, if any
    assert {name: value.shape[-1] for name, value in network.output.items()} == {
        head.name: head.width for head in recipe.network.heads
    }
    freeze(network, recipe.training.trainable_from)
    assert len(network.trainable_variables) >= 6  # the heads at least
    heads = {head.name for head in recipe.network.heads}
    make_optimizer(recipe.training, heads, network, steps=1000).build(network.trainable_variables)


@pytest.mark.parametrize("recipe", TRAINED, indirect=True)
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tests/training/test_backends.py trains them")
@pytest.mark.usefixtures("eager")
def test_what_is_trained(recipe: Recipe, tiny_utkface: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_published_weights(monkeypatch)
    assert_trains(recipe, sorted(tiny_utkface.iterdir())[:8], tmp_path)


def test_flagship_is_the_resnet50_of_vggface2() -> None:
    network, training = face.recipe.network, face.recipe.training
    assert (network.backbone, network.input_size) == ("vggface_resnet50", 200)
    assert (training.epochs, training.pretrained) == (30, "published")
    assert training.losses == {"age": AgeLoss(sigma=2.0, error_weight=0.2)}


def test_changed_recipe_comes_back() -> None:
    mood, years = ClassHead("mood", ("Calm", "Happy")), NumberHead("years", 0, 116, unit="years")
    recipe = changed(
        face.recipe,
        heads=(AGE, mood, years),
        features="landmarks",
        losses={"age": AgeLoss(sigma=1.5), "mood": ClassLoss(smoothing=0.1), "years": NumberLoss(weight=0.5)},
        optimizer="sgd",
        input_size=(224, 200),
        pooling="max",
        hidden=(512,),
        histograms=True,
        clip_norm=None,
        augmentation=Augmentation(erase_area=(0.1, 0.3)),
        data=(
            DataSource("utkface"),
            DataSource("table", "faces.csv", weight=2.0, split="official", unknown="missing", test_share=0.2),
        ),
        chip=BoxChip(size=160, margin=0.4),
    )
    assert from_json(recipe) == recipe


def test_fields_that_are_missing_have_their_defaults() -> None:
    """As in the settings of runs that were begun before a field was added."""
    written = face.recipe.to_dict()
    for name in NEWER:
        del written["training"][name]
    defaults = {name: getattr(TrainingConfig(), name) for name in NEWER}
    assert Recipe.from_dict(written) == changed(face.recipe, **defaults)


PARTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "recipe": lambda written: written,
    "network": lambda written: written["network"],
    "head": lambda written: written["network"]["heads"][-1],
    "training": lambda written: written["training"],
    "loss": lambda written: written["training"]["losses"].setdefault(written["network"]["heads"][0]["name"], {}),
    "augmentation": lambda written: written["training"]["augmentation"],
    "data": lambda written: written["data"][0],
    "chip": lambda written: written["chip"],
}


@pytest.mark.parametrize("part", PARTS)
def test_unknown_field_fails(part: str, recipe: Recipe) -> None:
    written = recipe.to_dict()
    PARTS[part](written)["learning_rat"] = 0.1
    with pytest.raises(TypeError, match="learning_rat"):
        Recipe.from_dict(written)


def test_unknown_argument_fails() -> None:
    with pytest.raises(TypeError, match="learning_rat"):
        Recipe(name="x", network=face.recipe.network, learning_rat=0.1)  # type: ignore[call-arg]


def test_recipes_are_frozen(recipe: Recipe) -> None:
    for part in (recipe, recipe.network, recipe.training, recipe.training.augmentation, recipe.data[0], recipe.chip):
        with pytest.raises(FrozenInstanceError):
            setattr(part, fields(part)[0].name, 1)


NUMBERS = [
    (part, field.name)
    for part in (TrainingConfig, Augmentation)
    for field in fields(part)
    if field.type in ("int", "float", int, float, float | None)
]


@pytest.mark.parametrize("value", [math.nan, math.inf, -3, "3", True])
@pytest.mark.parametrize(("part", "name"), NUMBERS)
def test_every_number_is_checked(part: type, name: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf"^{name} must .+\. Received: {value}\.$") as raised:
        part(**{name: value})
    assert raised.value.argument == name


def test_all_numbers_are_found() -> None:
    assert len(NUMBERS) == 26


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, r"epochs must be at least 1\. Received: 0\."),
        ("epochs", 2.5, r"epochs must be a whole number\. Received: 2\.5\."),
        ("batch_size", -1, r"batch_size must be at least 1\. Received: -1\."),
        ("learning_rate", math.nan, r"learning_rate must be at least 1e-09\. Received: nan\."),
        ("learning_rate", 0.0, r"learning_rate must be at least 1e-09\. Received: 0\.0\."),
        ("learning_rate", None, r"learning_rate must be a number\. Received: None\."),
        ("clip_norm", 0, r"clip_norm must be at least 1e-09\. Received: 0\."),
        ("balance", math.nan, r"balance must lie between 0 and 1\. Received: nan\."),
        ("momentum", 1.1, r"momentum must lie between 0 and 1\. Received: 1\.1\."),
        ("optimizer", "adam", r"Unknown optimizer: 'adam'\. Did you mean 'adamw'\? Known: adamw, sgd\."),
        ("schedule", "cosin", r"Unknown schedule: 'cosin'\. Did you mean 'cosine'\? Known: cosine, quarters\."),
        ("losses", {"agee": AgeLoss()}, r"Unknown head: 'agee'\. Did you mean 'age'\?"),
        ("losses", {"age": ClassLoss()}, r"The loss of age must be AgeLoss\. Received: ClassLoss\(.+\)\."),
        ("losses", {"race": AgeLoss()}, r"The loss of race must be ClassLoss\. Received: AgeLoss\(.+\)\."),
        ("heads", (), r"A network needs heads of different names\. Received: none\."),
        ("heads", (AGE, GENDER, GENDER), r"heads of different names\. Received: age, gender, gender\."),
        ("input_size", 0, r"input_size must be a side of at least 1 px, or \(height, width\)\. Received: 0\."),
        ("data", (), r"A recipe needs a data source\. Received none\."),
        ("histograms", 1, r"histograms must be True or False\. Received: 1\."),
        ("name", "", r"A recipe's name must be usable as a file name\. Received: ''\."),
        ("name", "a/b", r"A recipe's name must be usable as a file name\. Received: 'a/b'\."),
    ],
)
def test_values_that_cannot_be_trained_with(name: str, value: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        changed(face.recipe, **{name: value})


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"flip": 7}, r"flip must lie between 0 and 1\. Received: 7\."),
        ({"mixup": -3}, r"mixup must lie between 0 and 1\. Received: -3\."),
        ({"scale": 1}, r"scale must lie between 0 and 0\.95\. Received: 1\."),
        ({"brightness": 256}, r"brightness must lie between 0 and 255\. Received: 256\."),
        (
            {"erase_area": (0.4, 0.02)},
            r"erase_area must be 0 <= smallest <= largest <= 1\. Received: \(0\.4, 0\.02\)\.",
        ),
        ({"erase_area": (0.1, 1.5)}, r"erase_area must be 0 <= smallest"),
        ({"erase_area": (math.nan, 0.2)}, r"erase_area must be 0 <= smallest"),
        ({"erase_area": (0.1,)}, r"erase_area must be 0 <= smallest"),
    ],
)
def test_augmentation_that_makes_no_sense(field: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Augmentation(**field)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"dataset": "utkfaces"}, r"Unknown dataset: 'utkfaces'\. Did you mean 'utkface'\?"),
        ({"split": "offical"}, r"Unknown split: 'offical'\. Did you mean 'official'\?"),
        ({"detector": "hogg"}, r"Unknown detector: 'hogg'\. Did you mean 'hog'\?"),
        ({"unknown": "keep"}, r"Unknown treatment of unknown labels: 'keep'\."),
        ({"weight": 0}, r"weight must be positive\. Received: 0\."),
        ({"weight": math.nan}, r"weight must be positive\. Received: nan\."),
        ({"test_share": -0.1}, r"at least 0 and together less than 1\. Received: 0\.05 and -0\.1\."),
        ({"validation_share": 0.9}, r"validation_share and test_share must be .+\. Received: 0\.9 and 0\.1\."),
        ({"validation_share": math.nan}, r"together less than 1\. Received: nan and 0\.1\."),
    ],
)
def test_sources_that_make_no_sense(field: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        DataSource(**{"dataset": "utkface", **field})


@pytest.mark.parametrize("kind", [AgeLoss, ClassLoss, NumberLoss])
def test_losses_are_checked(kind: type) -> None:
    for field in fields(kind):
        for value in (-1, math.nan):
            with pytest.raises(UsageError, match=rf"{field.name} must be at least 0\. Received: {value}\."):
                kind(**{field.name: value})


def rates(config: TrainingConfig, steps: int) -> list[float]:
    schedule = make_optimizer(config, set(), SimpleNamespace(trainable_variables=[]), steps)._learning_rate
    return [float(keras.ops.convert_to_numpy(schedule(step))) for step in range(steps)]


def test_cosine_rises_and_falls() -> None:
    got = rates(replace(face.recipe.training, learning_rate=1.0, warmup_steps=10), 110)
    assert got[:11] == pytest.approx([step / 10 for step in range(11)])
    assert got[60] == pytest.approx(0.5)
    assert got[-1] == pytest.approx(0, abs=1e-3)


def test_classic_falls_by_quarters() -> None:
    got = rates(RECIPES["classic"].training, 100)
    assert [got[step] for step in (0, 24, 30, 55, 80, 99)] == pytest.approx([0.01, 0.01, 0.002, 4e-4, 8e-5, 8e-5])


def test_names_that_are_unknown_are_one_kind_of_usage_error() -> None:
    with pytest.raises(UnknownNameError):
        TrainingConfig(schedule="step")
