"""Training: from labelled faces to weights with their card."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from facekit.core.allocator import keep_freed_memory
from facekit.core.errors import TrainingError, UsageError
from facekit.core.files import LOGS, writable_folder
from facekit.core.lazy_imports import import_keras
from facekit.datasets.source import find_data

if TYPE_CHECKING:
    from facekit.networks.cards import Card
    from facekit.recipes.stages import StagedRecipe
    from facekit.training.files import RunFiles
    from facekit.training.run import Run
    from facekit.training.settings import Settings

WEIGHTS = Path("face_weights")  # in the working folder


def new_run(settings: "Settings", output: str | None = None) -> "Run":
    """Returns a run with a folder of its own, named after the recipe and the time, which its training makes.

    Args:
        settings: of the training.
        output: folder for that folder and the weights, another one than LOGS; None for LOGS and WEIGHTS.

    Raises:
        UsageError: the output is LOGS, where runs are resumed whose weights lie in WEIGHTS.
        FaceKitError: nothing can be written there.
    """
    from facekit.training.files import RunFiles

    logs, weights = (LOGS, WEIGHTS) if output is None else (Path(output), Path(output))
    if output is not None:
        if Path(output).resolve() == LOGS.resolve():
            raise UsageError(
                f"The folder must be another one than {LOGS}, whose runs have their weights in {WEIGHTS}. "
                f"Received: {output}. Leave it out, or name another.",
                argument="output",
            )
        writable_folder(output, argument="output")
    name = f"{settings.recipe.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    return _run(settings, RunFiles(logs / name, weights, is_new=True))


def resumed_run(name: str | None) -> "Run":
    """Finds a run that was interrupted, with the settings it began with, and locks its folder.

    Args:
        name: of its folder in logs/, or the path of its folder elsewhere; None for the latest in logs/.

    Raises:
        FinishedError: the run is finished.
        TrainingError: there is none, another process trains it, or an older version began it.
    """
    from facekit.training.files import RunFiles
    from facekit.training.settings import Settings

    found = sorted(LOGS.glob("*/settings.json"), key=lambda path: path.stat().st_mtime)
    if name is not None:
        elsewhere = [path for path in (Path(name) / "settings.json",) if path.is_file()]
        found = elsewhere or [path for path in found if path.parent.name == Path(name).name]
    if not found:
        run = f"run {name}" if name else "run"
        raise TrainingError(f"No {run} in {LOGS.absolute()} to resume. Start a new one, or name the path of a folder.")
    folder = found[-1].parent
    weights = WEIGHTS if folder.parent.absolute() == LOGS.absolute() else folder.parent
    settings, files = Settings.load(found[-1]), RunFiles(folder, weights)
    files.open()
    return _run(settings, files)


def train_stages(
    staged: "StagedRecipe", output: str, report: Callable[[str], None] = print, **machine: str
) -> tuple[Path, "Card"]:
    """Makes the weights of a recipe of several stages, with all that is shipped beside them.

    Args:
        staged: what to make, with the paths of its data.
        output: folder for all runs, each named <its name>-<the stage's>, and for the weights.
        report: is called with lines for people.
        machine: `precision`, `data_in` and `devices` of the trainings that begin, see `Settings`; one that is continued
            keeps its own.

    Returns:
        The weights file, and its card.

    Raises:
        Interrupted: a signal came; the same call continues.
        UsageError, DataError, TrainingError, WeightsError: as the trainings, or a stage began with another recipe.
    """
    for source in staged.sources:
        find_data(source)  # missing data is reported before anything takes long
    folder = writable_folder(output, argument="output")
    _set_up_process()
    from facekit.training.stages import run_stages

    return run_stages(staged, folder, report, machine)


def _run(settings: "Settings", files: "RunFiles") -> "Run":
    _set_up_process()
    from facekit.training.run import Run

    return Run(settings, files)


def _set_up_process() -> None:
    """Sets the allocator and Keras up for training."""
    keep_freed_memory()
    import_keras()
