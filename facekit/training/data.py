"""Resident data: the whole set lies in the accelerator's memory, a step receives indices and a few random numbers."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from facekit.heads import MISSING, Head
from facekit.losses import head_loss
from facekit.recipes.recipe import Recipe
from facekit.training import augment


class ResidentModel(keras.Model):
    """A network with the chips it is trained on: `fit` takes what `batches` gives, `predict` takes {"index": (n,)}.

    Args:
        network: from RGB 0..255 to probabilities by head.
        chips: (n, S, S, 3) uint8. Kept as a variable: a constant would be copied into the compiled graph.
        labels: head's name -> (n,).
        heads: what is trained.
    """

    def __init__(
        self,
        network: keras.Model,
        chips: NDArray[np.uint8],
        labels: dict[str, NDArray[np.int16]],
        heads: tuple[Head, ...],
    ) -> None:
        super().__init__(name="resident")
        self.network = network
        self.heads = heads
        self.chips = keras.Variable(chips, dtype="uint8", trainable=False, name="chips")
        self.targets = {
            head.name: keras.Variable(head.targets(labels[head.name]), trainable=False, name=f"{head.name}_targets")
            for head in heads
        }
        self.known = {
            head.name: keras.Variable(labels[head.name] != MISSING, dtype="float32", trainable=False, name=head.name)
            for head in heads
        }
        self.losses_by_head = {head.name: keras.metrics.Mean(name=head.name) for head in heads}
        self.supports_jit = keras.backend.backend() != "tensorflow"  # whose XLA has no projective transform
        self.built = True

    def call(self, batch: dict[str, Any], training: bool = False) -> Any:
        chips = take_rows(self.chips, batch["index"])
        chips = augment.apply(chips, batch) if training else ops.cast(chips, "float32")
        return self.network(chips, training=training)

    def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, training: bool = True) -> Any:
        """Weighted sum of the heads' losses; a mixed pair counts for a head only if both labels are known."""
        total = 0.0
        for head in self.heads:
            targets = take_rows(self.targets[head.name], x["index"])
            known = take_rows(self.known[head.name], x["index"])
            weights = known * ops.where(x["share"] < 1, ops.take(known, x["partner"], axis=0), 1.0)
            losses = head_loss(head, augment.mix(targets, x), y_pred[head.name])
            loss = ops.sum(losses * weights) / ops.maximum(ops.sum(weights), 1.0)
            self.losses_by_head[head.name].update_state(losses, sample_weight=weights)
            total += head.loss_weight * loss
        return total


def take_rows(variable: keras.Variable, index: Any) -> Any:
    """Rows of a resident array; only they are read, wherever it lies."""
    if keras.backend.backend() == "tensorflow":
        return variable.value.sparse_read(index)  # `ops.take` reads it whole, and TensorFlow gathers bytes on the host
    return ops.take(variable, index, axis=0)


def batches(
    recipe: Recipe, places: NDArray[np.integer], first_epoch: int
) -> Iterator[tuple[dict[str, NDArray[np.generic]]]]:
    """Batches without end, from the start of an epoch on; each is a function of (seed, epoch, step) alone.

    Args:
        recipe: batch size, augmentation, input size and seed.
        places: of the chips to train on; those that do not fill the last batch wait for another epoch's order.
        first_epoch: counted from 0.
    """
    epoch = first_epoch
    while True:
        order = np.random.default_rng((recipe.seed, epoch)).permutation(places).astype(np.int32)
        for step in range(steps_per_epoch(recipe, len(places))):
            rng = np.random.default_rng((recipe.seed, epoch, step))
            index = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
            yield ({"index": index, **augment.draw(recipe.augmentation, len(index), recipe.input_size, rng)},)
        epoch += 1


def steps_per_epoch(recipe: Recipe, n: int) -> int:
    """Full batches in n chips, at least one."""
    return max(n // recipe.batch_size, 1)
