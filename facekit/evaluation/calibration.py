"""Fits calibrations on the validation side."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from facekit.heads import MISSING, Head
from facekit.networks.calibration import Calibration

LEAST_RECORDS = 100  # from fewer, a temperature would be noise: its logarithm's standard error is about 0.15 there


def fit_calibration(
    heads: Sequence[Head],
    outputs: Mapping[str, NDArray[np.floating]],
    labels: Mapping[str, NDArray[np.generic]],
) -> Calibration:
    """Fits the temperatures of those heads that have `LEAST_RECORDS` labels or more.

    Args:
        heads: what to calibrate.
        outputs: head's name -> (n, width) as the network gave them.
        labels: head's name -> (n,) encoded labels, MISSING where unknown.
    """
    temperatures = {}
    for head in heads:
        known = labels[head.name] != MISSING
        if known.sum() >= LEAST_RECORDS:
            fitted = head.fit_temperature(outputs[head.name][known], labels[head.name][known])
            if fitted is not None:
                temperatures[head.name] = round(fitted, 4)
    return Calibration(temperatures, len(labels[heads[0].name]) if temperatures else 0)
