"""What makes a run: written to its folder, so that resuming it needs nothing else."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from facekit.core.errors import TrainingError
from facekit.core.files import write_text
from facekit.recipes.recipe import Recipe


@dataclass(frozen=True)
class Settings:
    """How and on what a run trains.

    Args:
        recipe: what is trained.
        dataset, data, detector: as for `facekit.datasets.load_faces`.
        precision: "float32", "bfloat16", or "auto" for the faster one.
        data_in: where the chips lie, as for `facekit.training.storage.Storage`.
        devices: as for `facekit.training.devices.Devices`.
    """

    recipe: Recipe
    dataset: str
    data: str
    detector: str = "whole_image"
    precision: str = "auto"
    data_in: str = "auto"
    devices: str = "one"

    def save(self, path: Path) -> None:
        """Raises FaceKitError if the file cannot be written."""
        text = json.dumps({**asdict(self), "recipe": self.recipe.to_dict()}, indent=1)
        write_text(str(path), text + "\n")

    @classmethod
    def load(cls, path: Path) -> "Settings":
        """Raises TrainingError if the file is damaged."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**fields, "recipe": Recipe.from_dict(fields["recipe"])})
        except (ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"{path} is damaged: {error}. Start the run again.") from error
