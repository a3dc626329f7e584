"""Optimizers: the heads' rate, weight decay, schedules, the moving average, and batch norm's statistics."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from tiny import TINY

from facekit.networks.network import build_network, freeze
from facekit.networks.weights import network_tensors
from facekit.recipes import RECIPES
from facekit.recipes.recipe import OPTIMIZERS, SCHEDULES, TrainingConfig
from facekit.training import optimizer as optimizers
from facekit.training.optimizer import make_optimizer, slow_statistics

PLAIN = replace(
    RECIPES["dlib_utkface"].training,
    learning_rate=0.1,
    warmup_steps=0,
    head_rate=3.0,
    weight_decay=0.5,
    clip_norm=None,
    ema=0.0,
)


def small_network() -> keras.Model:
    """Two layers of ones below the head "gender"."""
    inputs = x = keras.Input((2,))
    for name in ("stem", "body", "gender"):
        x = keras.layers.Dense(2, kernel_initializer="ones", bias_initializer="ones", name=name)(x)
    return keras.Model(inputs, x)


def moved(config: TrainingConfig, steps: int, total: int = 10**6) -> list[dict[str, float]]:
    """Returns the change of each variable in each step, for gradients of 1."""
    network = small_network()
    optimizer = make_optimizer(config, {"gender"}, network, total)
    values, changes = network_tensors(network), []
    for _ in range(steps):
        optimizer.apply([keras.ops.ones(v.shape) for v in network.trainable_variables], network.trainable_variables)
        after = network_tensors(network)
        changes.append({name: float((values[name] - after[name]).mean()) for name in values})
        values = after
    return changes


def test_heads_have_their_own_rate_and_kernels_decay() -> None:
    """AdamW's first step moves each value by its rate, and kernels of ones by their decay besides."""
    (got,) = moved(PLAIN, steps=1)
    assert got == pytest.approx(
        {
            "stem/kernel": 0.1 * (1 + 0.5),
            "stem/bias": 0.1,
            "body/kernel": 0.1 * (1 + 0.5),
            "body/bias": 0.1,
            "gender/kernel": 0.3 + 0.1 * 0.5,  # the decay goes by the plain rate
            "gender/bias": 0.3,
        },
        abs=1e-4,
    )


def test_frozen_layers_change_no_rate(tiny: None) -> None:
    network = build_network(TINY.network)
    freeze(network, "conv2")
    optimizer = make_optimizer(replace(TINY.training, trainable_from="conv2"), {"age", "gender", "race"}, network, 100)
    assert optimizer.is_head == [False] * 4 + [True] * 6


@pytest.mark.parametrize("weight_decay", [0.0, 0.5])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_against_its_recursion(momentum: float, weight_decay: float) -> None:
    """Nesterov's momentum (Sutskever et al. 2013), steps by "quarters", and the heads' own rate."""
    config = replace(PLAIN, optimizer="sgd", momentum=momentum, weight_decay=weight_decay, schedule="quarters")
    changes = moved(config, steps=16, total=20)
    values, velocity = {"stem/bias": 1.0, "gender/bias": 1.0, "stem/kernel": 1.0}, dict.fromkeys(changes[0], 0.0)
    for step, change in enumerate(changes):
        rate = 0.1 / 5 ** (max(step - 1, 0) // 5)
        for name, value in values.items():
            decay = weight_decay * rate * value if name.endswith("kernel") else 0.0
            factor = 3 if name.startswith("gender") else 1
            velocity[name] = momentum * velocity[name] - factor * rate
            expected = decay - momentum * velocity[name] + factor * rate
            assert change[name] == pytest.approx(expected, abs=1e-4), (step, name)
            values[name] -= expected


def test_recipes_and_optimizers_know_the_same_names() -> None:
    assert set(OPTIMIZERS) == set(optimizers._BASES)
    assert set(SCHEDULES) == set(optimizers.SCHEDULES)


def test_average_follows_the_weights() -> None:
    """Against the plain recursion, with a momentum that rises to the recipe's."""
    network = small_network()
    optimizer = make_optimizer(replace(PLAIN, ema=0.7), {"gender"}, network, 10**6)
    optimizer.build(network.trainable_variables)
    expected = np.zeros((2, 2))
    for step in range(40):
        optimizer.apply([keras.ops.ones(v.shape) for v in network.trainable_variables], network.trainable_variables)
        momentum = min(0.7, step / (9 + step))
        expected = momentum * expected + (1 - momentum) * network.trainable_variables[0].numpy()
    average = optimizer._model_variables_moving_average[0].numpy()
    np.testing.assert_allclose(average, expected, rtol=1e-4)
    assert (average > network.trainable_variables[0].numpy()).all()


def normed(rng: np.random.Generator) -> tuple[keras.Model, NDArray[np.float32], NDArray[np.int64]]:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    x = keras.layers.Dense(16, name="body")(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(name="norm")(x))
    outputs = keras.layers.Dense(2, "softmax", name="gender")(x)
    points = rng.normal(1, 2, (512, 6)).astype(np.float32)
    return keras.Model(inputs, outputs), points, (points[:, 0] * points[:, 1] > 1).astype(np.int64)


def test_statistics_go_with_the_average_of_the_weights() -> None:
    """Of the averaged network the statistics are nearer to the true ones than those of the last few steps are."""
    errors = {}
    for slow in (False, True):
        rng = np.random.default_rng(0)
        network, points, classes = normed(rng)
        config = replace(PLAIN, learning_rate=0.05, ema=0.99, weight_decay=0.0)
        steps, norm = 600, network.get_layer("norm")
        norm.momentum = 0.9  # so short a training has short memories
        if slow:
            slow_statistics(config, network, steps)
        optimizer = make_optimizer(replace(config, schedule="quarters"), {"gender"}, network, 10**6)
        network.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")
        network.fit(points, classes, batch_size=16, epochs=steps // 32, verbose=0)
        kernel, bias = (average.numpy() for average in optimizer._model_variables_moving_average[:2])
        hidden = points @ kernel + bias
        errors[slow] = abs(norm.moving_mean.numpy() - hidden.mean(axis=0)).mean()
    assert errors[True] < 0.6 * errors[False]


def test_slow_statistics_of_short_trainings_and_frozen_layers(tiny: None) -> None:
    def momenta(config: TrainingConfig, steps: int) -> list[float]:
        network = build_network(TINY.network)
        freeze(network, config.trainable_from)
        slow_statistics(config, network, steps)
        return [network.get_layer(f"norm{number}").momentum for number in (1, 2)]

    assert momenta(replace(TINY.training, ema=0.999), 10**5) == [0.999, 0.999]
    assert momenta(replace(TINY.training, ema=0.999, trainable_from="conv2"), 10**5) == [0.99, 0.999]
    assert momenta(replace(TINY.training, ema=0.9999), 5000) == pytest.approx([0.998, 0.998])
    assert momenta(replace(TINY.training, ema=0.0), 10**5) == [0.99, 0.99]
    assert momenta(replace(TINY.training, ema=0.999), 3) == [0.99, 0.99]
