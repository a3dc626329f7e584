"""Measures the throughput of a training on this machine."""

import itertools
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from statistics import median
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from facekit.networks.weights import assign_tensors, network_tensors, random_states
from facekit.recipes.recipe import Recipe, TrainingConfig
from facekit.training.optimizer import make_optimizer
from facekit.training.prefetch import augmented
from facekit.training.resident import ResidentModel, batches, make_targets

STEPS, SECONDS = 5, 2.0  # timed at least, of one network alone
LONGEST = 20.0  # seconds of timed steps, after which no other begins
CLEAR = 2.0  # ratio of two networks' steps that needs no more than CLEAR_STEPS of each
CLEAR_STEPS = 3
FORWARD = 1 / 3  # of a training step's time, for a chip that is only evaluated


def measure_throughput(
    recipe: Recipe,
    networks: Mapping[str, keras.Model],
    chips: NDArray[np.uint8],
    labels: dict[str, NDArray[Any]],
    features: NDArray[np.float32] | None = None,
    *,
    on_device: bool,
) -> dict[str, float]:
    """Trains networks for a few steps in turn, so that what else the machine does meets all of them.

    After the steps that compile, it takes LONGEST seconds, and the step that is then running; less for one network, or
    where one is CLEAR times as fast. The networks' weights and random states are left as they were.

    Args:
        networks: of the recipe, by name.
        chips: (n, H, W, 3) a few batches of the training's.
        labels: head's name -> (n,) encoded labels.
        features: (n, F) what the networks take beside the chips; None for nothing.
        on_device: whether the chips are kept there.

    Returns:
        Network's name -> chips a second, of its median step.
    """
    with ExitStack() as stack:
        steps = {
            name: stack.enter_context(closing(training_steps(recipe, network, chips, labels, features, on_device)))
            for name, network in networks.items()
        }
        for step in steps.values():
            next(step)  # compiles
        seconds = median_steps(steps)
    return {name: min(recipe.training.batch_size, len(chips)) / taken for name, taken in seconds.items()}


def median_steps(steps: Mapping[str, Iterator[float]]) -> dict[str, float]:
    """Returns the seconds of each network's median step; they take steps in turn."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    begun = time.perf_counter()
    for name in itertools.cycle(steps):
        taken[name].append(next(steps[name]))
        count, elapsed = min(map(len, taken.values())), time.perf_counter() - begun
        if not count:
            continue
        seconds = {name: median(values) for name, values in taken.items()}
        alone = len(steps) == 1 and count >= STEPS and elapsed >= SECONDS
        clear = count >= CLEAR_STEPS and max(seconds.values()) > CLEAR * min(seconds.values())
        if alone or clear or elapsed >= LONGEST:
            break
    return seconds


def training_steps(
    recipe: Recipe,
    network: keras.Model,
    chips: NDArray[np.uint8],
    labels: dict[str, NDArray[Any]],
    features: NDArray[np.float32] | None,
    on_device: bool,
) -> Generator[float, None, None]:
    """Trains a network and yields the seconds of each step; when it is closed, the network is as it was before."""
    tensors, states = network_tensors(network), [state.numpy() for state in random_states(network)]
    try:
        model = ResidentModel(network, recipe, make_targets(recipe, labels), chips if on_device else None, features)
        optimizer = make_optimizer(recipe.training, recipe.network.top_layers, network, recipe.training.epochs)
        model.compile(optimizer=optimizer)
        drawn = batches(recipe, np.arange(len(chips)), itertools.count())
        for batch in drawn if on_device else augmented(drawn, chips):
            begun = time.perf_counter()
            model.train_on_batch(*batch)  # returns the loss, and so waits for the step
            yield time.perf_counter() - begun
    finally:
        assign_tensors(network, tensors)
        for state, value in zip(random_states(network), states, strict=True):
            state.assign(value)


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
