"""Recipes of several stages: trainings that start from each other's weights, means of them, and joined networks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from facekit.core.errors import UsageError
from facekit.datasets.source import DataSource, locate_sources
from facekit.recipes.recipe import Recipe


@dataclass(frozen=True)
class Train:
    """A training.

    Args:
        recipe: what is trained; the stage is named after it.
        start: the stage whose last weights it starts from; None for what the recipe says.
    """

    recipe: Recipe
    start: str | None = None

    @property
    def name(self) -> str:
        return self.recipe.name

    @property
    def needs(self) -> tuple[str, ...]:
        return () if self.start is None else (self.start,)

    def __str__(self) -> str:
        training, names = self.recipe.training, ", ".join(source.dataset for source in self.recipe.data)
        start = f"{self.start}'s" if self.start else {"none": "random"}.get(training.pretrained, training.pretrained)
        return f"{self.name}: {training.epochs} epochs on {names}, from {start} weights"


@dataclass(frozen=True)
class Mean:
    """The mean of the last weights of stages that trained the same network."""

    name: str
    needs: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}: the mean of {' and '.join(self.needs)}"


@dataclass(frozen=True)
class Join:
    """One network of the best weights of two stages, see `facekit.networks.joining`: `needs` is (trunk, branch)."""

    name: str
    needs: tuple[str, str]

    def __str__(self) -> str:
        return f"{self.name}: {' and '.join(self.needs)} in one network"


Stage = Train | Mean | Join


@dataclass(frozen=True)
class StagedRecipe:
    """Makes one weights file in several stages, from its start to its end.

    Args:
        name: of the recipe and the weights.
        stages: in their order; the last one gives the weights.

    Raises:
        UsageError: a stage needs one that is not before it, or two have one name.
    """

    name: str
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        before: list[str] = []
        for stage in self.stages:
            if missing := [name for name in stage.needs if name not in before]:
                raise UsageError(f"A stage needs stages before it. Received: {stage.name}, which needs {missing[0]}.")
            if stage.name in before:
                raise UsageError(f"Each stage needs a name of its own. Received: {stage.name} twice.")
            before.append(stage.name)

    @property
    def trainings(self) -> list[Train]:
        return [stage for stage in self.stages if isinstance(stage, Train)]

    @property
    def sources(self) -> tuple[DataSource, ...]:
        """The data sets of all trainings, each as the first that names it."""
        sources: dict[str, DataSource] = {}
        for stage in self.trainings:
            for source in stage.recipe.data:
                sources.setdefault(source.dataset, source)
        return tuple(sources.values())

    def located(self, paths: Sequence[str]) -> "StagedRecipe":
        """Gives the data sets the paths that a user names, NAME=PATH. Raises UsageError as `locate_sources`."""
        found = {source.dataset: source.path for source in locate_sources(self.sources, paths)}

        def placed(stage: Stage) -> Stage:
            if not isinstance(stage, Train):
                return stage
            data = tuple(replace(source, path=found[source.dataset]) for source in stage.recipe.data)
            return replace(stage, recipe=replace(stage.recipe, data=data))

        return replace(self, stages=tuple(placed(stage) for stage in self.stages))
