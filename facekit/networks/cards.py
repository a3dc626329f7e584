"""Cards, which describe the weights files that hold them. Reading one needs neither Keras nor HDF5."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facekit.core.errors import FaceKitError, WeightsError
from facekit.core.files import PROJECT
from facekit.faces.chips import AlignedChip, ChipConfig, chip_from_dict
from facekit.heads import AGE, GENDER, RACE
from facekit.networks.calibration import Calibration
from facekit.networks.config import NetworkConfig
from facekit.networks.hdf5 import read_attributes
from facekit.networks.legacy import is_original_checkpoint
from facekit.networks.wide_resnet_checkpoints import is_utk, wide_resnet_chip, wide_resnet_config

DEFAULT_WEIGHTS = PROJECT / "face_weights" / "mobilenet_faces.h5"
FORMAT = 2
CHECKPOINTS = {"vggface_resnet50_wrapped", "wide_resnet_raw"}  # backbones of other programs' weights
LICENCE = (
    "Non-commercial research only, if trained on UTKFace, FER2013, All-Age-Faces, IMDB-WIKI or APPA-REAL, or from "
    "weights that were trained on VGGFace or VGGFace2, as their licences say. "
    "Weights trained on your own pictures alone are under the terms of these."
)


@dataclass(frozen=True, kw_only=True)
class Card:
    """Description of a weights file, which is stored inside it.

    Args:
        name: of the weights.
        network: how to build the network.
        chip: how faces are cut for it.
        data: data sets, numbers of records, split rule and seed.
        training: the recipe, and the figures of its last epoch.
        calibration: of the network's outputs, fitted on the validation side.
        figures: as `facekit.evaluation.evaluate` gives them, for the test split.
        licence: who may use the weights.
        tensors_sha256: hash of the tensors.
    """

    name: str
    network: NetworkConfig
    chip: ChipConfig = field(default_factory=AlignedChip)
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    figures: dict[str, Any] = field(default_factory=dict)
    licence: str = LICENCE
    tensors_sha256: str = ""

    @property
    def is_checkpoint(self) -> bool:
        """Tells whether it describes a checkpoint of another program, in which it is not stored."""
        return self.network.backbone in CHECKPOINTS and not self.tensors_sha256

    @property
    def seed(self) -> int:
        """Seed of the split that the weights were trained with."""
        return int(self.data.get("seed", 0))

    def source(self, dataset: str) -> Mapping[str, Any]:
        """Returns what the card says of one of the data sets that were trained on; {} for another one."""
        sources = self.data.get("sources") or ([self.data] if "dataset" in self.data else [])
        return next((source for source in sources if source.get("dataset") == dataset), {})

    @property
    def seen_test_sides(self) -> set[str]:
        """Data sets whose test side these weights, or those that they started from, were trained on."""
        seen: set[str] = set()
        links: list[Any] = [{**self.training, "data": self.data}]
        while links:
            link = links.pop()
            if isinstance(link, dict):
                seen.update(link.get("data", {}).get("test_side_seen", ()))
                links += [link.get("started_from"), link.get("branch"), *link.get("mean_of", ())]
        return seen

    @property
    def detector(self) -> str:
        """Detector that found the faces of the training pictures; "whole_image" where they were chips."""
        return str(self.data.get("detector", "whole_image"))

    def to_json(self) -> str:
        fields = {
            "format": FORMAT,
            **self.__dict__,
            "network": self.network.to_dict(),
            "chip": self.chip.to_dict(),
            "calibration": self.calibration.__dict__,
        }
        return json.dumps(fields, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """Reads a card of this format or an older one. Raises WeightsError if it is damaged or of a newer one."""
        try:
            fields = json.loads(text)
            found = fields.pop("format")
            if found == 1:
                fields = _from_format_1(fields)
            elif found != FORMAT:
                raise WeightsError(f"The card must have format {FORMAT} or 1. Received: {found}. Update facekit.")
            for name in ("data", "training", "figures"):
                if not isinstance(fields.get(name, {}), dict):
                    raise ValueError(f"{name} must be an object")
            if not all(isinstance(source, dict) for source in fields.get("data", {}).get("sources", [])):
                raise ValueError("data sources must be objects")
            parts = {
                "network": NetworkConfig.from_dict(fields["network"]),
                "chip": chip_from_dict(fields["chip"]),
                "calibration": Calibration.from_dict(fields.get("calibration", {})),
            }
            return cls(**{**fields, **parts})
        except WeightsError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, FaceKitError) as error:
            raise WeightsError(
                f"The card cannot be read: {str(error).rstrip('.')}. Fetch the weights file again."
            ) from error


def _from_format_1(fields: dict[str, Any]) -> dict[str, Any]:
    """Drops the settings of training that older cards kept in the network."""
    answering = {"age": ("kind", "name", "youngest", "oldest"), "class": ("kind", "name", "classes")}
    network = {name: value for name, value in fields["network"].items() if name != "dropout"}
    network["heads"] = [
        {name: head[name] for name in answering[head["kind"]]} if head["kind"] in answering else head
        for head in network["heads"]
    ]
    return {**fields, "network": network, "chip": fields.get("chip", {})}


# Checkpoints of the original scripts, face_weights.*.utk.h5, have no card of their own.
ORIGINAL_CARD = Card(
    name="checkpoint of the original scripts",
    network=NetworkConfig(backbone="vggface_resnet50_wrapped", input_size=200, heads=(AGE, GENDER, RACE)),
    data={
        "dataset": "utkface",
        "split_rule": "A tenth, drawn at random without a seed, was left out and chose the best epoch.",
        "test_side_seen": ["utkface"],
    },
)


def _wide_resnet_card(path: Path, network: NetworkConfig) -> Card:
    """Makes the card of a checkpoint of age-gender-estimation, which has none of its own either."""
    seen = ["utkface"] if is_utk(path) else ["imdb", "wiki"]
    data = {**ORIGINAL_CARD.data, "dataset": ", ".join(seen), "test_side_seen": seen}
    licence = LICENCE if is_utk(path) else "Academic research only, as the licence of IMDB-WIKI says."
    chip = wide_resnet_chip(path, network)
    return Card(name="checkpoint of age-gender-estimation", network=network, chip=chip, data=data, licence=licence)


def read_card(path: Path) -> Card:
    """Reads the card in a weights file.

    Raises:
        WeightsError: the file cannot be read, or has no card.
    """
    attributes = read_attributes(path)
    if "card" in attributes:
        return Card.from_json(attributes["card"])
    if is_original_checkpoint(path):
        return ORIGINAL_CARD
    if network := wide_resnet_config(path):
        return _wide_resnet_card(path, network)
    raise WeightsError(f"{path} has no card, so its network is unknown. Use a file that a training wrote.")
