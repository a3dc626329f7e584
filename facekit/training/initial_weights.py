"""What a training starts from."""

from pathlib import Path
from typing import Any

import keras

from facekit.core.errors import TrainingError, UsageError
from facekit.networks.backbones import BACKBONES
from facekit.networks.cards import ORIGINAL_CARD
from facekit.networks.weights import load_matching
from facekit.recipes.recipe import Recipe


def load_start(network: keras.Model, recipe: Recipe, dataset: str) -> dict[str, Any] | None:
    """Fills a network with what the recipe starts from.

    Args:
        network: of the recipe.
        recipe: whose `pretrained` says what that is.
        dataset: that will be trained on.

    Returns:
        How the weights file that it starts from was trained, if it is one.

    Raises:
        UsageError: what it starts from is neither known nor a file.
        WeightsError: the weights are missing, or fit no part of the network.
        TrainingError: they have seen what would be judged by: another split of the same data set.
    """
    if recipe.pretrained == "published":
        BACKBONES[recipe.backbone].load_pretrained(network)
    elif recipe.pretrained != "none":
        path = Path(recipe.pretrained)
        if not path.is_file():
            raise UsageError(f"pretrained must be published, none or a weights file. Received: {path}, which is none.")
        card = load_matching(network, path, recipe.network)
        original = card == ORIGINAL_CARD  # trained on a random nine tenths of UTKFace
        if dataset == ("utkface" if original else card.data.get("dataset")) and (original or card.seed != recipe.seed):
            seed = "unknown" if original else card.seed
            raise TrainingError(
                f"The weights to start from must be of the same split, seed {recipe.seed}: others have seen pictures "
                f"of its test side. Received: {path}, seed {seed}."
            )
        return {"weights": path.name, "data": card.data, **card.training}
    return None
