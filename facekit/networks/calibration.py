"""Calibration, which makes probabilities say how often they are right. Cards hold it; applying it needs NumPy only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.heads import Head


@dataclass(frozen=True)
class Calibration:
    """One temperature a head, by which its log-probabilities are divided. `facekit.evaluation.calibration` fits them.

    Args:
        temperatures: head's name -> temperature; heads that are not named stay as they are.
        records: number of records that it was fitted to.
    """

    temperatures: dict[str, float] = field(default_factory=dict)
    records: int = 0

    def apply(
        self, heads: Sequence[Head], outputs: Mapping[str, NDArray[np.floating]]
    ) -> dict[str, NDArray[np.floating]]:
        """Calibrates the network's outputs, head's name -> (n, width); likeliest class and expected age stay."""
        calibrated = dict(outputs)
        for head in heads:
            temperature = self.temperatures.get(head.name, 1.0)
            if temperature != 1:
                rows = outputs[head.name]
                calibrated[head.name] = head.tempered(rows, temperature).astype(rows.dtype)
        return calibrated

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Calibration":
        """Reads what a card holds. Raises ValueError, TypeError or AttributeError if it is damaged."""
        temperatures = {name: float(value) for name, value in fields.get("temperatures", {}).items()}
        if not all(0 < value < math.inf for value in temperatures.values()):
            raise ValueError(f"temperatures must be positive, received {temperatures}")
        return cls(temperatures, int(fields.get("records", 0)))
