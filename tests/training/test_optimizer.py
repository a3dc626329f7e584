"""Who learns how fast, and when: the factors of the recipe's optimiser."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from tiny import TINY, prepared, settings

from facekit.heads import GENDER
from facekit.networks.network import build_network, freeze
from facekit.networks.weights import network_tensors
from facekit.recipes import RECIPES
from facekit.recipes.recipe import Recipe
from facekit.training.optimizer import head_distances, make_optimizer, slow_statistics

PLAIN = replace(
    RECIPES["dlib_utkface"], learning_rate=0.1, warmup_steps=0, head_rate=3.0, weight_decay=0.5, clip_norm=None, ema=0.0
)


def small_network() -> keras.Model:
    """Two layers of ones below the head "gender"."""
    inputs = x = keras.Input((2,))
    for name in ("stem", "body", "gender"):
        x = keras.layers.Dense(2, kernel_initializer="ones", bias_initializer="ones", name=name)(x)
    return keras.Model(inputs, x)


def moved(recipe: Recipe, steps: int, total: int = 10**6) -> list[dict[str, float]]:
    """By how much each variable has changed in a step, for gradients of 1."""
    network = small_network()
    optimizer = make_optimizer(recipe, network, total)
    values, changes = network_tensors(network), []
    for _ in range(steps):
        optimizer.apply([keras.ops.ones(v.shape) for v in network.trainable_variables], network.trainable_variables)
        after = network_tensors(network)
        changes.append({name: float((values[name] - after[name]).mean()) for name in values})
        values = after
    return changes


def test_rates_fall_from_the_heads_down_and_decay_with_them() -> None:
    """AdamW's first step moves each value by its rate, and kernels of ones by their decay besides."""
    (got,) = moved(replace(PLAIN, layer_decay=0.5), steps=1)
    assert got == pytest.approx(
        {
            "stem/kernel": 0.025 * (1 + 0.5),
            "stem/bias": 0.025,
            "body/kernel": 0.05 * (1 + 0.5),
            "body/bias": 0.05,
            "gender/kernel": 0.3 + 0.1 * 0.5,  # the decay goes by the plain rate
            "gender/bias": 0.3,
        },
        abs=1e-4,
    )


def test_layers_of_the_default_network_are_counted_from_the_heads() -> None:
    recipe = replace(RECIPES["dlib_utkface"], layer_decay=0.9)
    network = build_network(recipe.network)
    distances = {v.path: d for v, d in zip(network.trainable_variables, head_distances(recipe, network), strict=True)}
    convolutions = ["stem", *(f"block{block}_conv{number}" for block in range(1, 15) for number in (1, 2))]
    expected = {name: len(convolutions) - place for place, name in enumerate(convolutions)}
    expected |= {head.name: 0 for head in recipe.heads}
    assert distances == {f"{name}/{part}": d for name, d in expected.items() for part in ("kernel", "bias")}
    optimizer = make_optimizer(recipe, network, 100)
    factors = dict(zip(distances, optimizer.factors, strict=True))
    assert factors["stem/kernel"] == pytest.approx(0.9**29)
    assert factors["block14_conv2/bias"] == pytest.approx(0.9)
    assert factors["age/kernel"] == recipe.head_rate


def test_batch_norm_counts_with_its_convolution_and_frozen_layers_change_no_count(tiny: None) -> None:
    network = build_network(TINY.network)
    distances = head_distances(TINY, network)
    assert distances == [2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    freeze(network, "conv2")
    assert head_distances(TINY, network) == distances[4:]


def test_only_the_heads_learn_first_and_then_all_warm_up() -> None:
    """Two epochs of ten steps, warmed up over two."""
    recipe = replace(PLAIN, epochs=2, heads_first=1, warmup_steps=5, schedule="quarters")
    changes = moved(recipe, steps=16, total=20)
    for step, change in enumerate(changes):
        rate = 0.1 / 5 ** (max(step - 1, 0) // 5)  # of the schedule "quarters"
        warmth = min(max(step - 10, 0) / 2, 1)
        assert change["gender/bias"] == pytest.approx(3 * rate, rel=1e-3)
        assert change["stem/bias"] == pytest.approx(warmth * rate, rel=1e-3, abs=0)
    assert [step for step, change in enumerate(changes) if change["stem/kernel"]] == [11, 12, 13, 14, 15]  # nor decay


def test_heads_first_in_a_run(tiny: None, tiny_utkface: Path, tmp_path: Path) -> None:
    """The body's weights stay; its batch norm goes on measuring."""
    run = prepared(settings(replace(TINY, heads_first=1, ema=0.0), tiny_utkface), tmp_path)
    before = network_tensors(run.network)
    run.train()
    changed = {name for name, tensor in network_tensors(run.network).items() if (tensor != before[name]).any()}
    heads = {f"{name}/{part}" for name in ("age", "gender", "race") for part in ("kernel", "bias")}
    assert changed == heads | {f"norm{number}/moving_{part}" for number in (1, 2) for part in ("mean", "variance")}


def test_average_follows_the_weights() -> None:
    """Against the plain recursion, with a momentum that rises to the recipe's."""
    network = small_network()
    optimizer = make_optimizer(replace(PLAIN, ema=0.7), network, 10**6)
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
        recipe = replace(PLAIN, heads=(GENDER,), learning_rate=0.05, ema=0.99, weight_decay=0.0)
        steps, norm = 600, network.get_layer("norm")
        norm.momentum = 0.9  # so short a training has short memories
        if slow:
            slow_statistics(recipe, network, steps)
        optimizer = make_optimizer(replace(recipe, schedule="quarters"), network, 10**6)
        network.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")
        network.fit(points, classes, batch_size=16, epochs=steps // 32, verbose=0)
        kernel, bias = (average.numpy() for average in optimizer._model_variables_moving_average[:2])
        hidden = points @ kernel + bias
        errors[slow] = abs(norm.moving_mean.numpy() - hidden.mean(axis=0)).mean()
    assert errors[True] < 0.6 * errors[False]


def test_slow_statistics_of_short_trainings_and_frozen_layers(tiny: None) -> None:
    def momenta(recipe: Recipe, steps: int) -> list[float]:
        network = build_network(TINY.network)
        freeze(network, recipe.trainable_from)
        slow_statistics(recipe, network, steps)
        return [network.get_layer(f"norm{number}").momentum for number in (1, 2)]

    assert momenta(replace(TINY, ema=0.999), 10**5) == [0.999, 0.999]
    assert momenta(replace(TINY, ema=0.999, trainable_from="conv2"), 10**5) == [0.99, 0.999]
    assert momenta(replace(TINY, ema=0.9999), 5000) == pytest.approx([0.998, 0.998])
    assert momenta(replace(TINY, ema=0.0), 10**5) == [0.99, 0.99]
    assert momenta(replace(TINY, ema=0.999), 3) == [0.99, 0.99]
