"""Chips in rows above their captions."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facekit.drawing.chip_grid import GAP, save_chip_grid
from facekit.faces.chips import resize_chips


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_chips_lie_in_rows_and_are_not_changed(chips: NDArray[np.uint8], tmp_path: Path) -> None:
    many = np.concatenate([chips, chips])[:11].astype(np.float32) + 0.4
    save_chip_grid(tmp_path / "chips.png", many, ["two\nlines"] * 11)
    page = pixels(tmp_path / "chips.png")
    assert page.shape == (GAP + 2 * (200 + GAP + 34), GAP + 8 * (200 + GAP), 3)
    for number in range(11):
        left, top = GAP + number % 8 * (200 + GAP), GAP + number // 8 * (200 + GAP + 34)
        np.testing.assert_array_equal(page[top : top + 200, left : left + 200], chips[number % 8])
        assert page[top + 200 : top + 234, left : left + 200].min() < 100  # its caption


def test_small_chips_are_enlarged(chips: NDArray[np.uint8], tmp_path: Path) -> None:
    small = resize_chips(chips[:3], 32)
    save_chip_grid(tmp_path / "chips.png", small, ["", "", ""])
    page = pixels(tmp_path / "chips.png")
    np.testing.assert_array_equal(page[GAP : GAP + 160 : 5, GAP : GAP + 160 : 5], small[0])
    assert page.shape[1] == GAP + 3 * (160 + GAP)


def test_captions_stay_below_their_chip(chips: NDArray[np.uint8], tmp_path: Path) -> None:
    save_chip_grid(
        tmp_path / "chips.png", chips[:2], ["a caption of far too many words, of which some are cut", "\n\n."]
    )
    page = pixels(tmp_path / "chips.png")
    assert page.shape[0] == GAP + 200 + GAP + round(3.8 * 13)
    assert page[GAP + 200 :, GAP + 200 : 2 * GAP + 200].min() == 255
