"""What a weights file says of itself. Reading it needs no Keras."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py

from facekit.core.errors import UnknownNameError, WeightsError
from facekit.core.files import PROJECT
from facekit.faces.chips import CHIP_PADDING, CHIP_SIZE
from facekit.heads import AGE, GENDER, RACE
from facekit.networks.calibration import Calibration
from facekit.networks.legacy import is_original_checkpoint
from facekit.recipes.recipe import NetworkConfig

DEFAULT_WEIGHTS = PROJECT / "face_weights" / "mobilenet_utkface.h5"
FORMAT = 1
LICENCE = (
    "Non-commercial research only, if trained on UTKFace or from weights that were trained on VGGFace or VGGFace2, as "
    "their licences say. "
    "Weights trained on one's own pictures alone are under the terms of these."
)


@dataclass(frozen=True, kw_only=True)
class Card:
    """The description that travels inside a weights file.

    Args:
        name: of the weights.
        network: how to build the network.
        chip: how the faces were cut: side, pixels; padding, share of the face.
        data: data set, numbers of records, split rule and seed.
        training: the recipe, and what came of it.
        calibration: of the network's probabilities, fitted on the validation side.
        figures: as `face_evaluate.py` prints them, for the test split.
        licence: who may use the weights.
        tensors_sha256: hash of the tensors.
    """

    name: str
    network: NetworkConfig
    chip: dict[str, Any] = field(default_factory=lambda: {"size": CHIP_SIZE, "padding": CHIP_PADDING})
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    figures: dict[str, Any] = field(default_factory=dict)
    licence: str = LICENCE
    tensors_sha256: str = ""

    @property
    def seed(self) -> int:
        """Of the split that the weights were trained with."""
        return int(self.data.get("seed", 0))

    @property
    def detector(self) -> str:
        """By which the training pictures were cut; "whole_image" where they were chips."""
        return str(self.data.get("detector", "whole_image"))

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, **asdict(self), "network": self.network.to_dict()}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """Raises WeightsError for a card that is damaged or of another format."""
        try:
            fields = json.loads(text)
            found = fields.pop("format")
            if found != FORMAT:
                raise WeightsError(f"The card must have format {FORMAT}. Received: {found}. Update facekit.")
            network = NetworkConfig.from_dict(fields["network"])
            calibration = Calibration.from_dict(fields.get("calibration", {}))  # older cards have none
            return cls(**{**fields, "network": network, "calibration": calibration})
        except (ValueError, KeyError, TypeError, AttributeError, UnknownNameError) as error:
            raise WeightsError(f"The card cannot be read: {error}. Fetch the weights file again.") from error


# Checkpoints of the original scripts, face_weights.*.utk.h5, have no card of their own.
ORIGINAL_CARD = Card(
    name="checkpoint of the original scripts",
    network=NetworkConfig(backbone="vggface_resnet50_wrapped", input_size=200, heads=(AGE, GENDER, RACE)),
)


@contextmanager
def open_weights(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file, opened for reading.

    Raises:
        WeightsError: it is missing, truncated or something else, or reading it fails inside the `with`.
    """
    if not path.is_file():
        raise WeightsError(f"No weights file {path}. Train one with face_train.py or name another with --weights.")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:  # what damage makes h5py raise
        raise WeightsError(f"{path} is damaged or not a weights file. Fetch or train it again.") from error


def read_card(path: Path) -> Card:
    """The card in a weights file.

    Raises:
        WeightsError: the file cannot be read, or has no card.
    """
    with open_weights(path) as file:
        if "card" not in file.attrs:
            if is_original_checkpoint(path):
                return ORIGINAL_CARD
            raise WeightsError(f"{path} has no card, so its network is unknown. Use a file that face_train.py wrote.")
        return Card.from_json(str(file.attrs["card"]))
