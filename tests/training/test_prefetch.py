"""Augmentation on the host: the same pictures as on the device, in order, made ahead of the step."""

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from tiny import TINY, TinyRun, changed, prepared, settings
from waiting import wait_for

from facekit.faces.chips import resize_chips
from facekit.networks.weights import read_tensors
from facekit.recipes import RECIPES
from facekit.recipes.recipe import Augmentation
from facekit.training import augment, augment_host, prefetch
from facekit.training.resident import batches


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("size", [200, 103])
def test_same_pictures_as_on_the_device(name: str, size: int, chips: NDArray[np.uint8]) -> None:
    """Roundings of half a level: the transform's, stretched by the contrast, the colour's, the mixture's, and one each
    for the loss of colour and the blur, before the contrast, and for the noise."""
    chips = resize_chips(chips, size)
    augmentation = RECIPES[name].training.augmentation
    before = 1 + (augmentation.grey > 0) + (augmentation.blur > 0)
    roundings = before * (1 + augmentation.contrast) + 2 + (augmentation.noise > 0)
    for seed in range(3):
        draws = augment.draw(augmentation, len(chips), size, np.random.default_rng(seed))
        expected = keras.ops.convert_to_numpy(augment.apply(chips, draws))
        got = augment_host.apply(chips, draws)
        error = abs(got - expected)
        assert got.dtype == np.uint8
        assert error.max() <= 0.5 * roundings
        assert error.mean() < 0.14 * roundings  # 0.25 would be one rounding


def test_nothing_drawn_changes_no_byte(chips: NDArray[np.uint8]) -> None:
    zeros = dict.fromkeys(vars(Augmentation()), 0.0) | {"erase_area": (0.02, 0.2)}
    draws = augment.draw(Augmentation(**zeros), len(chips), 200, np.random.default_rng(0))
    before = chips.copy()
    np.testing.assert_array_equal(augment_host.apply(chips, draws), chips)
    np.testing.assert_array_equal(chips, before)


def test_resident_chips_are_left_as_they_are(chips: NDArray[np.uint8]) -> None:
    draws = augment.draw(Augmentation(mixup=1.0), len(chips), 200, np.random.default_rng(0))
    before = chips.copy()
    assert (augment_host.apply(chips, draws) != before).any()
    np.testing.assert_array_equal(chips, before)


def test_batches_are_those_of_one_thread(chips: NDArray[np.uint8]) -> None:
    recipe = changed(TINY, input_size=200, batch_size=3)
    index = np.arange(len(chips))
    drawn = list(itertools.islice(batches(recipe, index, range(10)), 20))
    fed = prefetch.augmented(batches(recipe, index, range(10)), chips)
    for (draws,), (batch,) in zip(drawn, fed, strict=False):
        np.testing.assert_array_equal(batch["chips"], augment_host.apply(chips[draws["index"]], draws))
        for name in ("index", "ratio", "partner"):
            np.testing.assert_array_equal(batch[name], draws[name])
    fed.close()


def test_made_ahead_in_order_and_bounded() -> None:
    asked: list[int] = []

    def slow(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number

    def numbers() -> Iterator[int]:
        for number in range(50):
            asked.append(number)
            yield number

    made = prefetch.in_order(slow, numbers())
    assert [next(made) for _ in range(10)] == list(range(10))
    assert 10 < len(asked) <= 10 + prefetch.PREFETCHED
    assert list(made) == list(range(10, 50))


def test_errors_of_a_thread_reach_the_training() -> None:
    made = prefetch.in_order(lambda number: 1 // number, iter([1, 0]))
    assert next(made) == 1
    with pytest.raises(ZeroDivisionError):
        next(made)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("store", ["device", "stream"])
def test_every_store_trains_the_same(store: str, trained: TinyRun, tmp_path: Path) -> None:
    """From disk to the last bit as from memory; on the device but for the rounding to bytes."""
    before = threading.enumerate()
    run = prepared(replace(trained.settings, data_in=store), tmp_path)
    card = run.train()
    assert trained.prepared.settings.data_in == "host"
    tolerance = {"device": 0.02, "stream": 1e-6}[store]
    for name, tensor in read_tensors(trained.last_path).items():
        np.testing.assert_allclose(read_tensors(run.last_path)[name], tensor, rtol=0, atol=tolerance, err_msg=name)
    assert card.figures["age"]["mae"] == pytest.approx(run.history[-1]["val_age_mae"], rel=0.5)
    wait_for(lambda: not [t for t in threading.enumerate() if t.name.startswith("prefetch") and t not in before])


def test_settings_without_a_store_still_load(tmp_path: Path, tiny_utkface: Path) -> None:
    import json

    from facekit.training.settings import Settings

    path = tmp_path / "settings.json"
    settings(TINY, tiny_utkface).save(path)
    fields = json.loads(path.read_text())
    del fields["data_in"]
    path.write_text(json.dumps(fields))
    assert Settings.load(path).data_in == "auto"
