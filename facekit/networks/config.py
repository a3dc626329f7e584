"""Configuration of a network: all that is needed to build it. Importing it needs no Keras."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from facekit.core.errors import UsageError
from facekit.faces.features import feature_width
from facekit.heads import Head, head_from_dict

# Keys of figures, JSON and tables beside those of heads.
RESERVED = {"adults", "box", "dropped", "error", "groups", "minors", "n", "path", "score", "split", "track"}


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Configuration of a network. The card of its weights holds it; settings of the training are no part of it.

    Args:
        backbone: a key of `facekit.networks.backbones.BACKBONES`.
        input_size: side of the square picture, pixels.
        heads: outputs, in this order.
        features: second input beside the picture, a key of `facekit.faces.features.FEATURES`; None for none.

    Raises:
        UsageError: there is no head, two have one name, or the input size is less than 1.
        UnknownNameError: no such features.
    """

    backbone: str
    input_size: int
    heads: tuple[Head, ...]
    features: str | None = None

    def __post_init__(self) -> None:
        names = [head.name for head in self.heads]
        if reserved := RESERVED & set(names):
            raise UsageError(f"A head must not be named {', '.join(sorted(reserved))}, as results have such keys.")
        if not names or len(set(names)) < len(names):
            raise UsageError(f"A network needs heads of different names. Received: {', '.join(names) or 'none'}.")
        if not self.input_size >= 1:
            raise UsageError(f"input_size must be at least 1. Received: {self.input_size}.")
        if self.features is not None:
            feature_width(self.features)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network's inputs: the runtimes, the exported graph and the training feed these."""
        return ("picture", "features") if self.features else ("picture",)

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as JSON; exported graphs are named after it."""
        fields: dict[str, Any] = {"backbone": self.backbone, "input_size": self.input_size}
        fields["heads"] = [head.to_dict() for head in self.heads]
        return fields | ({"features": self.features} if self.features else {})

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "NetworkConfig":
        """Makes the configuration that `to_dict` wrote."""
        return cls(**{**fields, "heads": tuple(head_from_dict(head) for head in fields["heads"])})
