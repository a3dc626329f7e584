"""Configuration of a network: all that is needed to build it. Importing it needs no Keras."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from facekit.core.errors import UsageError, lookup
from facekit.faces.batch import InputSize, height_and_width
from facekit.faces.features import feature_width
from facekit.heads import Head, head_from_dict
from facekit.networks.backbones import BACKBONES, changed_options

POOLINGS = ("avg", "max", "windows")

# Keys of figures, JSON and tables beside those of heads.
RESERVED = {
    *("adults", "box", "dropped", "error", "groups", "minors", "n", "name", "note", "path", "score", "side", "split"),
    *("descriptor", "evidence", "pooled", "quality", "track"),
}


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Configuration of a network. The card of its weights holds it; settings of the training are no part of it.

    Args:
        backbone: a key of `facekit.networks.backbones.BACKBONES`.
        input_size: side of the square picture, or (height, width) to which square chips are resized, pixels.
        heads: outputs, in this order.
        features: second input beside the picture, a key of `facekit.faces.features.FEATURES`; None for none.
        pooling: "avg" or "max" of the backbone's last map, or "windows": all of its averages over 8x8, as old
            checkpoints have it.
        hidden: widths of the layers with ReLU between the features and the heads.
        options: of the backbone, e.g. {"depth": 10}; those that equal its defaults are dropped.
        branches: further networks, each of which answers the heads that it shares with this configuration, from the
            picture averaged down to its own input size. The first head is not theirs.

    Raises:
        UsageError: there is no head, two have one name, a size or width is less than 1, an option is impossible, or a
            branch does not fit.
        UnknownNameError: no such features or pooling.
    """

    backbone: str
    input_size: InputSize
    heads: tuple[Head, ...]
    features: str | None = None
    pooling: str = "avg"
    hidden: tuple[int, ...] = ()
    options: Mapping[str, int] = field(default_factory=dict)
    branches: tuple["NetworkConfig", ...] = ()

    def __post_init__(self) -> None:
        names = [head.name for head in self.heads]
        if reserved := RESERVED & set(names):
            raise UsageError(f"A head must not be named {', '.join(sorted(reserved))}, as results have such keys.")
        if not names or len(set(names)) < len(names):
            raise UsageError(f"A network needs heads of different names. Received: {', '.join(names) or 'none'}.")
        size = height_and_width(self.input_size)
        if len(size) != 2 or not all(isinstance(side, int) and side >= 1 for side in size):
            raise UsageError(
                f"input_size must be a side of at least 1 px, or (height, width). Received: {self.input_size}."
            )
        if not isinstance(self.hidden, tuple) or not all(isinstance(n, int) and n >= 1 for n in self.hidden):
            raise UsageError(f"hidden must hold widths of at least 1, e.g. (512,). Received: {self.hidden}.")
        lookup("pooling", self.pooling, dict.fromkeys(POOLINGS))
        if self.features is not None:
            feature_width(self.features)
        if self.options:
            object.__setattr__(self, "options", changed_options(self.backbone, self.options))
        for branch in self.branches:
            self._check_branch(branch)

    def _check_branch(self, branch: "NetworkConfig") -> None:
        if any(head not in self.heads[1:] for head in branch.heads) or branch.features or branch.branches:
            raise UsageError(
                "A branch must answer heads of its network, but not the first, from the picture alone. "
                f"Received: {', '.join(head.name for head in branch.heads)}."
            )
        factors = zip(self.reduction(branch), height_and_width(branch.input_size), strict=True)
        if tuple(factor * side for factor, side in factors) != height_and_width(self.input_size):
            raise UsageError(
                f"A branch's input must be a whole fraction of its network's {self.input_size} px. "
                f"Received: {branch.input_size}."
            )

    def reduction(self, branch: "NetworkConfig") -> tuple[int, int]:
        """Returns how many rows and columns of the picture become one of a branch's."""
        height, width = height_and_width(self.input_size)
        rows, columns = height_and_width(branch.input_size)
        return height // rows, width // columns

    @property
    def trunk(self) -> "NetworkConfig":
        """The network without its branches and their heads."""
        theirs = [head for branch in self.branches for head in branch.heads]
        return replace(self, heads=tuple(head for head in self.heads if head not in theirs), branches=())

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network's inputs: the runtimes, the exported graph and the training feed these."""
        return ("picture", "features") if self.features else ("picture",)

    @property
    def backbone_text(self) -> str:
        """The backbone and all of its options for people."""
        usual = {name: option.default for name, option in lookup("backbone", self.backbone, BACKBONES).options.items()}
        return ", ".join([self.backbone, *(f"{name} {value}" for name, value in (usual | dict(self.options)).items())])

    @property
    def top_layers(self) -> set[str]:
        """Names of the layers behind the features: the heads and the hidden ones."""
        return {*(head.name for head in self.heads), *(f"hidden{n}" for n in range(1, 1 + len(self.hidden)))}

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as JSON; exported graphs are named after it, so that defaults are left out."""
        fields: dict[str, Any] = {"backbone": self.backbone, "input_size": self.input_size}
        fields["heads"] = [head.to_dict() for head in self.heads]
        optional: dict[str, Any] = {"features": self.features, "pooling": self.pooling, "hidden": list(self.hidden)}
        optional["options"] = dict(self.options)
        optional["branches"] = [branch.to_dict() for branch in self.branches]
        return fields | {name: value for name, value in optional.items() if value not in (None, "avg", [], {})}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "NetworkConfig":
        """Makes the configuration that `to_dict` wrote."""
        tuples = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
        parts = {
            "heads": tuple(head_from_dict(head) for head in fields["heads"]),
            "branches": tuple(cls.from_dict(branch) for branch in fields.get("branches", ())),
        }
        return cls(**{**fields, **tuples, **parts})
