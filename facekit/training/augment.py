"""Augmentation of training chips: NumPy draws a few numbers for each on the host, Keras applies them in the step."""

import math
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from facekit.faces.batch import LUMA, InputSize, height_and_width
from facekit.recipes.recipe import Augmentation

Draws = dict[str, NDArray[Any]]
CHANNELS = 3
NOISE = np.random.default_rng(0).normal(0, 1, (256, 256, CHANNELS)).astype(np.float32)  # cut at random places
_REACH = 3.0  # standard deviations at which a blur's kernel ends


def draw(augmentation: Augmentation, n: int, size: InputSize, rng: np.random.Generator) -> Draws:
    """Draws the numbers that change a batch of n chips of `size` pixels, all from `rng`.

    Chips that are not square are changed as the squares that they were resized from.

    Returns:
        transform (n, 8): output to input pixel coordinates; gain (n,); bias (n, 3); box (n, 4): left, top, right and
        bottom of the erased rectangle, pixels; fill (n,): its grey; partner (n,): index of the chip that is mixed in;
        ratio (n,): weight of the chip itself in the mixture. Where the augmentation has them: grey (n,): whether colour
        is lost; kernel (n, K): weights of the blur along a row or a column; noise (n,): its standard deviation, and
        noise_at (n, 2): row and column of NOISE where it is cut.
    """
    height, width = height_and_width(size)
    mixed = rng.random(n) < augmentation.mixup
    alpha = augmentation.mixup_alpha
    ratio = rng.beta(alpha, alpha, n) if alpha else np.ones(n)
    draws = {
        "transform": _transforms(augmentation, n, height, width, rng),
        "gain": (1 + rng.uniform(-1, 1, n) * augmentation.contrast).astype(np.float32),
        "bias": (
            rng.uniform(-1, 1, (n, 1)) * augmentation.brightness + rng.normal(0, 1, (n, CHANNELS)) * augmentation.colour
        ).astype(np.float32),
        "box": _boxes(augmentation, n, height, width, rng),
        "fill": rng.uniform(0, 255, n).astype(np.float32),
        "partner": rng.permutation(n).astype(np.int32),
        "ratio": np.where(mixed, ratio, 1).astype(np.float32),
    }
    return draws | _draw_degradations(augmentation, n, height, rng)


def _draw_degradations(augmentation: Augmentation, n: int, side: int, rng: np.random.Generator) -> Draws:
    """Draws what makes chips worse; drawn last, so that other draws do not depend on it."""
    draws: Draws = {}
    if augmentation.grey:
        draws["grey"] = (rng.random(n) < augmentation.grey).astype(np.float32)
    if augmentation.blur:
        strongest = augmentation.blur * side
        draws["kernel"] = _kernels(strongest * rng.random(n) ** 3, reach=max(math.ceil(_REACH * strongest), 1))
    if augmentation.noise:
        draws["noise"] = (augmentation.noise * rng.random(n) ** 2).astype(np.float32)
        draws["noise_at"] = rng.integers(len(NOISE), size=(n, 2)).astype(np.int32)
    return draws


def _kernels(sigma: NDArray[np.floating], reach: int) -> NDArray[np.float32]:
    """Returns the weights (n, 2 * reach + 1) of Gaussian blurs (n,), pixels."""
    distance = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (distance / np.maximum(sigma, 0.1)[:, None]) ** 2)  # below that, nothing but the middle
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def apply(chips: Any, draws: dict[str, Any]) -> Any:
    """Changes chips (n, H, W, 3) 0..255 by the draws: float32 0..255. Runs on every Keras backend."""
    chips = ops.cast(chips, "float32")
    chips = ops.image.affine_transform(
        chips, draws["transform"], interpolation="bilinear", fill_mode="nearest", data_format="channels_last"
    )
    if "grey" in draws:
        luminance = ops.sum(chips * np.array(LUMA, np.float32), axis=-1, keepdims=True)
        chips += draws["grey"][:, None, None, None] * (luminance - chips)
    if "kernel" in draws:
        chips = _blur(_blur(chips, draws["kernel"], axis=1), draws["kernel"], axis=2)
    middle = 127.5  # a fixed grey: the mean of each chip would cost another pass
    gain, bias = draws["gain"][:, None, None, None], draws["bias"][:, None, None, :]
    chips = ops.clip((chips - middle) * gain + (middle + bias), 0, 255)
    if "noise" in draws:
        chips = ops.clip(chips + draws["noise"][:, None, None, None] * _cut_noise(draws["noise_at"], chips), 0, 255)
    return mix(_erase(chips, draws["box"], draws["fill"]), draws)


def mix(values: Any, draws: dict[str, Any]) -> Any:
    """Blends each of (n, ...) with its partner: chips, features and targets alike."""
    ratio = ops.reshape(draws["ratio"], (-1,) + (1,) * (len(values.shape) - 1))
    return ratio * values + (1 - ratio) * ops.take(values, draws["partner"], axis=0)


def _blur(chips: Any, kernel: Any, axis: int) -> Any:
    """Blurs each chip along an axis by its own kernel (n, K); beyond the edge it is mirrored."""
    taps, length = kernel.shape[1], chips.shape[axis]
    edges = [(0, 0)] * 4
    edges[axis] = (taps // 2, taps // 2)
    padded = ops.pad(chips, edges, mode="symmetric")
    total = 0.0
    for tap in range(taps):
        view = padded[:, tap : tap + length] if axis == 1 else padded[:, :, tap : tap + length]
        total += kernel[:, tap, None, None, None] * view
    return total


def _cut_noise(corner: Any, chips: Any) -> Any:
    """Cuts noise (n, H, W, 3) of deviation 1 out of NOISE, which repeats beyond its edge."""
    rows = (corner[:, 0, None] + np.arange(chips.shape[1], dtype=np.int32)) % NOISE.shape[0]
    columns = (corner[:, 1, None] + np.arange(chips.shape[2], dtype=np.int32)) % NOISE.shape[1]
    places = rows[:, :, None] * NOISE.shape[1] + columns[:, None, :]
    return ops.take(NOISE.reshape(-1, CHANNELS), places, axis=0)


def _erase(chips: Any, box: Any, fill: Any) -> Any:
    height, width = chips.shape[1:3]
    y, x = ops.arange(height, dtype="float32")[None, :], ops.arange(width, dtype="float32")[None, :]
    columns = ops.logical_and(x >= box[:, 0:1], x < box[:, 2:3])  # (n, W)
    rows = ops.logical_and(y >= box[:, 1:2], y < box[:, 3:4])  # (n, H)
    inside = ops.logical_and(rows[:, :, None], columns[:, None, :])[..., None]  # (n, H, W, 1)
    return ops.where(inside, fill[:, None, None, None], chips)


def _transforms(
    augmentation: Augmentation, n: int, height: int, width: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Composes flip, rotation and scale about the chip's middle, then a shift, as projective transforms (n, 8)."""
    mirror = np.where(rng.random(n) < augmentation.flip, -1, 1)
    scale = 1 / (1 + rng.uniform(-1, 1, n) * augmentation.scale)
    angle = rng.normal(0, 1, n) * augmentation.rotation
    shift = rng.normal(0, 1, (n, 2)) * augmentation.shift * (width, height)
    cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
    a, b, c, d = cosine * mirror, -sine, sine * mirror, cosine
    middle_x, middle_y, aspect = (width - 1) / 2, (height - 1) / 2, width / height
    x = middle_x - (a + b) * middle_x + shift[:, 0]
    y = middle_y - (c + d) * middle_y + shift[:, 1]
    zero = np.zeros(n)
    return np.stack([a, b * aspect, x, c / aspect, d, y, zero, zero], axis=1).astype(np.float32)


def _boxes(
    augmentation: Augmentation, n: int, height: int, width: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draws rectangles of random area and of aspect ratios 0.3 to 1/0.3, empty where nothing is erased."""
    area = rng.uniform(*augmentation.erase_area, n) * height**2
    ratio = np.exp(rng.uniform(np.log(0.3), -np.log(0.3), n))
    sides = np.minimum(np.stack([np.sqrt(area * ratio), np.sqrt(area / ratio)], axis=1), height)
    sides *= (rng.random(n) < augmentation.erase)[:, None]
    corner = rng.random((n, 2)) * (height - sides)
    boxes = np.concatenate([corner, corner + sides], axis=1)  # in a square of this height
    return (boxes * (width / height, 1, width / height, 1)).astype(np.float32)
