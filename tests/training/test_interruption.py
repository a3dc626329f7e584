"""Signals: a training saves what it has done, says how it is resumed, and goes on to the same weights."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import TinyRun, changed, prepared, settings

from facekit.core.errors import TrainingError
from facekit.core.files import PROJECT
from facekit.core.signals import Interrupted
from facekit.networks.weights import read_tensors
from facekit.training import callbacks, checkpoints, interruption, resident, resumed_run
from facekit.training import run as run_module
from facekit.training.files import RunFiles

pytestmark = [
    pytest.mark.usefixtures("tiny"),
    pytest.mark.skipif(not hasattr(signal, "SIGTERM"), reason="no such signal"),
]
EXACT = ("loss", "age", "gender", "race", "val_loss", "learning_rate")


def signal_before(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, is_due: Callable[..., bool]) -> None:
    """Lets a function raise SIGTERM once, at the first call that is due."""
    function, due = getattr(owner, name), [is_due]

    def call(*args: Any, **kwargs: Any) -> Any:
        if due and due[0](*args):
            due.clear()
            signal.raise_signal(signal.SIGTERM)
        return function(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)


def test_interrupted_anywhere_and_resumed_to_the_same_weights(
    trained: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = trained.prepared.steps
    monkeypatch.setattr(resident, "PREDICTED_TOGETHER", 2)
    points: list[tuple[tuple[Any, str, Callable[..., bool]], tuple[int, int]]] = [
        ((callbacks.Progress, "on_train_batch_end", lambda progress, *_: progress.done == 1), (0, 2)),
        ((callbacks.Progress, "on_train_batch_end", lambda progress, *_: progress.done == steps - 1), (0, steps)),
        ((callbacks.Progress, "on_train_batch_end", lambda *_: True), (1, 0)),  # the first step, which compiles
        ((interruption.StopsPredicting, "on_predict_batch_end", lambda *_: True), (1, steps)),
        ((callbacks, "draw_curves", lambda path, history: len(history) == 3), (3, 0)),
    ]
    for at, (done, step) in points:
        with monkeypatch.context() as patch:
            signal_before(patch, *at)
            run = prepared(trained.settings, tmp_path)
            with pytest.raises(Interrupted) as interrupted, run.interruptible():
                run.train()
        assert (interrupted.value.number, interrupted.value.resume) == (signal.SIGTERM, "run")
        checkpoint = checkpoints.load_checkpoint(run.files.checkpoint)
        assert (len(checkpoint.history), checkpoint.step) == (done, step), at
    run = prepared(trained.settings, tmp_path)
    run.train()
    for got, expected in zip(run.history, trained.history, strict=True):
        assert {name: got[name] for name in EXACT} == pytest.approx({name: expected[name] for name in EXACT}, abs=1e-4)
    for name, tensor in read_tensors(trained.last_path).items():
        np.testing.assert_array_equal(read_tensors(run.last_path)[name], tensor, err_msg=name)


def test_where_nothing_is_unsaved_it_ends_at_once(
    trained: TinyRun, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the data is read: a new run has no folder yet, a resumed one is named."""
    for folder, name in ((tmp_path / "new", None), (copied, "run")):
        with monkeypatch.context() as patch:
            signal_before(patch, run_module, "read_data", lambda *_: True)
            run = TinyRun(trained.settings, RunFiles(folder / "logs" / "run", folder / "weights"))
            with pytest.raises(Interrupted) as interrupted, run.interruptible():
                run.prepare()
        assert interrupted.value.resume == name
        assert folder.exists() == (name is not None)


@pytest.mark.parametrize("second", [signal.SIGINT, None])
def test_checkpoint_that_cannot_be_written_leaves_the_former(
    second: int | None, trained: TinyRun, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a second signal ends the program at once, or as the disk is full."""

    def write(*_: Any) -> None:
        if second is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        signal.raise_signal(second)

    recipe = changed(trained.recipe, epochs=4)
    run = prepared(settings(recipe, Path(trained.recipe.data[0].path or "")), copied)
    before = run.files.checkpoint.read_bytes()
    signal_before(monkeypatch, callbacks.Progress, "on_train_batch_end", lambda progress, *_: progress.done == 1)
    monkeypatch.setattr(checkpoints, "write_hdf5", write)
    with pytest.raises(TrainingError if second is None else Interrupted), run.interruptible():
        run.train()
    assert run.files.checkpoint.read_bytes() == before


def test_resumed_with_other_data(trained: TinyRun, copied: Path, tiny_utkface: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(tiny_utkface, tmp_path / "other"))
    first, *_ = sorted(path.name for path in other.iterdir())
    (other / first).unlink()
    run = prepared(settings(trained.recipe, other), copied)
    with pytest.raises(TrainingError, match=rf"other is not the data .*: 1 picture removed, first utkface/{first}"):
        run.train()


PROGRAM = """
import sys, time
sys.argv[1:1] = ["--recipe", "tiny", "--precision", "float32", "--epochs", "100000"]
from facekit.core.lazy_imports import import_keras
import_keras()
import tiny
from facekit.networks.backbones import BACKBONES
from facekit.recipes import RECIPES
from facekit.training import callbacks
callbacks.draw_curves = lambda path, history: None
BACKBONES["tiny"], RECIPES["tiny"] = tiny.TINY_BACKBONE, tiny.TINY
import face_train
from facekit.cli import main
main(face_train.run, face_train.parser)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals")
def test_sigterm_leaves_a_checkpoint_within_seconds(tiny_utkface: Path, working_folder: Path) -> None:
    path = os.pathsep.join([str(PROJECT), str(PROJECT / "tests" / "support")])
    command, environment = [sys.executable, "-c", PROGRAM, "--data", tiny_utkface], {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as going:
        assert going.stdout and going.stderr
        while not going.stderr.readline().startswith("Epoch 1:"):
            assert going.poll() is None
        with pytest.raises(TrainingError, match=r"^Run tiny-\d+-\d+ is going in another process\."):
            resumed_run(None)
        going.terminate()
        begun = time.monotonic()
        *_, said = going.stderr.read().splitlines()
        assert going.wait() == 128 + signal.SIGTERM
    assert time.monotonic() - begun < 30  # on a busy machine
    run = resumed_run(None)
    assert said == f"error: interrupted. Continue with: {sys.executable} -c --resume {run.folder.name}"
    checkpoint = checkpoints.load_checkpoint(run.files.checkpoint)
    assert len(checkpoint.history) >= 1 and run.files.can_be_resumed
    run.files.close()
