"""Networks of other kinds train, resume and answer as the usual ones do: two inputs, and a head that is a number."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tiny import NO_AUGMENTATION, TINY, changed, prepared, progress_until, settings

from facekit.evaluation.evaluate import predict_dataset
from facekit.evaluation.tables import format_figures
from facekit.faces.batch import FaceBatch
from facekit.faces.features import compute_features
from facekit.heads import NumberAnswer, NumberHead
from facekit.networks.cards import read_card
from facekit.networks.runtimes import load_runtime
from facekit.networks.weights import network_tensors, read_tensors
from facekit.training.checkpoints import load_checkpoint
from facekit.training.curves import draw_curves

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


@pytest.mark.parametrize("store", ["device", "stream"])
def test_two_inputs_answer_alike_in_every_runtime(
    store: str, tiny_utkface: Path, tmp_path: Path, chips: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    """From the weights that a training wrote, whichever store its chips were in."""
    run = prepared(settings(TWO_INPUTS, tiny_utkface, data_in=store), tmp_path)
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
    assert set(card.figures["age"]) == {"mae", "cs5"} and card.figures["minors"]["n"] > 0
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
