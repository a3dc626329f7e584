"""Training: from labelled faces to weights with their card."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from facekit.core.errors import TrainingError
from facekit.core.lazy_imports import import_keras

if TYPE_CHECKING:
    from facekit.training.run import Run
    from facekit.training.settings import Settings

LOGS, WEIGHTS = Path("logs"), Path("face_weights")  # in the working folder


def new_run(settings: "Settings") -> "Run":
    """Makes a run in a folder of its own, named after the recipe and the time."""
    return _run(settings, LOGS / f"{settings.recipe.name}-{time.strftime('%Y%m%d-%H%M%S')}")


def resumed_run(name: str | None) -> "Run":
    """Finds a run that was interrupted, with the settings it began with.

    Args:
        name: of its folder in logs/; None for the latest.

    Raises:
        TrainingError: there is none, or an older version began it.
    """
    from facekit.training.settings import Settings

    found = sorted(LOGS.glob("*/settings.json"), key=lambda path: path.stat().st_mtime)
    if name is not None:
        found = [path for path in found if path.parent.name == Path(name).name]
    if not found:
        run = f"run {name}" if name else "run"
        raise TrainingError(f"No {run} in {LOGS.absolute()} to resume. Start a new one.")
    return _run(Settings.load(found[-1]), found[-1].parent)


def _run(settings: "Settings", folder: Path) -> "Run":
    import_keras()
    from facekit.training.run import Run

    return Run(settings, folder, WEIGHTS)
