"""Augmentation on the host: the same draws give the same pictures as `augment.apply`, within rounding to bytes. OpenCV
works on bytes and releases Python's lock, so that threads do it beside the step."""

import numpy as np
from numpy.typing import NDArray

from facekit.core.lazy_imports import import_cv2
from facekit.training.augment import NOISE, Draws

cv2 = import_cv2()
cv2.setNumThreads(1)  # a chip is too small to share; several batches are made at a time


def apply(chips: NDArray[np.uint8], draws: Draws) -> NDArray[np.uint8]:
    """Changes chips (n, H, W, 3) as `augment.apply` does, to within 3 of 255."""
    height, width = chips.shape[1:3]
    changed = np.empty_like(chips)
    tables = _tables(draws)
    boxes = np.ceil(draws["box"]).astype(int)
    fills = np.rint(draws["fill"]).astype(np.uint8)
    for k, chip in enumerate(chips):
        transform = draws["transform"][k, :6].reshape(2, 3)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(chip, transform, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        if "grey" in draws and draws["grey"][k]:
            warped = cv2.cvtColor(cv2.cvtColor(warped, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if "kernel" in draws:
            kernel = draws["kernel"][k]
            warped = cv2.sepFilter2D(warped, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT)
        cv2.LUT(warped, tables[k], dst=changed[k])
        if "noise" in draws:
            changed[k] = _noisy(changed[k], float(draws["noise"][k]), draws["noise_at"][k])
        left, top, right, bottom = boxes[k]
        changed[k, top:bottom, left:right] = fills[k]
    return _mixed(changed, draws)


def _noisy(chip: NDArray[np.uint8], deviation: float, corner: NDArray[np.integer]) -> NDArray[np.uint8]:
    rows, columns = (
        (at + np.arange(length)) % repeat for at, length, repeat in zip(corner, chip.shape, NOISE.shape, strict=False)
    )
    return np.rint(np.clip(chip + deviation * NOISE[np.ix_(rows, columns)], 0, 255)).astype(np.uint8)


def _tables(draws: Draws) -> NDArray[np.uint8]:
    """Tabulates contrast and colour for each byte: (n, 1, 256, 3)."""
    middle = 127.5
    bytes_ = np.arange(256, dtype=np.float32)[None, None, :, None]
    gain, bias = draws["gain"][:, None, None, None], draws["bias"][:, None, None, :]
    return np.rint(np.clip((bytes_ - middle) * gain + (middle + bias), 0, 255)).astype(np.uint8)


def _mixed(chips: NDArray[np.uint8], draws: Draws) -> NDArray[np.uint8]:
    mixed = {
        k: cv2.addWeighted(chips[k], float(ratio), chips[draws["partner"][k]], 1 - float(ratio), 0)
        for k, ratio in enumerate(draws["ratio"])
        if ratio < 1
    }
    for k, chip in mixed.items():  # only now: each may be another's partner
        chips[k] = chip
    return chips
