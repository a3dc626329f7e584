"""Training: from labelled faces to weights with their card."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from facekit.core.errors import TrainingError
from facekit.core.files import LOGS
from facekit.core.lazy_imports import import_keras

if TYPE_CHECKING:
    from facekit.training.files import RunFiles
    from facekit.training.run import Run
    from facekit.training.settings import Settings

WEIGHTS = Path("face_weights")  # in the working folder


def new_run(settings: "Settings") -> "Run":
    """Returns a run with a folder of its own, named after the recipe and the time, which its training makes."""
    from facekit.training.files import RunFiles

    name = f"{settings.recipe.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    return _run(settings, RunFiles(LOGS / name, WEIGHTS, is_new=True))


def resumed_run(name: str | None) -> "Run":
    """Finds a run that was interrupted, with the settings it began with, and locks its folder.

    Args:
        name: of its folder in logs/; None for the latest.

    Raises:
        FinishedError: the run is finished.
        TrainingError: there is none, another process trains it, or an older version began it.
    """
    from facekit.training.files import RunFiles
    from facekit.training.settings import Settings

    found = sorted(LOGS.glob("*/settings.json"), key=lambda path: path.stat().st_mtime)
    if name is not None:
        found = [path for path in found if path.parent.name == Path(name).name]
    if not found:
        run = f"run {name}" if name else "run"
        raise TrainingError(f"No {run} in {LOGS.absolute()} to resume. Start a new one.")
    settings, files = Settings.load(found[-1]), RunFiles(found[-1].parent, WEIGHTS)
    files.open()
    return _run(settings, files)


def _run(settings: "Settings", files: "RunFiles") -> "Run":
    import_keras()
    from facekit.training.run import Run

    return Run(settings, files)
