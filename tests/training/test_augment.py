"""Augmentation against slow plain NumPy."""

import math

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from facekit.faces.chips import resize_chips
from facekit.recipes import RECIPES
from facekit.recipes.recipe import NO_AUGMENTATION, Augmentation
from facekit.training import augment, augment_host

N, SIZE = 5, 24
Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def small(chips: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return resize_chips(chips[:N], SIZE)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def applied(chips: NDArray[np.uint8], draws: augment.Draws) -> Array:
    return keras.ops.convert_to_numpy(augment.apply(chips, draws))


def sample(chip: Array, x: float, y: float) -> Array:
    """Bilinear; beyond the edge the nearest pixel."""
    x, y = min(max(x, 0), SIZE - 1), min(max(y, 0), SIZE - 1)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, SIZE - 1), min(top + 1, SIZE - 1)
    dx, dy = x - left, y - top
    above = (1 - dx) * chip[top, left] + dx * chip[top, right]
    below = (1 - dx) * chip[bottom, left] + dx * chip[bottom, right]
    return (1 - dy) * above + dy * below


def oracle(chips: NDArray[np.uint8], draws: augment.Draws) -> Array:
    """Pixel by pixel, in the order: geometry, contrast and colour, erasing, mixing."""
    changed = []
    for k, chip in enumerate(chips.astype(np.float64)):
        a, b, c, d, e, f, _, _ = draws["transform"][k].astype(np.float64)
        left, top, right, bottom = draws["box"][k]
        out = np.empty((SIZE, SIZE, 3))
        for y in range(SIZE):
            for x in range(SIZE):
                value = sample(chip, a * x + b * y + c, d * x + e * y + f)
                value = (value - 127.5) * draws["gain"][k] + 127.5 + draws["bias"][k]
                out[y, x] = np.clip(value, 0, 255)
                if left <= x < right and top <= y < bottom:
                    out[y, x] = draws["fill"][k]
        changed.append(out)
    mixtures = zip(draws["ratio"], draws["partner"], strict=True)
    return np.array([r * changed[k] + (1 - r) * changed[p] for k, (r, p) in enumerate(mixtures)])


@pytest.mark.parametrize("seed", range(3))
def test_everything_at_once_against_the_oracle(seed: int, small: NDArray[np.uint8]) -> None:
    draws = augment.draw(Augmentation(erase=1.0, mixup=0.7), N, SIZE, rng(seed))
    np.testing.assert_allclose(applied(small, draws), oracle(small, draws), atol=0.05)


def test_chips_that_are_no_squares_change_as_squares_do(chips: NDArray[np.uint8]) -> None:
    """Of smooth chips, resizing and changing give the same in either order, on the device and on the host."""
    square, flat = resize_chips(resize_chips(chips[:N], 12), 90), (90, 60)
    augmentation = Augmentation(flip=1.0, erase=0.0, rotation=0.3, mixup=0.0)
    expected = applied(square, augment.draw(augmentation, N, 90, rng()))
    draws = augment.draw(augmentation, N, flat, rng())
    got = applied(resize_chips(square, flat), draws)
    assert got.shape == (N, 90, 60, 3)
    resized = resize_chips(np.rint(expected).astype(np.uint8), flat).astype(np.float32)
    assert np.abs(got - resized).mean() < 1.5 < np.abs(resized - resize_chips(square, flat)).mean() / 5
    assert np.abs(got - augment_host.apply(resize_chips(square, flat), draws)).max() <= 3
    boxes = [augment.draw(Augmentation(erase=1.0), N, size, rng())["box"] for size in (90, flat)]
    np.testing.assert_allclose(boxes[0] * (2 / 3, 1, 2 / 3, 1), boxes[1], rtol=1e-5)


def test_no_augmentation_is_the_identity(small: NDArray[np.uint8]) -> None:
    got = applied(small, augment.draw(NO_AUGMENTATION, N, SIZE, rng()))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, small, atol=1e-3)


def only(**changes: object) -> Augmentation:
    return Augmentation(**{**vars(NO_AUGMENTATION), **changes})


def test_flip_is_the_mirror_image(small: NDArray[np.uint8]) -> None:
    got = applied(small, augment.draw(only(flip=1), N, SIZE, rng()))
    np.testing.assert_allclose(got, small[:, :, ::-1], atol=1e-2)


def test_shift_moves_the_picture(small: NDArray[np.uint8]) -> None:
    draws = augment.draw(NO_AUGMENTATION, N, SIZE, rng())
    draws["transform"][:, [2, 5]] = [3, -2]  # where x and y of the output's corner lie in the input
    got = applied(small, draws)
    np.testing.assert_allclose(got[:, 2:, : SIZE - 3], small[:, : SIZE - 2, 3:], atol=1e-3)
    np.testing.assert_allclose(got[:, :2, 0], np.repeat(small[:, :1, 3], 2, axis=1), atol=1e-3)


def test_drawn_geometry_turns_and_scales_about_the_middle() -> None:
    draws = augment.draw(only(flip=0.5, scale=0.2, rotation=0.3), 200, SIZE, rng())
    a, b, c, d, e, f, _, _ = draws["transform"].astype(np.float64).T
    middle = (SIZE - 1) / 2
    np.testing.assert_allclose([a * middle + b * middle + c, d * middle + e * middle + f], middle, atol=1e-4)
    scales = 1 / np.hypot(a, d)
    assert 0.8 <= scales.min() < 0.82 and 1.18 < scales.max() <= 1.2
    mirrored = a * e - b * d < 0
    assert 0.4 < mirrored.mean() < 0.6
    assert np.arctan2(-b, e).std() == pytest.approx(0.3, rel=0.15)


def test_drawn_shifts_are_fractions_of_the_side() -> None:
    draws = augment.draw(only(shift=0.1), 500, 200, rng())
    assert draws["transform"][:, [2, 5]].std(axis=0) == pytest.approx([20, 20], rel=0.1)


def test_contrast_and_colour(small: NDArray[np.uint8]) -> None:
    draws = augment.draw(only(contrast=0.5, brightness=50, colour=10), N, SIZE, rng())
    gain, bias = draws["gain"][:, None, None, None], draws["bias"][:, None, None]
    expected = np.clip((small - 127.5) * gain + 127.5 + bias, 0, 255)
    np.testing.assert_allclose(applied(small, draws), expected, atol=1e-2)
    many = augment.draw(only(contrast=0.5, brightness=50, colour=10), 500, SIZE, rng())
    assert 0.5 <= many["gain"].min() < 0.52 and 1.48 < many["gain"].max() <= 1.5
    assert many["bias"].std(axis=1, ddof=1).mean() == pytest.approx(10, rel=0.15)


def test_grey_chips_keep_their_luminance(small: NDArray[np.uint8]) -> None:
    draws = augment.draw(only(grey=0.5), N, SIZE, rng())
    assert 0 < draws["grey"].sum() < N
    for grey, chip, got in zip(draws["grey"], small, applied(small, draws), strict=True):
        luminance = np.repeat((chip @ [0.299, 0.587, 0.114])[..., None], 3, axis=-1)
        np.testing.assert_allclose(got, luminance if grey else chip, atol=0.01)


def test_blur_is_gaussian(small: NDArray[np.uint8]) -> None:
    draws = augment.draw(only(blur=0.04), N, SIZE, rng())
    sigma = np.linspace(0, 1.2, N)
    draws["kernel"] = augment._kernels(sigma, reach=5)
    expected = [gaussian_filter(chip * 1.0, (s, s, 0), truncate=5) for chip, s in zip(small, sigma, strict=True)]
    np.testing.assert_allclose(applied(small, draws), expected, atol=0.2)


def test_drawn_blurs_are_fractions_of_the_side() -> None:
    kernels = augment.draw(only(blur=0.02), 500, 200, rng())["kernel"]
    assert kernels.shape == (500, 2 * 12 + 1)
    deviation = np.sqrt((kernels * np.arange(-12, 13) ** 2).sum(axis=1))
    assert 3.5 < deviation.max() < 4 and np.median(deviation) == pytest.approx(0.5, abs=0.1)


def test_noise_is_cut_from_a_table(small: NDArray[np.uint8]) -> None:
    draws = augment.draw(only(noise=40), N, SIZE, rng())
    draws["noise_at"][0] = 250, 3  # beyond the edge it begins again
    table = np.concatenate([augment.NOISE, augment.NOISE])
    for chip, deviation, (row, column), got in zip(
        small, draws["noise"], draws["noise_at"], applied(small, draws), strict=True
    ):
        cut = np.concatenate([table, table], axis=1)[row : row + SIZE, column : column + SIZE]
        np.testing.assert_allclose(got, np.clip(chip + deviation * cut, 0, 255), atol=1e-2)
    assert 30 < augment.draw(only(noise=40), 500, SIZE, rng())["noise"].max() <= 40


def test_degraded_chips_are_the_same_on_the_host(chips: NDArray[np.uint8]) -> None:
    augmentation = Augmentation(grey=0.5, blur=0.02, noise=20, mixup=0.0)
    draws = augment.draw(augmentation, N, chips.shape[1], rng())
    got, expected = augment_host.apply(chips[:N], draws), applied(chips[:N], draws)
    assert np.abs(got - expected).max() <= 4 and np.abs(got - expected).mean() < 0.6


def test_degradations_change_no_other_draw() -> None:
    plain, degraded = augment.draw(Augmentation(), N, SIZE, rng()), Augmentation(grey=0.5, blur=0.02, noise=20)
    for name, values in augment.draw(degraded, N, SIZE, rng()).items():
        if name in plain:
            np.testing.assert_array_equal(values, plain[name])


def test_erased_is_one_grey_rectangle(small: NDArray[np.uint8]) -> None:
    draws = augment.draw(only(erase=1), N, SIZE, rng())
    for chip, box, fill, got in zip(small, draws["box"], draws["fill"], applied(small, draws), strict=True):
        left, top, right, bottom = (math.ceil(edge) for edge in box)
        expected = chip.astype(np.float32)
        expected[top:bottom, left:right] = fill
        assert right > left and bottom > top
        np.testing.assert_allclose(got, expected, atol=1e-3)


def test_drawn_rectangles() -> None:
    boxes = augment.draw(only(erase=0.4, erase_area=(0.02, 0.2)), 1000, 100, rng())["box"]
    left, top, right, bottom = boxes.T
    erased = right > left
    assert erased.mean() == pytest.approx(0.4, abs=0.05)
    assert boxes.min() >= 0 and boxes.max() <= 100
    area = ((right - left) * (bottom - top))[erased] / 100**2
    assert 0.0199 < area.min() < 0.03 and 0.18 < area.max() < 0.2001
    ratio = (right - left)[erased] / (bottom - top)[erased]
    assert 0.29 < ratio.min() < 0.4 and 2.5 < ratio.max() < 3.4


def test_targets_are_mixed_as_the_chips_are(small: NDArray[np.uint8]) -> None:
    draws = augment.draw(only(mixup=0.8), N, SIZE, rng())
    ratio, partner = draws["ratio"], draws["partner"]
    assert sorted(partner) == list(range(N))
    assert 0 < (ratio < 1).sum() < N  # some are left as they are
    expected = np.zeros((N, N))
    for k in range(N):
        expected[k, k] += ratio[k]
        expected[k, partner[k]] += 1 - ratio[k]
    targets = keras.ops.convert_to_numpy(augment.mix(np.eye(N, dtype=np.float32), draws))
    np.testing.assert_allclose(targets, expected, atol=1e-6)
    np.testing.assert_allclose(applied(small, draws), np.einsum("kp,pxyc->kxyc", expected, small), atol=1e-2)


def test_mixing_ratios() -> None:
    assert (augment.draw(only(mixup=0), 50, SIZE, rng())["ratio"] == 1).all()
    ratio = augment.draw(only(mixup=1, mixup_alpha=0.4), 2000, SIZE, rng())["ratio"]
    assert ratio.mean() == pytest.approx(0.5, abs=0.03)
    assert ratio.var() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), rel=0.1)  # of Beta(0.4, 0.4)
    assert (augment.draw(only(mixup=1, mixup_alpha=0), 50, SIZE, rng())["ratio"] == 1).all()


def test_draws_are_a_function_of_the_seed() -> None:
    one, same, other = (augment.draw(Augmentation(), N, SIZE, rng(seed)) for seed in (1, 1, 2))
    for name, values in one.items():
        np.testing.assert_array_equal(values, same[name])
        assert (values != other[name]).any()


@pytest.mark.parametrize("name", RECIPES)
def test_augmented_chips_are_pictures(name: str, small: NDArray[np.uint8]) -> None:
    got = applied(small, augment.draw(RECIPES[name].training.augmentation, N, SIZE, rng()))
    assert got.shape == small.shape and got.dtype == np.float32
    assert got.min() >= 0 and got.max() <= 255
