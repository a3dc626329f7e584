"""`FaceEstimator.estimate_batch`: one result or error an item, in order, as they are asked for, from any thread."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout import ROOT
from PIL import Image

from facekit import FaceEstimator, estimator
from facekit.core.errors import FaceKitError, PictureError
from facekit.estimates import PictureEstimate
from facekit.estimator import Item

PORTRAIT = ROOT / "demo_images" / "astronaut.jpg"
N = 300


@pytest.fixture(scope="module")
def estimate_all(tiny_weights: Path) -> FaceEstimator:
    return FaceEstimator(tiny_weights)


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], dict[int, str]]:
    """300 items of every kind, a face in each tenth; and position -> message of the seven that are bad."""
    folder = tmp_path_factory.mktemp("items")
    with Image.open(PORTRAIT) as image:
        face = image.convert("RGB").crop((90, 0, 346, 256))
    face.save(folder / "face.jpg", quality=95)
    items: list[Any] = []
    for number in range(N):
        picture = face if number % 10 == 0 else Image.new("RGB", (50 + number % 7, 64), (number % 256, 90, 120))
        path = folder / f"{number}.png"
        picture.save(path)
        items.append([path, path.read_bytes(), picture, np.asarray(picture), str(path)][number % 7 % 5])
    (folder / "empty.jpg").touch()
    (folder / "half.jpg").write_bytes((folder / "face.jpg").read_bytes()[:4000])
    bad: dict[int, tuple[Any, str]] = {
        0: (folder / "missing.jpg", "A picture must exist"),
        7: (folder / "empty.jpg", "A picture must not be empty"),
        31: (b"no picture", "A picture must be a JPEG, PNG, WebP"),
        32: (np.zeros((40, 40, 3), np.float32), "An array must be RGB uint8"),
        150: (np.zeros((40, 40), np.uint8), "An array must be RGB, shape"),
        151: (str(folder / "half.jpg"), "A picture must be whole and readable"),
        299: (None, "A picture must be a path, bytes, a Pillow image or an RGB array"),
    }
    for number, (item, _) in bad.items():
        items[number] = item
    return items, {number: message for number, (_, message) in bad.items()}


def summary(results: list[PictureEstimate | FaceKitError]) -> list[Any]:
    """Sizes, boxes and rounded ages; errors by their text."""
    return [
        str(result)
        if isinstance(result, FaceKitError)
        else (result.picture.shape, [(face.box, round(face.age.years, 2)) for face in result.faces])
        for result in results
    ]


def test_300_items_of_which_7_are_bad(estimate_all: FaceEstimator, items: tuple[list[Item], dict[int, str]]) -> None:
    given, bad = items
    results = list(estimate_all.estimate_batch(given))
    assert len(results) == N
    errors = {number: result for number, result in enumerate(results) if isinstance(result, FaceKitError)}
    assert errors.keys() == bad.keys()
    for number, message in bad.items():
        assert isinstance(errors[number], PictureError) and str(errors[number]).startswith(message)
    for number, result in enumerate(results):
        if isinstance(result, PictureEstimate):
            assert result.picture.shape == ((256, 256, 3) if number % 10 == 0 else (64, 50 + number % 7, 3))
            assert len(result.faces) == (number % 10 == 0)


def test_four_threads_get_the_same(estimate_all: FaceEstimator, items: tuple[list[Item], dict[int, str]]) -> None:
    some = items[0][:80]
    for item in some:
        if isinstance(item, Image.Image):
            item.load()
    expected = summary(list(estimate_all.estimate_batch(some)))
    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(lambda: summary(list(estimate_all.estimate_batch(some)))) for _ in range(4)]
        assert all(thread.result() == expected for thread in running)


def test_a_network_is_loaded_once_for_all_threads(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from facekit.networks import predictor

    loaded = []
    load = predictor.load_runtime
    monkeypatch.setattr(predictor, "load_runtime", lambda *arguments: loaded.append(arguments) or load(*arguments))
    fresh = FaceEstimator(tiny_weights)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(fresh.estimate, [PORTRAIT] * 4))
    assert len(loaded) == 1 and all(answer == answers[0] for answer in answers)


def counted(taken: list[int], items: list[Any]) -> Iterator[Any]:
    for number, item in enumerate(items):
        taken.append(number)
        yield item


def test_items_are_read_as_they_are_needed(estimate_all: FaceEstimator, monkeypatch: pytest.MonkeyPatch) -> None:
    face, nobody = PORTRAIT, np.zeros((90, 90, 3), np.uint8)
    taken: list[int] = []
    results = estimate_all.estimate_batch(counted(taken, [face] * 20))
    assert taken == []
    next(results)
    assert len(taken) == estimator._FACES  # as many as go through the network together
    for _ in range(estimator._FACES):
        next(results)
    assert len(taken) == 2 * estimator._FACES

    taken.clear()
    next(estimate_all.estimate_batch(counted(taken, [nobody] * 100)))
    assert len(taken) == estimator._PICTURES
    taken.clear()
    next(estimate_all.estimate_batch(counted(taken, [b"bad"] * 100)))
    assert len(taken) == estimator._PICTURES
    monkeypatch.setattr(estimator, "_BYTES", 2 * nobody.nbytes)
    taken.clear()
    next(estimate_all.estimate_batch(counted(taken, [nobody] * 100)))
    assert len(taken) == 2  # large pictures are not heaped up in memory


def test_no_items(estimate_all: FaceEstimator) -> None:
    assert list(estimate_all.estimate_batch([])) == []
