"""Rules by which data sets are split into train, validation and test."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from facekit.core.errors import UsageError, lookup
from facekit.datasets.duplicates import DUPLICATE_CORRELATION, THUMBNAIL_SIZE

_DRAWN = (
    "sha256('seed:name') of the oldest record of a group: {test:g}% test, {validation:g}% validation. "
    f"A record follows the earlier ones whose grey {THUMBNAIL_SIZE}x{THUMBNAIL_SIZE} chips correlate with its own by "
    f"{DUPLICATE_CORRELATION} or more; if they are on two sides, it is on none."
)
# Name -> the rule, as cards tell it.
SPLITS = {
    "near_duplicates": _DRAWN,
    "official": "The data set's own lists; a held-out picture that is identical to a training picture is on no side. "
    f"Sides that they lack are drawn from their training side: {_DRAWN}",
}


@dataclass(frozen=True)
class SplitRule:
    """Rule by which a data set is split.

    Args:
        name: a key of SPLITS.
        validation_share, test_share: fractions of the groups that are drawn for these sides.

    Raises:
        UnknownNameError: no such rule.
        UsageError: the shares leave nothing to train on, or are negative.
    """

    name: str = "near_duplicates"
    validation_share: float = 0.05
    test_share: float = 0.10

    def __post_init__(self) -> None:
        lookup("split", self.name, SPLITS)
        shares = self.validation_share, self.test_share
        if not all(isinstance(share, Real) and share >= 0 for share in shares) or not sum(shares) < 1:  # also for NaN
            raise UsageError(
                "validation_share and test_share must be at least 0 and together less than 1. "
                f"Received: {shares[0]} and {shares[1]}.",
                argument="validation_share",
            )

    def __str__(self) -> str:
        return SPLITS[self.name].format(test=100 * self.test_share, validation=100 * self.validation_share)

    @classmethod
    def from_card(cls, source: Mapping[str, Any]) -> "SplitRule":
        """Returns the rule that a card names for a source; older cards name no shares, or no rule."""
        names = {"name": "split", "validation_share": "validation_share", "test_share": "test_share"}
        return cls(**{name: source[key] for name, key in names.items() if key in source})
