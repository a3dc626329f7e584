"""The data of a training: sources with different labels, and class codes that one data set reverses."""

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tiny import TINY, TinyRun, changed, prepared

from facekit.datasets.source import DataSource
from facekit.evaluation.evaluate import predict_dataset
from facekit.heads import AGE, GENDER, MISSING, RACE, ClassHead
from facekit.networks.cards import read_card
from facekit.networks.runtimes import load_runtime
from facekit.networks.weights import network_tensors
from facekit.recipes.recipe import NO_AUGMENTATION
from facekit.training.resident import ResidentModel, batches, make_targets
from facekit.training.settings import Settings

pytestmark = pytest.mark.usefixtures("tiny")
EXPRESSION = ClassHead("expression", ("Calm", "Happy"))


@pytest.fixture
def table(tiny_utkface: Path, tmp_path: Path) -> Path:
    """A table of 40 pictures with gender and expression only."""
    rows = ["path,gender,expression"]
    for number, path in enumerate(sorted(tiny_utkface.iterdir())[:40]):
        gender = ("Male", "Female")[int(path.name.split("_")[1])]
        rows.append(f"{path},{gender},{EXPRESSION.classes[number % 2]}")
    (tmp_path / "faces.csv").write_text("\n".join(rows), encoding="utf-8")
    return tmp_path / "faces.csv"


@pytest.fixture
def mixed(tiny_utkface: Path, table: Path, tmp_path: Path) -> TinyRun:
    """A run on two sources, the second of which weighs three times as much."""
    sources = (DataSource("utkface", str(tiny_utkface)), DataSource("table", str(table), weight=3.0))
    recipe = changed(TINY, heads=(AGE, GENDER, RACE, EXPRESSION), data=sources, weight_decay=0.0, ema=0.0)
    return prepared(Settings(recipe, "float32"), tmp_path)


def test_sources_with_different_labels_train_all_heads(mixed: TinyRun, table: Path) -> None:
    before = network_tensors(mixed.network)
    card = mixed.train()
    for name, tensor in network_tensors(mixed.network).items():
        assert (tensor != before[name]).any(), name
    first, second = card.data["sources"]
    sides = ("train", "validation", "test")
    assert (first["dataset"], first["weight"], sum(first[side] for side in sides)) == ("utkface", 1.0, 60)
    assert (second["dataset"], second["weight"], sum(second[side] for side in sides)) == ("table", 3.0, 40)
    assert all(card.data[side] == first[side] + second[side] > 0 for side in sides)
    assert card.data["dataset"] == "utkface, table" and first["dropped"] == second["dropped"] == {}
    assert read_card(mixed.best_path).data == card.data
    assert table.parent.as_posix() not in card.to_json()  # no folder of this machine
    counts = {name: sum(group["n"] for group in groups.values()) for name, groups in card.figures["groups"].items()}
    assert counts == {
        **{"age": first["test"], "race": first["test"], "gender": card.data["test"]},
        "expression": second["test"],
    }


def test_heads_without_a_label_in_a_source_weigh_nothing(mixed: TinyRun) -> None:
    """The loss of a batch of one source does not change with the outputs of heads that only the other one labels."""
    data, recipe = mixed.prepared.data, mixed.recipe
    targets = make_targets(recipe, data.labels)
    model = ResidentModel(mixed.network, recipe, targets, data.faces.chips)
    for source, unlabelled in enumerate(({"expression"}, {"age", "race"})):
        index = np.flatnonzero(data.source_index == source)[:6].astype(np.int32)
        for name, known in targets.known.items():
            assert (known[data.source_index == source] == (name not in unlabelled)).all()
            assert (data.labels[name][index] == MISSING).all() == (name in unlabelled)
        batch = {"index": index, "ratio": np.ones(6, np.float32), "partner": np.arange(6, dtype=np.int32)}
        outputs = {head.name: np.full((6, head.width), 1 / head.width, np.float32) for head in recipe.network.heads}
        loss = float(keras.ops.convert_to_numpy(model.compute_loss(batch, None, outputs)))
        for head in recipe.network.heads:
            other = {**outputs, head.name: np.eye(head.width, dtype=np.float32)[[0] * 6]}
            after = float(keras.ops.convert_to_numpy(model.compute_loss(batch, None, other)))
            assert (after == loss) == (head.name in unlabelled), (source, head.name)


def test_weights_of_sources_change_how_often_they_are_seen(mixed: TinyRun) -> None:
    data, recipe = mixed.prepared.data, mixed.recipe
    is_second = data.source_index == 1
    first, second = ((is_second[data.sides["train"]] == which).sum() for which in (False, True))

    def seen(weights: NDArray[np.float64] | None) -> float:
        drawn = batches(changed(recipe, batch_size=4), data.sides["train"], range(40), 0, weights)
        return float(np.mean([is_second[batch["index"]].mean() for (batch,) in drawn]))

    assert seen(data.sampling_weights(recipe)) == pytest.approx(3 * second / (first + 3 * second), abs=0.02)
    alike = tuple(DataSource(source.dataset, source.path) for source in recipe.data)
    assert data.sampling_weights(changed(recipe, data=alike)) is None
    assert seen(None) == pytest.approx(second / (first + second), abs=0.02)


def test_balance_and_source_weights_multiply(mixed: TinyRun) -> None:
    data, recipe = mixed.prepared.data, mixed.recipe
    balanced = changed(recipe, heads=(RACE, GENDER), balance=0.7)
    weights = data.sampling_weights(balanced)
    assert weights is not None and weights.mean() == pytest.approx(1)
    labels, is_second = data.labels["race"][data.sides["train"]], data.source_index[data.sides["train"]] == 1
    alike = tuple(DataSource(source.dataset, source.path) for source in recipe.data)
    plain = data.sampling_weights(changed(balanced, data=alike))
    assert plain is not None
    np.testing.assert_allclose(weights / plain, np.where(is_second, 3, 1) / np.mean(np.where(is_second, 3, 1) * plain))
    assert np.unique(plain[~is_second]).size == np.unique(np.bincount(labels[labels >= 0])).size


MEN, WOMEN = ((40, 80, 200), (200, 80, 40))  # mean colours


def coloured(colour: tuple[int, int, int], number: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(number).normal(0, 40, (100, 100, 1))
    return np.clip(colour + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def all_age_faces(tmp_path: Path) -> Path:
    """A folder laid out as All-Age-Faces, where men are blue and women red; the codes are 0 = female, 1 = male."""
    folder = tmp_path / "All-Age-Faces"
    faces, lists = folder / "All-Age-Faces Dataset" / "aglined faces", folder / "image sets"
    faces.mkdir(parents=True)
    lists.mkdir()
    lines = []
    for number in range(90):
        is_male = number % 2
        name = f"{number:05}A{2 + number % 70:02}.jpg"
        Image.fromarray(coloured(MEN if is_male else WOMEN, number)).save(faces / name)
        lines.append(f"{name} {is_male}")
    (lists / "train.txt").write_text("\n".join(lines[:70]) + "\n", encoding="utf-8")
    (lists / "val.txt").write_text("\n".join(lines[70:]) + "\n", encoding="utf-8")
    return folder


def test_reversed_gender_codes_are_learned_by_name(all_age_faces: Path, tmp_path: Path) -> None:
    """Against a head that names men first, unlike the data set."""
    assert GENDER.classes == ("Male", "Female")
    source = DataSource("all_age_faces", str(all_age_faces), split="official")
    recipe = changed(
        TINY,
        heads=(GENDER,),
        data=(source,),
        epochs=12,
        learning_rate=0.02,
        dropout=0.0,
        augmentation=NO_AUGMENTATION,
    )
    run = prepared(Settings(recipe, "float32"), tmp_path)
    card = run.train()
    assert card.data["validation"] == 20 and card.data["sources"][0]["split"] == "official"
    assert card.figures["gender"]["accuracy"] == 1
    chips = np.stack([coloured(colour, 1000) for colour in (MEN, WOMEN)])
    rows = load_runtime(run.best_path, "keras").predict(chips)["gender"]
    assert [answer.label for answer in GENDER.decode(rows)] == ["Male", "Female"]
    figures = predict_dataset(run.best_path, "all_age_faces", str(all_age_faces), "validation", None, None).figures
    assert (figures["n"], figures["gender"]["accuracy"]) == (20, 1)
    assert {name: group["n"] for name, group in figures["groups"]["gender"].items()} == {"Male": 10, "Female": 10}
