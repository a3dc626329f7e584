"""Quality of views: each fault lowers it."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from facekit.faces.quality import view_quality

CHIP = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8).repeat(25, axis=0).repeat(25, axis=1)
FRONTAL = np.float32([[140, 80], [120, 80], [60, 80], [80, 80], [100, 120]])


def test_blurred_small_dark_and_turned_views_are_worse() -> None:
    blurred = np.asarray(Image.fromarray(CHIP).filter(ImageFilter.GaussianBlur(12)))
    turned = FRONTAL + np.float32([[0, 0]] * 4 + [[40, 0]])
    best = view_quality(CHIP, FRONTAL, 200)
    others = [
        view_quality(blurred, FRONTAL, 200),
        view_quality(CHIP, FRONTAL, 20),
        view_quality(CHIP // 12, FRONTAL, 200),
        view_quality(CHIP, turned, 200),
        view_quality(np.zeros_like(CHIP), None, 200),
    ]
    assert 0.8 < best <= 1 and all(0 <= quality < 0.7 * best for quality in others), (best, others)
    many = np.zeros((68, 2), np.float32)
    many[36:42], many[42:48], many[33] = (70, 80), (130, 80), (100, 120)
    assert view_quality(CHIP, many, 200) == pytest.approx(best) == view_quality(CHIP, None, 200)
