"""Networks are built from their configuration, and frozen up to a layer."""

import keras
import numpy as np
import pytest

from facekit.core.errors import InputSizeError, TrainingError, UnknownNameError
from facekit.heads import AGE, GENDER, RACE, ClassHead
from facekit.networks.backbones import BACKBONES
from facekit.networks.network import build_network, freeze
from facekit.recipes.recipe import NetworkConfig

CONFIG = NetworkConfig(backbone="dlib_resnet", input_size=103, heads=(AGE, GENDER, RACE), dropout=0.5)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build_network(CONFIG)


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (3, 103, 103, 3)).astype(np.float32)


def test_network_gives_distributions_by_head(network: keras.Model, pictures: np.ndarray) -> None:
    answers = network(pictures, training=False)
    assert list(answers) == ["age", "gender", "race"]
    for head in CONFIG.heads:
        probabilities = keras.ops.convert_to_numpy(answers[head.name])
        assert probabilities.shape == (3, len(head.classes))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_dropout_acts_in_training_only(network: keras.Model, pictures: np.ndarray) -> None:
    def gender(training: bool) -> np.ndarray:
        return keras.ops.convert_to_numpy(network(pictures, training=training)["gender"])

    np.testing.assert_array_equal(gender(False), gender(False))
    assert (gender(True) != gender(True)).any()


def test_a_head_is_one_object() -> None:
    mood = ClassHead("mood", ("Calm", "Happy", "Sad"))
    network = build_network(NetworkConfig(backbone="dlib_resnet", input_size=103, heads=(mood,)))
    assert {name: value.shape for name, value in network.output.items()} == {"mood": (None, 3)}
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in network.layers)


def test_heads_stay_float32_in_mixed_precision(pictures: np.ndarray) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = build_network(CONFIG)
    finally:
        keras.config.set_dtype_policy(before)
    assert network.get_layer("block1_conv1").compute_dtype == "bfloat16"
    assert {value.dtype for value in network.output.values()} == {"float32"}
    assert {variable.dtype for variable in network.trainable_variables} == {"float32"}


def test_unknown_backbones_and_small_inputs() -> None:
    with pytest.raises(
        UnknownNameError, match=r"Unknown backbone: 'dlib_resent'\. Did you mean 'dlib_resnet'\? Known:"
    ):
        build_network(NetworkConfig(backbone="dlib_resent", input_size=150, heads=(AGE,)))
    for name, backbone in BACKBONES.items():
        size = backbone.smallest_size
        message = rf"Input size must be at least {size} for {name}\. Received: {size - 1}\."
        with pytest.raises(InputSizeError, match=message):
            build_network(NetworkConfig(backbone=name, input_size=size - 1, heads=(AGE,)))


def test_layers_before_the_named_one_are_frozen() -> None:
    network = build_network(CONFIG)
    everything = len(network.trainable_variables)
    freeze(network, None)
    assert len(network.trainable_variables) == everything
    freeze(network, "block14_conv1")
    trained = [variable.path for variable in network.trainable_variables]
    layers = ["block14_conv1", "block14_conv2", "age", "gender", "race"]
    assert trained == [f"{layer}/{name}" for layer in layers for name in ("kernel", "bias")]


def test_unknown_layer_cannot_be_the_first_trained(network: keras.Model) -> None:
    with pytest.raises(
        TrainingError, match=r"trainable_from must name a layer\. Received: 'conv9'\. `python face\.py`"
    ):
        freeze(network, "conv9")
