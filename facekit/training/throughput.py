"""Measures the throughput of a training on this machine, on a throw-away copy of the network."""

import itertools
import random
import time
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from facekit.recipes.recipe import Recipe, TrainingConfig
from facekit.training.optimizer import make_optimizer
from facekit.training.prefetch import augmented
from facekit.training.resident import ResidentModel, batches, make_targets

STEPS, SECONDS = 5, 2.0  # timed at least
FORWARD = 1 / 3  # of a training step's time, for a chip that is only evaluated


def measure_throughput(
    recipe: Recipe,
    network: keras.Model,
    chips: NDArray[np.uint8],
    labels: dict[str, NDArray[Any]],
    features: NDArray[np.float32] | None = None,
    *,
    on_device: bool,
) -> tuple[float, int]:
    """Trains a copy of the network, with random weights, for a few steps after the one that compiles.

    Neither the network nor the random states change.

    Args:
        chips: (n, H, W, 3) a few batches of the training's.
        labels: head's name -> (n,) encoded labels.
        features: (n, F) what the network takes beside the chips; None for nothing.
        on_device: whether the chips are kept there.

    Returns:
        Chips a second, and the number of steps that were timed.
    """
    states = random.getstate(), np.random.get_state()  # what initialisers draw their seeds from
    try:
        copy = keras.models.clone_model(network)
        model = ResidentModel(copy, recipe, make_targets(recipe, labels), chips if on_device else None, features)
        optimizer = make_optimizer(recipe.training, recipe.network.top_layers, copy, recipe.training.epochs)
        model.compile(optimizer=optimizer)
        drawn = batches(recipe, np.arange(len(chips)), itertools.count())
        stream = drawn if on_device else augmented(drawn, chips)
        model.train_on_batch(*next(stream))
        steps, begun = 0, time.perf_counter()
        while steps < STEPS or time.perf_counter() - begun < SECONDS:
            model.train_on_batch(*next(stream))  # returns the loss, and so waits for the step
            steps += 1
        return steps * min(recipe.training.batch_size, len(chips)) / (time.perf_counter() - begun), steps
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def expected_time(config: TrainingConfig, training: int, validation: int, throughput: float) -> str:
    """Says how long the whole training takes.

    Args:
        config: its epochs.
        training, validation: chips an epoch.
        throughput: chips a second, in training.
    """
    seconds = config.epochs * (training + FORWARD * validation) / throughput
    if seconds < 100:
        return f"about {seconds:.0f} seconds"
    return f"about {seconds / 60:.0f} minutes" if seconds < 6000 else f"about {seconds / 3600:.1f} hours"
