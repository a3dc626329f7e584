"""The teacher never answers from a chip's own label, nor from a near duplicate's."""

from pathlib import Path

import numpy as np
import pytest
import tiny
from numpy.typing import NDArray

from facekit.backbones import BACKBONES
from facekit.errors import TrainingError, WeightsError
from facekit.heads import GENDER, MISSING, AgeHead
from facekit.training import teacher

HEADS = (AgeHead(sigma=2.0), GENDER)
N, LEARNT = 60, np.arange(5, 60)  # the first five are on another side of the split
SEED = 3
SOURCES = teacher.SOURCES


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKBONES, "tiny", tiny.TINY_BACKBONE)
    monkeypatch.setattr(teacher, "SOURCES", (teacher.Source("tiny", 32, "conv1"), teacher.Source("tiny", 24, "conv2")))
    monkeypatch.setattr(teacher, "EPOCHS", 4)
    monkeypatch.setattr(teacher, "BATCH_SIZE", 8)


@pytest.fixture(scope="module")
def faces() -> tuple[NDArray[np.uint8], dict[str, NDArray[np.int16]], NDArray[np.intp]]:
    """Chips whose brightness tells the gender, their labels, and groups of two."""
    rng = np.random.default_rng(0)
    gender = rng.integers(0, 2, N).astype(np.int16)
    chips = np.clip(rng.normal(60 + 120 * gender[:, None, None, None], 10, (N, 40, 40, 3)), 0, 255).astype(np.uint8)
    labels = {"age": rng.integers(1, 94, N).astype(np.int16), "gender": gender}
    return chips, labels, np.arange(N) // 2


def taught(faces, path: Path, labels=None):  # type: ignore[no-untyped-def]
    chips, own, groups = faces
    return teacher.teach(path, chips, labels or own, HEADS, groups, LEARNT, SEED)


def test_answers_are_learnt_and_only_for_training_chips(faces, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    answers = taught(faces, tmp_path / "teacher.h5")
    assert {name: rows.shape for name, rows in answers.items()} == {"age": (N, 93), "gender": (N, 2)}
    for rows in answers.values():
        np.testing.assert_allclose(rows[LEARNT].sum(axis=1), 1, atol=1e-5)
        assert not rows[:5].any()
    right = answers["gender"][LEARNT].argmax(axis=1) == faces[1]["gender"][LEARNT]
    assert right.mean() > 0.8


def test_own_label_and_its_duplicate_have_no_say(faces, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    before = taught(faces, tmp_path / "before.h5")
    pair = [20, 21]
    changed = {name: rows.copy() for name, rows in faces[1].items()}
    changed["gender"][20], changed["age"][20] = 1 - changed["gender"][20], 93
    after = taught(faces, tmp_path / "after.h5", changed)
    for name in before:
        np.testing.assert_allclose(after[name][pair], before[name][pair], atol=1e-6)
    assert abs(after["age"] - before["age"]).max() > 1e-5  # others did learn from it


def test_labels_of_other_sides_are_not_looked_at(faces, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    changed = {name: rows.copy() for name, rows in faces[1].items()}
    changed["gender"][:5] = 1 - changed["gender"][:5]
    before, after = taught(faces, tmp_path / "before.h5"), taught(faces, tmp_path / "after.h5", changed)
    np.testing.assert_allclose(after["gender"], before["gender"], atol=1e-6)


def test_missing_labels(faces, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    labels = {**faces[1], "age": np.full(N, MISSING, np.int16)}
    answers = taught(faces, tmp_path / "teacher.h5", labels)
    assert all(np.isfinite(rows).all() for rows in answers.values())


def test_interrupted_run_finds_its_teacher(faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "teacher.h5"
    first = taught(faces, path)
    monkeypatch.delattr(teacher, "describe")
    again = taught(faces, path)
    for name, rows in first.items():
        np.testing.assert_array_equal(again[name], rows)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(WeightsError, match=r"teacher\.h5 is damaged"):
        taught(faces, path)


def test_full_disk(faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(teacher, "write_hdf5", full)
    with pytest.raises(TrainingError, match=r"Cannot write .+teacher\.h5: No space left on device"):
        taught(faces, tmp_path / "teacher.h5")


def test_features_are_standardised(faces) -> None:  # type: ignore[no-untyped-def]
    views = teacher.describe(faces[0], LEARNT).astype(np.float32)
    assert views.shape == (2, len(LEARNT), 2 * (8 + 8))
    np.testing.assert_allclose(views[0].mean(axis=0), 0, atol=0.02)
    assert abs(views[1] - views[0]).max() > 0.1  # a mirror image is another picture


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.backbone)
def test_sources_can_be_built(source: teacher.Source) -> None:
    network = BACKBONES[source.backbone].build(source.input_size)
    assert network.get_layer(source.middle).output.shape[1] > network.layers[-2].output.shape[1]  # finer than the last
