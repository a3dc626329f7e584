"""Training steps: the layers, heads and records that count, and their order."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from tiny import TINY, TINY_BACKBONE, TinyRun, prepared, settings
from tiny import changed as with_changes

from facekit.core.errors import TrainingError, UnknownNameError, WeightsError
from facekit.datasets.source import DataSource
from facekit.evaluation.evaluate import predict_dataset
from facekit.evaluation.tables import format_figures
from facekit.heads import GENDER, MISSING, AgeHead, AgeLoss
from facekit.networks import backbones
from facekit.networks.backbones import BACKBONES
from facekit.networks.cards import ORIGINAL_CARD, Card
from facekit.networks.hdf5 import Tensors
from facekit.networks.weights import load_network, network_tensors, save_weights
from facekit.recipes.recipe import Augmentation, Recipe
from facekit.training import augment, precision
from facekit.training.resident import ResidentModel, batches, make_targets, predict_rows, steps_per_epoch
from facekit.training.settings import Settings

pytestmark = pytest.mark.usefixtures("tiny")


def differing(before: Tensors, after: Tensors) -> set[str]:
    return {name for name, tensor in before.items() if (tensor != after[name]).any()}


def test_frozen_layers_do_not_change(tiny_utkface: Path, tmp_path: Path) -> None:
    run = prepared(settings(with_changes(TINY, trainable_from="conv2", ema=0.0), tiny_utkface), tmp_path)
    before = network_tensors(run.network)
    run.train()
    names = {name.split("/")[0] for name in before}
    after = network_tensors(run.network)
    assert {name.split("/")[0] for name in differing(before, after)} == names - {"conv1", "norm1"}
    assert "norm2/moving_mean" in differing(before, after)


def test_random_weights_are_never_frozen(tiny_utkface: Path, tmp_path: Path) -> None:
    recipe = with_changes(TINY, trainable_from="conv2", pretrained="none")
    assert len(prepared(settings(recipe, tiny_utkface), tmp_path).network.trainable_variables) == 14


@pytest.fixture
def ageless(tiny_utkface: Path, tmp_path: Path) -> Settings:
    """A training on a table without ages, and with half of the genders; one is misspelt."""
    folder = shutil.copytree(tiny_utkface, tmp_path / "faces")  # the split depends on the paths in the table
    rows = ["path,gender,race"]
    for number, path in enumerate(sorted(folder.iterdir())):
        _, gender, race, _ = path.name.split("_")
        rows.append(f"faces/{path.name},{gender if number % 2 else ''},{race}")
    rows[1] = rows[1].replace(",,", ",Mael,")
    (tmp_path / "faces.csv").write_text("\n".join(rows), encoding="utf-8")
    recipe = with_changes(TINY, losses={"age": AgeLoss(sigma=2.0)})
    return settings(recipe, tmp_path / "faces.csv", dataset="table")


def test_heads_without_labels_are_removed(
    ageless: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = prepared(ageless, tmp_path)
    _, removed, few = capsys.readouterr().err.splitlines()
    assert removed == "note: no training record has a usable label for age: the network has no head age."
    assert few.startswith("note: fewer than 30 training labels: gender Male ") and "; race White " in few
    summary = run.prepared.summary()
    assert "gender (2), race (5)\n" in summary and " 0 age, 30 gender, 60 race\n" in summary
    assert "1 label 'Mael' (unknown gender)\n" in summary
    before = network_tensors(run.network)
    run.fit(run.prepared)
    assert {name.split("/")[0] for name in before} == {"conv1", "conv2", "norm1", "norm2", "gender", "race"}
    after = network_tensors(run.network)
    assert differing(before, after) == set(before)
    run.files.close()

    resumed = prepared(Settings.load(run.folder / "settings.json"), tmp_path)  # keeps the heads that were asked for
    assert resumed.recipe == ageless.recipe and not differing(before, network_tensors(resumed.network))
    card = resumed.train()
    assert not differing(after, network_tensors(resumed.network))
    assert [head.name for head in load_network(run.best_path)[1].network.heads] == ["gender", "race"]
    assert card.data["notes"] == [removed.removeprefix("note: ")[:-1], few.removeprefix("note: ")[:-1]]
    assert card.data["dropped"] == {"label 'Mael' (unknown gender)": 1}
    page = run.best_path.with_suffix(".md").read_text(encoding="utf-8")
    assert "the network has no head age; fewer than 30" in page and "1 label 'Mael'" in page


def test_weights_that_have_seen_the_test_side_are_no_start(
    trained: TinyRun, tiny_utkface: Path, tmp_path: Path
) -> None:
    recipe = with_changes(TINY, pretrained=str(trained.best_path))
    assert prepared(settings(recipe, tiny_utkface), tmp_path).prepared.started_from["weights"] == trained.best_path.name
    with pytest.raises(TrainingError, match=r"of the same split, seed 1: others .+ Received: .+run-best\.h5, seed 0\."):
        prepared(settings(with_changes(recipe, seed=1), tiny_utkface), tmp_path)
    without_lists = with_changes(recipe, data=(DataSource("utkface", str(tiny_utkface), split="official"),))
    assert prepared(Settings(without_lists, "float32"), tmp_path).prepared.started_from  # the same split
    shares = with_changes(recipe, data=(DataSource("utkface", str(tiny_utkface), test_share=0.2),))
    with pytest.raises(
        TrainingError,
        match=r"of the same split, seed 0: .+run-best\.h5, split near_duplicates, 0\.05 validation, 0\.1 test\.",
    ):
        prepared(Settings(shares, "float32"), tmp_path)


def test_weights_that_have_seen_an_unknown_part_are_a_start(
    trained: TinyRun,
    tiny_utkface: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As checkpoints of the original scripts are; the recipe gets their backbone, and all figures say so."""
    monkeypatch.setitem(BACKBONES, "tiny_wrapped", TINY_BACKBONE)
    monkeypatch.setitem(backbones.RESCALED, "tiny_wrapped", "tiny")
    old, network = tmp_path / "old.h5", replace(TINY.network, backbone="tiny_wrapped")
    save_weights(network_tensors(trained.network), Card(name="old", network=network, data=ORIGINAL_CARD.data), old)
    run = prepared(settings(with_changes(TINY, pretrained=str(old), seed=3), tiny_utkface), tmp_path)
    assert capsys.readouterr().err.splitlines()[:2] == [
        "note: the backbone is tiny_wrapped: old.h5 was trained with its scaling.",
        "note: old.h5 was trained on nine tenths of utkface, so that figures of its test side will be too good.",
    ]
    card = run.train()
    assert card.network.backbone == "tiny_wrapped" and run.settings.recipe.network.backbone == "tiny"
    note = "The weights, or those they started from, were trained on nine tenths of utkface: figures are too good."
    assert card.figures["note"] == note and note in run.best_path.with_suffix(".md").read_text(encoding="utf-8")
    later = predict_dataset(run.best_path, "utkface", str(tiny_utkface), "test", None, None)
    assert later.figures["note"] == note and note in format_figures(later.figures)
    other = with_changes(TINY, pretrained=str(old), backbone="dlib_resnet", input_size=103)
    with pytest.raises(WeightsError, match=r"must be of dlib_resnet\. Received: .* of tiny_wrapped\."):
        prepared(settings(other, tiny_utkface), tmp_path)


def test_one_head_alone_in_bfloat16(tiny_utkface: Path, tmp_path: Path) -> None:
    run = prepared(settings(with_changes(TINY, heads=(GENDER,)), tiny_utkface, precision="bfloat16"), tmp_path)
    assert run.network.get_layer("conv1").compute_dtype == "bfloat16"
    card = run.train()
    assert card.training["precision"] == "mixed_bfloat16"
    assert set(card.figures) == {"n", "split", "dropped", "gender", "groups"}
    assert 0 <= card.figures["gender"]["accuracy"] <= 1
    assert keras.config.dtype_policy().name == "float32"


def test_bfloat16_must_be_clearly_faster() -> None:
    for rate, chosen in ((90, "float32"), (119, "float32"), (121, "bfloat16")):
        assert precision.choose_precision({"float32": 100, "bfloat16": rate}) == chosen
    assert precision.choose_precision({"bfloat16": 1}) == "bfloat16"  # as was asked for


def test_unknown_precision() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown precision: 'float16'\. Did you mean '.*'\? Known: auto, bfl"):
        precision.candidates("float16")


@pytest.fixture
def resident(chips: NDArray[np.uint8]) -> ResidentModel:
    labels = {
        "age": np.array([10, 20, MISSING, 40, 50, 60, 70, 80], np.int16),
        "gender": np.array([0, MISSING, MISSING, 1, 0, 1, 0, 1], np.int16),
        "race": np.full(8, MISSING, np.int16),
    }
    inputs = keras.Input((200, 200, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    recipe = with_changes(TINY, losses={"age": AgeLoss(error_weight=0.2, weight=0.5)})
    outputs = {head.name: keras.layers.Dense(head.width, "softmax")(pooled) for head in recipe.network.heads}
    return ResidentModel(keras.Model(inputs, outputs), recipe, make_targets(recipe, labels), chips)


def test_loss_of_a_mixed_batch(resident: ResidentModel) -> None:
    """The sum over heads of the mean over those pairs whose labels are both known."""
    index = np.array([6, 1, 2, 0, 3], np.int32)
    draws = augment.draw(Augmentation(mixup=0.5), 5, 200, np.random.default_rng(4))
    ratio, partner = draws["ratio"], draws["partner"]
    assert 0 < (ratio < 1).sum() < 5
    batch = {"index": index, **draws}
    probabilities = {
        name: keras.ops.convert_to_numpy(value) for name, value in resident.call(batch, training=True).items()
    }
    expected = 0.0
    for head, loss_of_head in resident.head_losses:
        losses = []
        targets = resident.targets[head.name].numpy()
        for k in range(5):
            own, other = index[k], index[partner[k]]
            known = targets[own].sum() > 0 and (ratio[k] == 1 or targets[other].sum() > 0)
            if not known:
                continue
            target = ratio[k] * targets[own] + (1 - ratio[k]) * targets[other]
            row = probabilities[head.name][k]
            loss = -(target * np.log(row)).sum()
            if isinstance(head, AgeHead):
                loss += 0.2 * abs(((row - target) * np.arange(1, 94)).sum())
            losses.append(loss)
        expected += loss_of_head.weight * np.mean(losses) if losses else 0
    got = resident.compute_loss(batch, None, probabilities)
    assert float(keras.ops.convert_to_numpy(got)) == pytest.approx(expected, rel=1e-4)


def test_rows_are_those_of_the_plain_network(resident: ResidentModel, chips: NDArray[np.uint8]) -> None:
    resident.compile()
    index = np.array([3, 0, 7], np.int32)
    expected = resident.network(chips[index].astype(np.float32))
    for name, rows in predict_rows(resident, index, None).items():
        np.testing.assert_allclose(rows, keras.ops.convert_to_numpy(expected[name]), atol=1e-5)


def test_chips_are_no_weights_and_no_constants(resident: ResidentModel) -> None:
    assert resident.chips.dtype == "uint8"
    trained = {variable.path for variable in resident.trainable_variables}
    assert trained == {variable.path for variable in resident.network.trainable_variables}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends compile it")
def test_tensorflow_does_not_compile_by_xla(resident: ResidentModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU Keras would, and XLA has no projective transform."""
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *kind: [tf.config.PhysicalDevice("GPU:0", "GPU")])
    resident.compile()
    assert resident.jit_compile is False


def stream(recipe: Recipe, n: int, first_epoch: int = 0) -> Iterator[dict[str, NDArray[np.generic]]]:
    for (batch,) in batches(recipe, np.arange(100, 100 + n), range(first_epoch, 9)):
        yield batch


def test_batches_are_a_function_of_seed_epoch_and_step() -> None:
    steps = steps_per_epoch(TINY, 40)
    assert steps == 3
    whole = list(islice(stream(TINY, 40), 4 * steps))
    late = list(islice(stream(TINY, 40, first_epoch=2), 2 * steps))
    for expected, got in zip(whole[2 * steps :], late, strict=True):
        for name, values in expected.items():
            np.testing.assert_array_equal(got[name], values)
    other = next(stream(with_changes(TINY, seed=1), 40))
    assert (other["index"] != whole[0]["index"]).any() and (other["gain"] != whole[0]["gain"]).any()
    assert (whole[0]["gain"] != whole[1]["gain"]).any()


def test_an_epoch_shows_each_chip_at_most_once() -> None:
    batch = list(islice(stream(TINY, 40), 3))
    index = np.concatenate([part["index"] for part in batch])
    assert len(set(index.tolist())) == len(index) == 36
    assert index.min() >= 100 and index.max() < 140 and index.dtype == np.int32
    assert next(stream(TINY, 5))["index"].tolist() != sorted(next(stream(TINY, 5))["index"].tolist())
    assert steps_per_epoch(TINY, 5) == 1 and len(next(stream(TINY, 5))["index"]) == 5  # fewer than a batch


def test_resident_chips_are_not_copied_by_a_step() -> None:
    """The time of a step must not grow with what lies on the device: here by 600 MB."""
    inputs = keras.Input((4, 4, 3))
    answers = keras.layers.Dense(2, "softmax", name="gender")(keras.layers.Flatten()(inputs))
    network = keras.Model(inputs, {"gender": answers})
    seconds = {}
    for n in (100, 12_500_000):
        chips = np.zeros((n, 4, 4, 3), np.uint8)
        recipe = with_changes(TINY, input_size=4, batch_size=4, heads=(GENDER,))
        model = ResidentModel(network, recipe, make_targets(recipe, {"gender": np.zeros(n, np.int16)}), chips)
        model.compile(optimizer="sgd")
        (batch,) = next(batches(recipe, np.arange(100), range(1)))
        times = []
        for _ in range(12):
            start = time.perf_counter()
            model.train_on_batch(batch)
            times.append(time.perf_counter() - start)
        seconds[n] = min(times)
    start = time.perf_counter()
    chips.copy()
    copying = time.perf_counter() - start
    small, large = seconds.values()
    assert large - small < copying / 3
