"""Other backends, each in a process of its own, train to the same weights and card, and answer the same."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
from checkout import ROOT
from tiny import TINY, TinyRun, changed, prepared

from facekit.networks.cards import read_card
from facekit.networks.weights import read_tensors
from facekit.training.files import RunFiles
from facekit.training.settings import Settings

pytestmark = pytest.mark.usefixtures("tiny")
OTHERS = sorted({"tensorflow", "jax", "torch"} - {keras.backend.backend()})

TRAIN = """
import sys
from pathlib import Path
from facekit.core.lazy_imports import import_keras
import_keras()
import tiny
from facekit.networks.backbones import BACKBONES
from facekit.training import callbacks
from facekit.training.settings import Settings

callbacks.SAVE_EVERY = 0
BACKBONES["tiny"] = tiny.TINY_BACKBONE
folder = Path(sys.argv[1])
tiny.prepared(Settings.load(folder / "settings.json"), folder).train()
"""


def run_other(backend: str, code: str, folder: Path, **variables: str) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path, **variables}
    done = subprocess.run([sys.executable, "-c", code, folder], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(scope="module")
def start(trained: TinyRun) -> Settings:
    """A training whose weights begin the same everywhere, as random ones and dropout do not."""
    changes = {"pretrained": str(trained.last_path), "dropout": 0.0, "epochs": 2, "data": trained.recipe.data}
    return replace(trained.settings, recipe=changed(TINY, **changes))


@pytest.fixture(scope="module")
def trained_here(start: Settings, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TinyRun]:
    """Trains here with a store, once."""

    @cache
    def train(store: str) -> TinyRun:
        run = prepared(replace(start, data_in=store), tmp_path_factory.mktemp("here"))
        run.train()
        return run

    return train


@pytest.mark.parametrize("store", ["device", "host"])
@pytest.mark.parametrize("backend", OTHERS)
def test_other_backends_train_the_same(
    backend: str, store: str, start: Settings, trained_here: Callable[[str], TinyRun], tmp_path: Path
) -> None:
    replace(start, data_in=store).save(tmp_path / "settings.json")
    run_other(backend, TRAIN, tmp_path)
    here = trained_here(store)
    there = RunFiles(tmp_path / "logs" / "run", tmp_path / "weights")
    expected = read_tensors(here.last_path)
    got = read_tensors(there.last)
    assert got.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_allclose(got[name], tensor, rtol=0, atol=1e-3, err_msg=name)  # float16 has 11 bits
    one, other = read_card(here.best_path), read_card(there.best)
    assert (other.training["backend"], one.training["backend"]) == (backend, keras.backend.backend())
    assert other.network == one.network and other.data == one.data
    assert other.training["history"].keys() == one.training["history"].keys()
    for name, value in one.training["history"].items():
        if "second" not in name:  # how long it took
            assert other.training["history"][name] == pytest.approx(value, abs=1e-3), name


TRAIN_RECIPES = """
import sys
from pathlib import Path
from facekit.core.lazy_imports import import_keras
import_keras()
import pytest, tiny
import face
from facekit.recipes import RECIPES

tiny.without_published_weights(pytest.MonkeyPatch())
folder = Path(sys.argv[1])
for recipe in (face.recipe, *RECIPES.values()):
    tiny.assert_trains(recipe, sorted((folder / "pictures").iterdir()), folder / recipe.name)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHERS)
def test_other_backends_train_each_recipe(backend: str, tiny_utkface: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for path in sorted(tiny_utkface.iterdir())[:8]:
        shutil.copy(path, tmp_path / "pictures")
    run_other(backend, TRAIN_RECIPES, tmp_path)


ANSWER = """
import sys
from pathlib import Path
import numpy as np
from facekit.networks.backbones import BACKBONES
from facekit.networks.runtimes import load_runtime
import keras, tiny

BACKBONES["tiny"] = tiny.TINY_BACKBONE
folder = Path(sys.argv[1])
np.savez(folder / "answers.npz", **load_runtime(folder / "weights.h5").predict(np.load(folder / "chips.npy")))
"""


@pytest.mark.parametrize("backend", OTHERS)
def test_other_backends_answer_the_same(
    backend: str, trained: TinyRun, chips: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], tmp_path: Path
) -> None:
    from facekit.networks.runtimes import load_runtime

    (tmp_path / "weights.h5").write_bytes(trained.best_path.read_bytes())
    np.save(tmp_path / "chips.npy", chips)
    run_other(backend, ANSWER, tmp_path)
    answers = np.load(tmp_path / "answers.npz")
    for name, rows in load_runtime(trained.best_path).predict(chips).items():
        np.testing.assert_allclose(answers[name], rows, rtol=0, atol=1e-4)


WITHOUT_TENSORFLOW = """
import importlib.util
import os, sys
from facekit.core import lazy_imports

os.environ.pop("KERAS_BACKEND", None)
found = importlib.util.find_spec
lazy_imports.find_spec = lambda name: None if name == "tensorflow" else found(name)
print(lazy_imports.import_keras().backend.backend())
"""


def test_an_installed_backend_is_found() -> None:
    installed = [name for name in ("jax", "torch") if importlib.util.find_spec(name)]
    if not installed:
        pytest.skip("neither jax nor torch is installed")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.check_output([sys.executable, "-c", WITHOUT_TENSORFLOW], env=environment, text=True)
    assert out.split() == installed[:1]
