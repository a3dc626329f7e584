"""Networks are built from their configuration, and frozen up to a layer."""

import json
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from untrained import TWO_INPUTS

from facekit.core.errors import InputSizeError, TrainingError, UnknownNameError, UsageError
from facekit.heads import AGE, GENDER, RACE, ClassHead, Head, NumberHead
from facekit.networks.backbones import BACKBONES
from facekit.networks.config import NetworkConfig
from facekit.networks.network import build_network, freeze, network_input

CONFIG = NetworkConfig(backbone="dlib_resnet", input_size=103, heads=(AGE, GENDER, RACE))
GENDERED = ("age", "gender")


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build_network(CONFIG, dropout=0.5)


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (3, 103, 103, 3)).astype(np.float32)


def test_network_gives_distributions_by_head(network: keras.Model, pictures: np.ndarray) -> None:
    answers = network(pictures, training=False)
    assert list(answers) == ["age", "gender", "race"]
    for head in CONFIG.heads:
        probabilities = keras.ops.convert_to_numpy(answers[head.name])
        assert probabilities.shape == (3, head.width)
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


def test_a_network_takes_the_inputs_that_its_configuration_names(pictures: np.ndarray) -> None:
    config = NetworkConfig(backbone="dlib_resnet", input_size=103, heads=(AGE, GENDER), features="landmarks")
    assert (CONFIG.inputs, config.inputs) == (("picture",), ("picture", "features"))
    network = build_network(config, dropout=0.5)
    inputs = {"picture": pictures, "features": np.zeros((3, 10), np.float32)}
    assert list(network.input) == list(config.inputs) == list(network_input(inputs))
    assert network_input({"picture": pictures}) is pictures
    age = keras.ops.convert_to_numpy(network(inputs, training=False)["age"])
    other = keras.ops.convert_to_numpy(network({**inputs, "features": inputs["features"] + 1}, training=False)["age"])
    assert age.shape == other.shape == (3, 93) and np.abs(age - other).max() > 1e-4
    with pytest.raises(UnknownNameError, match=r"Unknown features: 'marks'\."):
        build_network(NetworkConfig(backbone="dlib_resnet", input_size=103, heads=(AGE,), features="marks"))


def test_configurations_come_back_from_json() -> None:
    changed = NetworkConfig(backbone="mobilenet", input_size=(64, 48), heads=(AGE,), pooling="max", hidden=(32, 16))
    for config in (CONFIG, TWO_INPUTS, changed):
        assert NetworkConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert CONFIG.to_dict().keys() == {"backbone", "input_size", "heads"}
    assert TWO_INPUTS.to_dict()["features"] == "landmarks"
    with pytest.raises(TypeError, match="'dropout'"):
        NetworkConfig.from_dict({**CONFIG.to_dict(), "dropout": 0.5})


@pytest.mark.parametrize(
    ("heads", "size", "words"),
    [
        ((), 103, r"needs heads of different names\. Received: none\."),
        ((AGE, NumberHead("age", 0, 116)), 103, r"needs heads of different names\. Received: age, age\."),
        ((AGE,), 0, r"input_size must be a side of at least 1 px, or \(height, width\)\. Received: 0\."),
        ((AGE,), (120, 0), r"input_size must be .+ Received: \(120, 0\)\."),
        ((AGE,), [120, 103], r"input_size must be .+ Received: \[120, 103\]\."),
    ],
)
def test_impossible_configurations_are_refused(heads: tuple[Head, ...], size: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        NetworkConfig(backbone="dlib_resnet", input_size=size, heads=heads)


def test_hidden_layers_and_pooling(pictures: np.ndarray) -> None:
    usual = NetworkConfig(backbone="mobilenet", input_size=(64, 48), heads=(AGE, GENDER))
    changed = replace(usual, pooling="max", hidden=(32, 16))
    network = build_network(changed, dropout=0.5)
    assert network.input_shape == (None, 64, 48, 3)
    assert [layer.name for layer in network.layers][-6:] == ["max_pooled", "hidden1", "hidden2", "dropout", *GENDERED]
    assert network.get_layer("hidden1").kernel.shape == (1024, 32)
    assert changed.top_layers == {"hidden1", "hidden2", *GENDERED}
    map_, pooled = (network.get_layer(name).output for name in ("block13_pointwise_relu", "max_pooled"))
    features, largest = keras.Model(network.input, [map_, pooled])(pictures[:, :64, :48])
    np.testing.assert_array_equal(keras.ops.max(features, axis=(1, 2)), largest)
    # What is not changed leaves no trace, so that older cards and the names of exported graphs stay.
    assert usual.to_dict().keys() == {"backbone", "input_size", "heads"}
    assert set(changed.to_dict()) - set(usual.to_dict()) == {"pooling", "hidden"}
    with pytest.raises(UnknownNameError, match=r"Unknown pooling: 'maxx'\. Did you mean 'max'\?"):
        replace(usual, pooling="maxx")
    for hidden in (512, (0,), (2.5,)):
        with pytest.raises(UsageError, match=r"hidden must hold widths of at least 1, e\.g\. \(512,\)\. Received: "):
            replace(usual, hidden=hidden)  # type: ignore[arg-type]


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
    rule = r"trainable_from must name one of the 69 layers of dlib_resnet\. Received: 'conv9'\. Nearest: block9_conv2, "
    with pytest.raises(TrainingError, match=rule):
        freeze(network, "conv9")
