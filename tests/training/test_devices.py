"""Several devices train as one does: JAX's virtual ones on the processor, in processes of their own."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from checkout import Script
from test_backends import run_other
from tiny import TINY, changed, settings

from facekit.core.errors import UnknownNameError
from facekit.networks.cards import read_card
from facekit.networks.weights import read_tensors
from facekit.training.devices import Devices
from facekit.training.settings import Settings

TRAIN = """
import sys
from pathlib import Path
from facekit.core.lazy_imports import import_keras
keras = import_keras()
import tiny
from facekit.networks.backbones import BACKBONES
from facekit.training import callbacks
from facekit.training.settings import Settings
from facekit.training.trainer import Trainer

callbacks.SAVE_EVERY = 0
BACKBONES["tiny"] = tiny.TINY_BACKBONE
folder = Path(sys.argv[1])
options = Settings.load(folder / "settings.json")


class Killed(Exception):
    pass


def save(trainer, step):
    saved(trainer, step)
    if (len(trainer.history), step) == (1, 2):
        raise Killed


if options.devices == "all":  # is stopped once, and resumed
    saved, Trainer.save_checkpoint = Trainer.save_checkpoint, save
    try:
        tiny.prepared(options, folder).train()
    except Killed:
        Trainer.save_checkpoint = saved
run = tiny.prepared(options, folder, timed=options.devices == "all")
count = run.prepared.devices.count
(folder / "summary.txt").write_text(run.prepared.summary())
run.train()
variables = run.trainer.model.variables + run.trainer.optimizer.variables
shards = {len(variable.value.sharding.device_set) for variable in variables}
assert shards == {count}, shards
assert keras.distribution.distribution() is None
"""


@pytest.mark.slow
@pytest.mark.parametrize("store", ["device", "host"])
def test_four_devices_train_as_one(store: str, tiny_utkface: Path, tmp_path: Path) -> None:
    """Dropout, mixup, batch norm, the moving average, and an interruption included."""
    for which in ("one", "all"):
        (tmp_path / which).mkdir()
        recipe = changed(TINY, epochs=2)
        settings(recipe, tiny_utkface, data_in=store, devices=which).save(tmp_path / which / "settings.json")
        run_other("jax", TRAIN, tmp_path / which, XLA_FLAGS="--xla_force_host_platform_device_count=4")
    for which, count in (("one", 1), ("all", 4)):
        assert f"\ndevices     {count}\n" in (tmp_path / which / "summary.txt").read_text()
    one, four = (tmp_path / which / "weights" / "run-last.h5" for which in ("one", "all"))
    expected, got = read_tensors(one), read_tensors(four)
    assert got.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_allclose(got[name], tensor, rtol=0, atol=1e-3, err_msg=name)  # Adam makes noise of no slope
    one_card, four_card = read_card(one), read_card(four)
    assert four_card.data == one_card.data
    times = ("seconds", "chips_per_second", "val_seconds")
    figures = [
        {name: value for name, value in card.training["history"].items() if name not in times}
        for card in (one_card, four_card)
    ]
    assert figures[1] == pytest.approx(figures[0], abs=5e-4)  # mixed within each device, the loss is 0.05 off


UNEVEN = """
import sys
from facekit.core.errors import UsageError
from facekit.core.lazy_imports import import_keras
import_keras()
from facekit.training.devices import Devices

for size in (10, 3):
    try:
        Devices("all", size)
    except UsageError as error:
        print(error, file=open(sys.argv[1], "a"))
Devices("all", 8)
"""


def test_a_batch_that_cannot_be_shared(tmp_path: Path) -> None:
    run_other("jax", UNEVEN, tmp_path / "errors", XLA_FLAGS="--xla_force_host_platform_device_count=4")
    rule = "A batch must be shared evenly by 4 devices. Received: {} chips. Use {}, or hide devices "
    lines = (tmp_path / "errors").read_text().splitlines()
    assert lines == [f"{rule.format(*sizes)}(CUDA_VISIBLE_DEVICES)." for sizes in ((10, 8), (3, 4))]


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="which can")
@pytest.mark.usefixtures("tiny")
def test_other_backends_have_one(script: Script, working_folder: Path) -> None:
    status, _, err = script("face_train.py", "--recipe", "tiny", "--devices", "all")
    needed = f"needs KERAS_BACKEND=jax. Received: {keras.backend.backend()}. Set it, or train on one (--devices)."
    assert (status, err) == (2, f"error: Training on all devices {needed}\n")
    assert not list(working_folder.iterdir())


def test_one_or_all() -> None:
    with pytest.raises(
        UnknownNameError, match=r"^Unknown choice of devices: 'al'\. Did you mean 'all'\? Known: all, o"
    ):
        Devices("al", 12)
    assert Devices("one", 7).count == 1


def test_settings_keep_them(tiny_utkface: Path, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    settings(TINY, tiny_utkface, devices="all").save(path)
    assert Settings.load(path).devices == "all"
    fields = json.loads(path.read_text())
    del fields["devices"]  # as it was before
    path.write_text(json.dumps(fields))
    assert Settings.load(path).devices == "one"
