"""Teachers: answers never depend on a chip's own label, nor on a near duplicate's."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tiny

from facekit.core.errors import TrainingError, WeightsError
from facekit.datasets.mixture import Mixture
from facekit.datasets.records import Faces, Record
from facekit.datasets.source import DataSource
from facekit.heads import AGE, GENDER, AgeLoss
from facekit.networks.backbones import BACKBONES
from facekit.networks.hdf5 import write_hdf5
from facekit.training import teacher

HEADS = (AGE, GENDER)
RECIPE = tiny.changed(tiny.TINY, heads=HEADS, losses={"age": AgeLoss(sigma=2.0)}, teacher_weight=0.5, seed=3)
N, TRAINED = 60, np.arange(5, 60)  # the first five are on another side of the split
DESCRIBERS = teacher.DESCRIBERS


def fill(network: keras.Model) -> None:
    """Always the same weights, as published ones are."""
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(0, 0.3, variable.shape))


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(BACKBONES, "tiny", replace(tiny.TINY_BACKBONE, load_pretrained=fill))
        describers = (teacher.Describer("tiny", 32, "conv1"), teacher.Describer("tiny", 24, "conv2"))
        monkeypatch.setattr(teacher, "DESCRIBERS", describers)
        for name, value in {"FOLDS": 2, "EPOCHS": 4, "BATCH_SIZE": 8}.items():
            monkeypatch.setattr(teacher, name, value)
        yield


@pytest.fixture(scope="module")
def faces() -> Faces:
    """Chips whose brightness tells the gender, in groups of two."""
    rng = np.random.default_rng(0)
    gender = rng.integers(0, 2, N)
    chips = np.clip(rng.normal(60 + 120 * gender[:, None, None, None], 10, (N, 40, 40, 3)), 0, 255).astype(np.uint8)
    labels = [{"age": int(rng.integers(1, 94)), "gender": GENDER.classes[value]} for value in gender]
    records = [Record(str(n), str(n), str(n), known, group=str(n // 2)) for n, known in enumerate(labels)]
    return Faces(records, chips, rng.normal(size=(N, 1024)).astype(np.float32), {})


def relabelled(faces: Faces, change: Callable[[int, Mapping[str, Any]], dict[str, Any]]) -> Faces:
    records = [replace(record, labels=change(n, record.labels)) for n, record in enumerate(faces.records)]
    return replace(faces, records=records)


def taught(faces: Faces, path: Path) -> teacher.Answers:
    mixture = Mixture([DataSource("table")], [faces], faces.chips)
    return teacher.teach(path, mixture, RECIPE, TRAINED)


@pytest.fixture(scope="module")
def file(faces: Faces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a teacher's answers that a run has written."""
    path = tmp_path_factory.mktemp("run") / "teacher.h5"
    taught(faces, path)
    return path


def test_answers_are_learned_and_only_for_training_chips(faces: Faces, file: Path) -> None:
    answers = taught(faces, file)
    assert {name: rows.shape for name, rows in answers.items()} == {"age": (N, 93), "gender": (N, 2)}
    for rows in answers.values():
        np.testing.assert_allclose(rows[TRAINED].sum(axis=1), 1, atol=1e-5)
        assert not rows[:5].any()
    right = answers["gender"][TRAINED].argmax(axis=1) == faces.labels(HEADS)["gender"][TRAINED]
    assert right.mean() > 0.8


def test_own_label_and_its_duplicate_have_no_say(faces: Faces, file: Path, tmp_path: Path) -> None:
    """Nor have labels of the other sides: those of the first five chips are changed, too."""
    before, pair = taught(faces, file), [20, 21]
    others = {0, 1, 2, 3, 4, 20}
    changed = relabelled(
        faces,
        lambda n, known: {
            "age": 93 if n == 20 else known["age"],
            "gender": GENDER.classes[GENDER.encode(known["gender"]) ^ (n in others)],
        },
    )
    after = taught(changed, tmp_path / "after.h5")
    for name in before:
        np.testing.assert_allclose(after[name][pair], before[name][pair], atol=1e-6)
    assert abs(after["age"] - before["age"]).max() > 1e-5  # others did learn from it


def test_missing_labels(faces: Faces, tmp_path: Path) -> None:
    unknown = relabelled(faces, lambda n, labels: {"gender": labels["gender"]})
    answers = taught(unknown, tmp_path / "teacher.h5")
    assert all(np.isfinite(rows).all() for rows in answers.values())


def test_interrupted_run_finds_its_teacher(
    faces: Faces, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(teacher, "describe")
    damaged = tmp_path / "teacher.h5"
    damaged.write_bytes(file.read_bytes()[:100])
    taught(faces, file)
    with pytest.raises(WeightsError, match=r"teacher\.h5 is damaged"):
        taught(faces, damaged)
    write_hdf5(damaged, {"history": "[]"}, {})  # a checkpoint under its name
    with pytest.raises(TrainingError, match=r"teacher\.h5 belongs to other data than this run's\. Start a new run"):
        taught(faces, damaged)


def test_full_disk(faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "describe", lambda chips, index: np.zeros((2, len(index), 1), np.float16))

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(teacher, "write_hdf5", full)
    with pytest.raises(TrainingError, match=r"Cannot write .+teacher\.h5: No space left on device"):
        taught(faces, tmp_path / "teacher.h5")


def test_features_are_standardised(faces: Faces) -> None:
    views = teacher.describe(faces.chips, TRAINED).astype(np.float32)
    assert views.shape == (2, len(TRAINED), 2 * (8 + 8))
    np.testing.assert_allclose(views[0].mean(axis=0), 0, atol=0.02)
    assert abs(views[1] - views[0]).max() > 0.1  # a mirror image is another picture


@pytest.mark.parametrize("describer", DESCRIBERS, ids=lambda describer: describer.backbone)
def test_describers_can_be_built(describer: teacher.Describer) -> None:
    network = BACKBONES[describer.backbone].build(describer.input_size)
    finer, last = network.get_layer(describer.middle).output, network.layers[-2].output
    assert finer.shape[1] > last.shape[1]
