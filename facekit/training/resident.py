"""The network with its training data on the device. Where the chips are there too, a step receives indices and a few
random numbers; else it receives the augmented chips of `facekit.training.prefetch`."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from facekit.heads import MISSING
from facekit.networks.network import network_input
from facekit.recipes.recipe import Recipe
from facekit.training import augment
from facekit.training.devices import replica_count
from facekit.training.sampling import epoch_order

Batch = dict[str, NDArray[Any]]
PREDICTED_TOGETHER = 64  # chips, by each device


@dataclass(frozen=True)
class Targets:
    """The answers that the network is trained towards.

    Args:
        rows: head's name -> (n, width).
        known: head's name -> (n,) whether the label is known.
    """

    rows: Mapping[str, NDArray[np.float32]]
    known: Mapping[str, NDArray[np.bool_]]


def make_targets(
    recipe: Recipe,
    labels: Mapping[str, NDArray[Any]],
    answers: Mapping[str, NDArray[np.float32]] | None = None,
    taught: NDArray[np.integer] | None = None,
) -> Targets:
    """Encodes labels as targets, mixed with a teacher's answers where the recipe has a teacher.

    Args:
        recipe: heads, losses and the teacher's weight.
        labels: head's name -> (n,) encoded labels.
        answers: the teacher's, head's name -> (n, width).
        taught: indices of the records that it answered.
    """
    rows = {head.name: recipe.loss(head).targets(head, labels[head.name]) for head in recipe.network.heads}
    known = {name: labels[name] != MISSING for name in rows}
    if answers is not None and taught is not None:
        weight = recipe.training.teacher_weight
        for name, target in rows.items():
            both = taught[known[name][taught]]
            target[both] = (1 - weight) * target[both] + weight * answers[name][both]
    return Targets(rows, known)


class ResidentModel(keras.Model):
    """A network with the targets it is trained on: `fit` takes what `batches` yields; see `predict_rows` for outputs.

    Args:
        network: from RGB 0..255, and features where it takes them, to a dict of heads.
        recipe: heads and losses.
        targets: of all n records.
        chips: (n, H, W, 3) uint8, to be kept on the device; None if each batch brings its own. They are a variable: a
            constant would be copied into the compiled graph.
        features: (n, F) of the chips before augmentation, where the network takes them.
    """

    def __init__(
        self,
        network: keras.Model,
        recipe: Recipe,
        targets: Targets,
        chips: NDArray[np.uint8] | None,
        features: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__(name="resident")
        self.network = network
        self.head_losses = [(head, recipe.loss(head)) for head in recipe.network.heads]
        self.chips = None if chips is None else resident(chips)
        self.features = None if features is None else _constant(features, "features")
        self.targets = {name: _constant(rows, f"{name}_targets") for name, rows in targets.rows.items()}
        self.known = {name: _constant(rows.astype(np.float32), name) for name, rows in targets.known.items()}
        self.mean_losses = {head.name: keras.metrics.Mean(name=head.name) for head, _ in self.head_losses}
        self.supports_jit = keras.backend.backend() != "tensorflow"  # whose XLA has no projective transform
        self.built = True

    def call(self, batch: dict[str, Any], training: bool = False) -> Any:
        chips = batch["chips"] if self.chips is None else take_rows(self.chips, batch["index"])
        changes = training and self.chips is not None
        inputs = {"picture": augment.apply(chips, batch) if changes else ops.cast(chips, "float32")}
        if self.features is not None:
            features = take_rows(self.features, batch["index"])
            inputs["features"] = augment.mix(features, batch) if training else features
        return self.network(network_input(inputs), training=training)

    def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, training: bool = True) -> Any:
        """Sums the heads' weighted losses; a mixed pair counts for a head only if both labels are known."""
        total = 0.0
        for head, loss in self.head_losses:
            targets = take_rows(self.targets[head.name], x["index"])
            known = take_rows(self.known[head.name], x["index"])
            weights = known * ops.where(x["ratio"] < 1, ops.take(known, x["partner"], axis=0), 1.0)
            losses = loss(head, augment.mix(targets, x), y_pred[head.name])
            self.mean_losses[head.name].update_state(losses, sample_weight=weights)
            total += loss.weight * ops.sum(losses * weights) / ops.maximum(ops.sum(weights), 1.0)
        return total


def _constant(values: NDArray[Any], name: str) -> keras.Variable:
    return keras.Variable(values, dtype="float32", trainable=False, name=name)


def resident(chips: NDArray[np.uint8]) -> keras.Variable:
    """Makes a variable on the device; on a CPU it shares the array's memory where the backend can."""
    values: Any = chips
    if keras.backend.backend() == "tensorflow" and chips.ctypes.data % 64 == 0:
        import tensorflow as tf  # type: ignore[import-untyped]

        values = tf.experimental.dlpack.from_dlpack(chips.__dlpack__())  # converting would make two copies on the way
    return keras.Variable(values, dtype="uint8", trainable=False, name="chips")


def take_rows(variable: keras.Variable, index: Any) -> Any:
    """Gathers rows of a resident array, and reads only these."""
    if keras.backend.backend() == "tensorflow":
        return variable.value.sparse_read(index)  # `ops.take` reads it whole, and TensorFlow gathers bytes on the host
    return ops.take(variable, index, axis=0)


def batches(
    recipe: Recipe,
    index: NDArray[np.integer],
    epochs: Iterable[int],
    first_step: int = 0,
    weights: NDArray[np.floating] | None = None,
) -> Iterator[tuple[Batch]]:
    """Yields the batches of some epochs; each is a function of (seed, epoch, step) only.

    Args:
        recipe: batch size, augmentation, input size and seed.
        index: of the chips to train on; those that do not fill the last batch wait for another epoch's order.
        epochs: counted from 0.
        first_step: of the first of them, where a resumed training continues.
        weights: how often an epoch shows each chip, see `facekit.training.sampling`; None for once.
    """
    training, size = recipe.training, recipe.network.input_size
    for epoch in epochs:
        order = epoch_order(index, weights, np.random.default_rng((training.seed, epoch))).astype(np.int32)
        for step in range(first_step, steps_per_epoch(recipe, len(index))):
            rng = np.random.default_rng((training.seed, epoch, step))
            rows = order[step * training.batch_size : (step + 1) * training.batch_size]
            yield ({"index": rows, **augment.draw(training.augmentation, len(rows), size, rng)},)
        first_step = 0


def predict_rows(
    model: ResidentModel,
    index: NDArray[np.integer],
    chips: NDArray[np.uint8] | None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, NDArray[np.float32]]:
    """Runs the network on some of the chips.

    Args:
        model: runs the network.
        index: (n,) of the chips.
        chips: all of them on the host; None if they are on the device.
        callbacks: may stop it early.

    Returns:
        Head's name -> (n, width).
    """
    size, devices = len(index), replica_count()
    index = np.resize(index, math.ceil(size / devices) * devices)  # the first ones again, to share evenly
    block = PREDICTED_TOGETHER * devices
    steps = math.ceil(len(index) / block)
    outputs = model.predict(_plain_batches(index, chips, block), steps=steps, verbose=0, callbacks=list(callbacks))
    return {name: rows[:size] for name, rows in outputs.items()}


def _plain_batches(index: NDArray[np.integer], chips: NDArray[np.uint8] | None, block: int) -> Iterator[tuple[Batch]]:
    for at in range(0, len(index), block):
        rows = index[at : at + block].astype(np.int32)
        yield ({"index": rows} if chips is None else {"index": rows, "chips": chips[rows]},)


def steps_per_epoch(recipe: Recipe, n: int) -> int:
    """Returns the number of full batches in n chips, at least one."""
    return max(n // recipe.training.batch_size, 1)
