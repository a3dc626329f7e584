"""The picture of the first training chips."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tiny import TINY, TinyRun, changed

from facekit.drawing.chip_grid import GAP
from facekit.faces.chips import resize_chips
from facekit.heads import MISSING
from facekit.recipes.recipe import Augmentation
from facekit.training import first_chips
from facekit.training.first_chips import save_first_chips
from facekit.training.resident import batches

LABELS = {
    "age": np.array([5, 16, 27, 38, 49, 60, 71, 82], np.int16),
    "gender": np.array([0, 1, 0, 1, 0, 1, 0, MISSING], np.int16),
    "race": np.array([0, 1, 2, 3, 4, 0, 1, MISSING], np.int16),
}


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_first_chips_are_the_first_batch(
    chips: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only mirrored and mixed; the captions tell the mixtures."""
    saved: list[tuple[NDArray[np.float32], list[str]]] = []
    monkeypatch.setattr(first_chips, "save_chip_grid", lambda path, chips, captions: saved.append((chips, captions)))
    nothing = dict.fromkeys(("shift", "scale", "rotation", "contrast", "brightness", "colour", "erase"), 0.0)
    recipe = changed(TINY, batch_size=7, augmentation=Augmentation(**nothing, mixup=0.5))
    index = np.arange(1, 8)
    (batch,) = next(batches(recipe, index, range(1)))
    save_first_chips(tmp_path / "chips.png", recipe.network.heads, batch, resize_chips(chips, 32), LABELS)
    ((seen, captions),) = saved
    texts = ["5 Male White", "16 Female Black", "27 Male Asian", "38 Female Indian", "49 Male Others"]
    texts += ["60 Female White", "71 Male Black", "82"]
    assert len(captions) == len(seen) == 7 and any("\n" in caption for caption in captions)
    mirrored = batch["transform"][:, 0] < 0
    own = resize_chips(chips, 32)[batch["index"]].astype(np.float32)
    own[mirrored] = own[mirrored][:, :, ::-1]
    for number, caption in enumerate(captions):
        ratio, partner = float(batch["ratio"][number]), int(batch["partner"][number])
        lines = [texts[batch["index"][number]], texts[batch["index"][partner]]]
        expected = lines[0] if ratio == 1 else f"{ratio:.0%} {lines[0]}\n{1 - ratio:.0%} {lines[1]}"
        assert caption == expected
        np.testing.assert_allclose(seen[number], ratio * own[number] + (1 - ratio) * own[partner], atol=0.1)


def test_the_same_run_gives_the_same_picture(chips: NDArray[np.uint8], tmp_path: Path) -> None:
    small = resize_chips(chips, 32)
    for name, recipe in {"one": TINY, "same": TINY, "other": changed(TINY, seed=1)}.items():
        (batch,) = next(batches(recipe, np.arange(8), range(1)))
        save_first_chips(tmp_path / f"{name}.png", recipe.network.heads, batch, small, LABELS)
    one, same, other = ((tmp_path / f"{name}.png").read_bytes() for name in ("one", "same", "other"))
    assert one == same != other


def test_a_run_shows_its_chips(trained: TinyRun) -> None:
    assert pixels(trained.folder / "chips.png").shape[1] == GAP + 8 * (160 + GAP)
