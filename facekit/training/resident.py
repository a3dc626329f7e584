"""The network with its labels, and with its chips where these lie on the device: then a step receives indices and a
few random numbers. Else it receives the chips that `facekit.training.prefetch` made of them."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from facekit.heads import Head
from facekit.heads.losses import head_loss
from facekit.recipes.recipe import Recipe
from facekit.training import augment
from facekit.training.devices import sharing
from facekit.training.sampling import epoch_order

Batch = dict[str, NDArray[Any]]
Targets = dict[str, NDArray[np.float32]]
ANSWERED_AT_ONCE = 64  # by each device


class ResidentModel(keras.Model):
    """A network with the labels it is trained on: `fit` takes what `batches` gives, see `answer` for what it says.

    Args:
        network: from RGB 0..255 to probabilities by head.
        targets: as `targets_of` makes them.
        heads: what is trained.
        chips: (n, S, S, 3) uint8, to lie on the device; None if each batch brings its own. Kept as a variable: a
            constant would be copied into the compiled graph.
    """

    def __init__(
        self,
        network: keras.Model,
        targets: Targets,
        heads: tuple[Head, ...],
        chips: NDArray[np.uint8] | None,
    ) -> None:
        super().__init__(name="resident")
        self.network = network
        self.heads = heads
        self.chips = None if chips is None else resident(chips)
        self.targets = {
            name: keras.Variable(rows, trainable=False, name=f"{name}_targets") for name, rows in targets.items()
        }
        self.known = {
            name: keras.Variable(rows.any(axis=1), dtype="float32", trainable=False, name=name)
            for name, rows in targets.items()
        }
        self.losses_by_head = {head.name: keras.metrics.Mean(name=head.name) for head in heads}
        self.supports_jit = keras.backend.backend() != "tensorflow"  # whose XLA has no projective transform
        self.built = True

    def call(self, batch: dict[str, Any], training: bool = False) -> Any:
        chips = batch["chips"] if self.chips is None else take_rows(self.chips, batch["index"])
        changes = training and self.chips is not None
        return self.network(augment.apply(chips, batch) if changes else ops.cast(chips, "float32"), training=training)

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


def targets_of(
    heads: Iterable[Head], labels: dict[str, NDArray[np.int16]], answers: Targets | None = None, share: float = 0.0
) -> Targets:
    """Head's name -> (n, classes) distributions; zeros where the label is unknown.

    Args:
        heads: what is trained.
        labels: head's name -> (n,).
        answers: a teacher's, of the same form; zeros where it has none.
        share: of its answer in the target.
    """
    targets = {head.name: head.targets(labels[head.name]) for head in heads}
    for name, rows in (answers or {}).items():
        both = targets[name].any(axis=1) & rows.any(axis=1)
        targets[name][both] = (1 - share) * targets[name][both] + share * rows[both]
    return targets


def resident(chips: NDArray[np.uint8]) -> keras.Variable:
    """A variable on the device; on a CPU it shares the array's memory where the backend can."""
    values: Any = chips
    if keras.backend.backend() == "tensorflow" and chips.ctypes.data % 64 == 0:
        import tensorflow as tf  # type: ignore[import-untyped]

        values = tf.experimental.dlpack.from_dlpack(chips.__dlpack__())  # converting would make two copies on the way
    return keras.Variable(values, dtype="uint8", trainable=False, name="chips")


def take_rows(variable: keras.Variable, index: Any) -> Any:
    """Rows of a resident array; only they are read, wherever it lies."""
    if keras.backend.backend() == "tensorflow":
        return variable.value.sparse_read(index)  # `ops.take` reads it whole, and TensorFlow gathers bytes on the host
    return ops.take(variable, index, axis=0)


def batches(
    recipe: Recipe,
    places: NDArray[np.integer],
    epochs: Iterable[int],
    first_step: int = 0,
    weights: NDArray[np.floating] | None = None,
) -> Iterator[tuple[Batch]]:
    """The batches of some epochs; each is a function of (seed, epoch, step) alone.

    Args:
        recipe: batch size, augmentation, input size and seed.
        places: of the chips to train on; those that do not fill the last batch wait for another epoch's order.
        epochs: counted from 0.
        first_step: of the first of them, where a resumed training goes on.
        weights: how often each place is shown, see `facekit.training.sampling`; None for once.
    """
    for epoch in epochs:
        order = epoch_order(places, weights, np.random.default_rng((recipe.seed, epoch))).astype(np.int32)
        for step in range(first_step, steps_per_epoch(recipe, len(places))):
            rng = np.random.default_rng((recipe.seed, epoch, step))
            index = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
            yield ({"index": index, **augment.draw(recipe.augmentation, len(index), recipe.input_size, rng)},)
        first_step = 0


def answer(
    model: ResidentModel, places: NDArray[np.integer], chips: NDArray[np.uint8] | None
) -> dict[str, NDArray[np.float32]]:
    """Head's name -> probabilities (n, classes) for the chips at these places; None for chips on the device."""
    size, devices = len(places), sharing()
    places = np.resize(places, math.ceil(size / devices) * devices)  # the first ones again, to share evenly
    at_once = ANSWERED_AT_ONCE * devices
    steps = math.ceil(len(places) / at_once)
    answers = model.predict(_plain_batches(places, chips, at_once), steps=steps, verbose=0)
    return {name: rows[:size] for name, rows in answers.items()}


def _plain_batches(
    places: NDArray[np.integer], chips: NDArray[np.uint8] | None, at_once: int
) -> Iterator[tuple[Batch]]:
    for at in range(0, len(places), at_once):
        index = places[at : at + at_once].astype(np.int32)
        yield ({"index": index} if chips is None else {"chips": chips[index]},)


def steps_per_epoch(recipe: Recipe, n: int) -> int:
    """Full batches in n chips, at least one."""
    return max(n // recipe.batch_size, 1)
