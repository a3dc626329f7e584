"""Networks and random data for benchmarks of training steps."""

from typing import Any

import numpy as np

from facekit.faces.batch import height_and_width
from facekit.recipes.recipe import Recipe


def networks(recipe: Recipe, precisions: list[str]) -> dict[str, Any]:
    """Builds the recipe's network with random weights in each precision; they take as long as others."""
    from facekit.networks.network import freeze
    from facekit.training.precision import build_in

    built = {name: build_in(name, recipe) for name in precisions}
    for network in built.values():
        freeze(network, recipe.training.trainable_from)
    return built


def random_data(recipe: Recipe, batches: int = 4) -> tuple[Any, dict[str, Any]]:
    """Returns chips and labels of a few batches."""
    n, shape = batches * recipe.training.batch_size, height_and_width(recipe.network.input_size)
    return np.random.default_rng(0).integers(0, 256, (n, *shape, 3), np.uint8), random_labels(recipe, n)


def random_labels(recipe: Recipe, n: int) -> dict[str, Any]:
    """Returns n encoded labels of each head."""
    random = np.random.default_rng(0)
    return {head.name: random.integers(1, head.width, n).astype(np.int16) for head in recipe.network.heads}
