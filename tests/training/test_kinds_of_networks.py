"""Networks of other kinds train, resume and answer as the usual ones do: two inputs, and a head that is a number."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.util.tensor_util import make_ndarray
from tiny import TINY, TinyRun, changed, prepared, progress_until, settings

from facekit.estimator import FaceEstimator
from facekit.evaluation.curves import draw_curves
from facekit.evaluation.evaluate import predict_dataset
from facekit.evaluation.tables import format_figures
from facekit.faces.batch import FaceBatch
from facekit.faces.features import compute_features
from facekit.heads import GENDER, NumberAnswer, NumberHead
from facekit.networks.cards import Card, read_card
from facekit.networks.network import build_network
from facekit.networks.runtimes import load_runtime
from facekit.networks.weights import load_matching, network_tensors, read_tensors, save_weights
from facekit.recipes.recipe import NO_AUGMENTATION
from facekit.training.checkpoints import load_checkpoint
from facekit.training.prepared import network_summary

pytestmark = pytest.mark.usefixtures("tiny")
TWO_INPUTS = changed(TINY, features="landmarks", epochs=2)
YEARS = NumberHead("age", 0, 116, unit="years")


def test_two_inputs_train_and_resume_to_the_same_weights(
    tiny_utkface: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = settings(TWO_INPUTS, tiny_utkface)
    whole = prepared(options, tmp_path / "whole")
    before = network_tensors(whole.network)
    card = whole.train()
    kernel = network_tensors(whole.network)["gender/kernel"]
    assert kernel.shape == (8 + 10, 2) and (kernel != before["gender/kernel"]).all()  # of features, too
    assert card.network.inputs == ("picture", "features")

    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr("facekit.training.run.Progress", progress_until(lambda: 1 // 0))
        patch.setattr("facekit.training.callbacks.SAVE_EVERY", 0)
        prepared(options, tmp_path).train()
    checkpoint = load_checkpoint(tmp_path / "logs" / "run" / "checkpoint.h5")
    assert (len(checkpoint.history), checkpoint.step) == (1, 1)
    resumed = prepared(options, tmp_path)
    assert resumed.train().figures == card.figures
    for name, tensor in read_tensors(whole.last_path).items():
        np.testing.assert_allclose(read_tensors(resumed.last_path)[name], tensor, rtol=0, atol=1e-6, err_msg=name)


def test_two_inputs_answer_alike_in_every_runtime(
    tiny_utkface: Path, tmp_path: Path, chips: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    """From the weights that a training wrote whose chips were on disk."""
    run = prepared(settings(changed(TWO_INPUTS, epochs=1), tiny_utkface, data_in="stream"), tmp_path)
    card = run.train()
    keras, openvino = (load_runtime(run.best_path, name) for name in ("keras", "openvino"))
    assert "exported" in capsys.readouterr().err
    expected = keras.predict(chips)
    for name, rows in openvino.predict(chips).items():
        np.testing.assert_allclose(rows, expected[name], rtol=0, atol=1e-4)
    index = run.prepared.data.sides["test"]
    faces, labels = run.trainer.side_faces("test"), run.prepared.data.side_labels("test")
    np.testing.assert_array_equal(faces.features, compute_features("landmarks", faces.chips))
    assert len(faces) == len(index) == card.figures["n"]
    errors = abs(expected_ages(keras.predict(faces)["age"]) - labels["age"])
    assert card.figures["age"]["mae"] == pytest.approx(errors.mean(), abs=1e-3)
    moved = FaceBatch(faces.chips, features=faces.features + 1)
    assert (keras.predict(moved)["age"] != keras.predict(faces)["age"]).any()


def test_other_shapes_and_tops_train_and_answer(tiny_utkface: Path, tmp_path: Path, chips: NDArray[np.uint8]) -> None:
    """A picture that is no square, max pooling and a hidden layer; with what TensorBoard gets on demand."""
    recipe = changed(TINY, input_size=(40, 32), pooling="max", hidden=(16,), histograms=True)
    run = prepared(settings(recipe, tiny_utkface, data_in="host"), tmp_path)
    card = run.train()
    assert run.trainer.optimizer.is_head[-8:] == [True] * 8  # the hidden layer learns at the heads' rate
    assert "tiny, 40x32 px" in network_summary(run.prepared.recipe, run.network)
    assert read_card(run.best_path).network == recipe.network
    assert "a face of 40x32 pixels" in run.best_path.with_suffix(".md").read_text(encoding="utf-8")
    figures = predict_dataset(run.best_path, "utkface", str(tiny_utkface), "test", None, None).figures
    assert figures["age"] == pytest.approx(card.figures["age"], abs=0.01)
    expected = load_runtime(run.best_path, "keras").predict(chips)
    for name, rows in load_runtime(run.best_path, "openvino").predict(chips).items():
        np.testing.assert_allclose(rows, expected[name], rtol=0, atol=1e-4)
    (face,) = FaceEstimator(run.best_path, detector="whole_image").estimate(chips[0])
    assert face.gender.label in ("Male", "Female")

    events = [event for path in run.folder.glob("events*") for event in EventFileLoader(str(path)).Load()]
    (graph,) = [GraphDef.FromString(event.graph_def) for event in events if event.graph_def]
    nodes = {node.name: list(node.input) for node in graph.node}
    assert nodes["hidden1"] == ["max_pooled"] and nodes["max_pooled"] == ["norm2"] and nodes["picture"] == []
    (counts,) = [
        make_ndarray(value.tensor) for event in events for value in event.summary.value if value.tag == "hidden1/kernel"
    ]
    kernel = run.network.get_layer("hidden1").kernel.numpy()
    assert counts[:, 2].sum() == kernel.size == 8 * 16
    assert (counts[0, 0], counts[-1, 1]) == pytest.approx((kernel.min(), kernel.max()))


def test_a_network_with_another_top_starts_from_the_backbone(trained: TinyRun, tmp_path: Path) -> None:
    hidden = changed(TINY, hidden=(16,)).network
    network = build_network(hidden)
    before = network_tensors(network)
    load_matching(network, trained.best_path, hidden)
    after, source = network_tensors(network), read_tensors(trained.best_path)
    for name, tensor in after.items():
        is_top = name.split("/")[0] in hidden.top_layers
        np.testing.assert_allclose(tensor, before[name] if is_top else source[name], atol=1e-3, err_msg=name)
    path = tmp_path / "hidden.h5"
    save_weights(after, Card(name="hidden", network=hidden), path)
    again = build_network(hidden)
    load_matching(again, path, hidden)
    for name, tensor in network_tensors(again).items():
        np.testing.assert_allclose(tensor, after[name], atol=1e-3, err_msg=name)


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 0.0), (0.0, 0.05)])
def test_sgd_learns(momentum: float, weight_decay: float, tiny_utkface: Path, tmp_path: Path) -> None:
    sgd = {
        "optimizer": "sgd",
        "momentum": momentum,
        "weight_decay": weight_decay,
        "learning_rate": 0.1 - 0.09 * momentum,
    }
    recipe = changed(TINY, heads=(GENDER,), epochs=4, dropout=0.0, augmentation=NO_AUGMENTATION, **sgd)
    run = prepared(settings(recipe, tiny_utkface), tmp_path)
    run.train()
    assert run.history[-1]["gender"] < 0.95 * run.history[0]["gender"]


def expected_ages(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    return rows @ np.arange(1, 94)


def test_a_number_is_learned_evaluated_and_described(tiny_utkface: Path, tmp_path: Path) -> None:
    recipe = changed(
        TINY,
        heads=(YEARS,),
        epochs=10,
        learning_rate=0.02,
        dropout=0.0,
        augmentation=NO_AUGMENTATION,
    )
    run = prepared(settings(recipe, tiny_utkface), tmp_path)
    card = run.train()
    losses = [epoch["loss"] for epoch in run.history]
    assert losses[-1] < 0.8 * losses[0]
    assert run.history[-1]["val_loss"] == pytest.approx(run.history[-1]["val_age_mae"] / 116, rel=1e-4)

    assert read_card(run.best_path).network.heads == (YEARS,)
    assert set(card.figures["age"]) == {"mae", "bias", "cs5"} and card.figures["minors"]["n"] > 0
    figures = predict_dataset(run.best_path, "utkface", str(tiny_utkface), "test", None, None).figures
    assert figures["age"]["mae"] == pytest.approx(card.figures["age"]["mae"], abs=0.01)
    assert "MAE, years" in format_figures(figures)
    page = run.best_path.with_suffix(".md").read_text(encoding="utf-8")
    assert "age (0 to 116 years)" in page and "MAE, years" in page
    draw_curves(tmp_path / "curves.png", run.history)
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (680, 520)  # the loss and one head
    (answer,) = YEARS.decode(load_runtime(run.best_path, "keras").predict(run.trainer.side_faces("test"))["age"][:1])
    assert isinstance(answer, NumberAnswer) and 0 <= answer.value <= 116
