"""Settings of a run, written to its folder: resuming needs nothing else."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from facekit.core.errors import FaceKitError, TrainingError
from facekit.core.files import write_text
from facekit.recipes.recipe import Recipe


@dataclass(frozen=True)
class Settings:
    """Settings of a training run.

    Args:
        recipe: network, training settings and data.
        precision: "float32", "bfloat16", or "auto" for the faster one.
        data_in: where the chips are kept, as for `facekit.training.storage.Storage`.
        devices: as for `facekit.training.devices.Devices`.
    """

    recipe: Recipe
    precision: str = "auto"
    data_in: str = "auto"
    devices: str = "one"

    def save(self, path: Path) -> None:
        """Writes the settings. Raises FaceKitError if that fails."""
        text = json.dumps({**asdict(self), "recipe": self.recipe.to_dict()}, indent=1)
        write_text(str(path), text + "\n")

    @classmethod
    def load(cls, path: Path) -> "Settings":
        """Reads settings. Raises TrainingError if the file is damaged or of an older version."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if "dataset" in fields:
                raise TrainingError(f"{path} was written by an older version of facekit. Start a new run.")
            return cls(**{**fields, "recipe": Recipe.from_dict(fields["recipe"])})
        except TrainingError:
            raise
        except (ValueError, KeyError, TypeError, FaceKitError) as error:
            raise TrainingError(f"{path} is damaged: {error}. Start a new run.") from error
