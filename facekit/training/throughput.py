"""How fast a training goes on this machine, measured on a throw-away copy."""

import itertools
import random
import time

import keras
import numpy as np
from numpy.typing import NDArray

from facekit.recipes.recipe import Recipe
from facekit.training.optimizer import make_optimizer
from facekit.training.prefetch import augmented
from facekit.training.resident import ResidentModel, batches, targets_of

STEPS, SECONDS = 5, 2.0  # at least so many, at least so long
FORWARD = 1 / 3  # of a step's time, for a chip that is only looked at


def measure_pace(
    recipe: Recipe,
    network: keras.Model,
    chips: NDArray[np.uint8],
    labels: dict[str, NDArray[np.int16]],
    on_device: bool,
) -> tuple[float, int]:
    """Trains a copy of the network, of random weights, for a few steps after the one that compiles.

    Neither the network nor the random states change.

    Args:
        chips: (n, S, S, 3) a few batches of the training's.
        labels: head's name -> (n,).
        on_device: whether the chips lie there.

    Returns:
        Chips a second, and the number of steps that were timed.
    """
    states = random.getstate(), np.random.get_state()  # what initialisers draw their seeds from
    try:
        copy = keras.models.clone_model(network)
        model = ResidentModel(copy, targets_of(recipe.heads, labels), recipe.heads, chips if on_device else None)
        model.compile(optimizer=make_optimizer(recipe, copy, recipe.epochs))
        drawn = batches(recipe, np.arange(len(chips)), itertools.count())
        stream = drawn if on_device else augmented(drawn, chips)
        model.train_on_batch(*next(stream))
        steps, begun = 0, time.perf_counter()
        while steps < STEPS or time.perf_counter() - begun < SECONDS:
            model.train_on_batch(*next(stream))  # gives the loss, and so waits for the step
            steps += 1
        return steps * min(recipe.batch_size, len(chips)) / (time.perf_counter() - begun), steps
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def expected_time(recipe: Recipe, training: int, validation: int, pace: float) -> str:
    """What the whole training takes, for people.

    Args:
        training, validation: chips an epoch.
        pace: chips a second, in training.
    """
    seconds = recipe.epochs * (training + FORWARD * validation) / pace
    if seconds < 100:
        return f"about {seconds:.0f} seconds"
    return f"about {seconds / 60:.0f} minutes" if seconds < 6000 else f"about {seconds / 3600:.1f} hours"
