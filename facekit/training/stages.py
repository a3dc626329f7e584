"""Runs a recipe of several stages. Trainings that are finished are not repeated: the same call continues."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import keras

from facekit.core.errors import FinishedError, TrainingError
from facekit.core.signals import Interrupted
from facekit.evaluation.shipping import fit_descriptor, ship_weights
from facekit.networks.cards import Card
from facekit.networks.joining import average_weights, join_weights
from facekit.recipes.recipe import Recipe
from facekit.recipes.stages import Join, Mean, StagedRecipe, Train
from facekit.training.files import RunFiles
from facekit.training.run import Run
from facekit.training.settings import Settings

Report = Callable[[str], None]


def run_stages(staged: StagedRecipe, folder: Path, report: Report, machine: Mapping[str, str]) -> tuple[Path, Card]:
    """Does the work of `facekit.training.train_stages`, in a folder that exists."""
    best: dict[str, Path] = {}
    last: dict[str, Path] = {}
    for number, stage in enumerate(staged.stages, 1):
        report(f"\nStage {number} of {len(staged.stages)}, {stage}")
        made = folder / f"{staged.name}-{stage.name}"
        path = made.with_name(f"{made.name}.h5")
        match stage:
            case Train(recipe, start):
                if start is not None:
                    recipe = replace(recipe, training=replace(recipe.training, pretrained=str(last[start])))
                files = RunFiles(made, folder)
                _train(Settings(recipe, **machine), files, report)
                best[stage.name], last[stage.name] = files.best, files.last
            case Mean(name, needs):
                average_weights([last[needed] for needed in needs], path)
                best[name] = last[name] = path
            case Join(name, (trunk, branch)):
                join_weights(best[trunk], best[branch], path)
                best[name] = last[name] = path
    path = folder / f"{staged.name}.h5"
    card = ship_weights(best[staged.stages[-1].name], path)
    fit_descriptor(path, staged.sources[0])
    return path, card


def _train(settings: Settings, files: RunFiles, report: Report) -> None:
    """Trains a stage, continues its training, or says that it is finished."""
    if files.settings.exists():
        begun = Settings.load(files.settings)
        if _without_folder(begun) != _without_folder(settings):
            raise TrainingError(
                f"{files.path} began with another recipe or other data. "
                "Name another folder, or delete that one and those of later stages.",
                argument="output",
            )
        settings = replace(begun, recipe=settings.recipe)
    try:
        files.open()
    except FinishedError as finished:
        return report(str(finished))
    run = Run(settings, files)
    try:
        with run.interruptible():
            run.train(run.prepare(report))
    except Interrupted as interrupted:
        report("The same command continues with this stage.")
        raise Interrupted(interrupted.number) from None
    keras.utils.clear_session()  # else each network stays in memory


def _without_folder(settings: Settings) -> Recipe:
    """Returns the recipe with the name alone of the weights that it starts from: the folder may have been moved."""
    training = settings.recipe.training
    return replace(settings.recipe, training=replace(training, pretrained=Path(training.pretrained).name))
