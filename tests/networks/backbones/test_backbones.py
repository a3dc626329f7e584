"""What every backbone in the registry must do, at its smallest size."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from tiny import slow_if_large

from facekit.core.errors import InputSizeError, UnknownNameError
from facekit.heads import AGE, GENDER
from facekit.networks.backbones import BACKBONES, find_backbone
from facekit.networks.config import NetworkConfig
from facekit.networks.network import build_network


@pytest.fixture(scope="module", params=slow_if_large({name: name for name in BACKBONES}))
def network(request: pytest.FixtureRequest) -> Iterator[keras.Model]:
    """The backbone at its smallest size with features beside the picture, in mixed precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    size = BACKBONES[request.param].smallest_size
    try:
        yield build_network(
            NetworkConfig(backbone=request.param, input_size=size, heads=(AGE, GENDER), features="landmarks")
        )
    finally:
        keras.config.set_dtype_policy(before)


def test_contract(network: keras.Model) -> None:
    size = BACKBONES[network.name].smallest_size
    assert {name: tensor.shape for name, tensor in network.input.items()} == {
        "picture": (None, size, size, 3),
        "features": (None, 10),
    }
    body = network.get_layer("with_features").input[0]
    assert body.shape == (None, network.get_layer("age").kernel.shape[0] - 10)
    assert {tensor.dtype for tensor in network.output.values()} == {"float32"}
    assert {variable.dtype for variable in network.trainable_variables} == {"float32"}

    # Scaling is a layer of the network, and exact: it computes in float32 while others compute in bfloat16.
    scaled = keras.Model(network.input["picture"], network.get_layer("scaling").output)
    pictures = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    values = keras.ops.convert_to_numpy(scaled(pictures.astype(np.float32)))
    assert values.dtype == np.float32 and (values.min() < 0 < values.max() or network.name == "wide_resnet_raw")
    contrast = np.ptp(values, axis=(1, 2)) / np.ptp(
        pictures[..., :: 1 if "vgg" not in network.name else -1], axis=(1, 2)
    )
    of_each_picture = network.name == "facenet"  # scaled by its own deviation
    np.testing.assert_allclose(contrast / (contrast[:, :1] if of_each_picture else contrast[0, 0]), 1, rtol=1e-5)

    inputs = {"picture": pictures.astype(np.float32), "features": np.zeros((2, 10), np.float32)}
    for head in (AGE, GENDER):
        rows = keras.ops.convert_to_numpy(network(inputs, training=False)[head.name])
        assert rows.shape == (2, head.width)
        np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", slow_if_large({name: name for name in BACKBONES}))
def test_inputs_that_are_no_squares(name: str) -> None:
    """At half a second each: only their shapes are computed."""
    height = BACKBONES[name].smallest_size
    backbone = find_backbone(name, (height, height + 40)).build((height, height + 40))
    assert backbone.input_shape == (None, height, height + 40, 3)
    pooling = backbone.layers[-1]  # as `build_network` may pool in another way
    assert isinstance(pooling, keras.layers.GlobalAveragePooling2D) and pooling.output is backbone.output
    with pytest.raises(InputSizeError, match=rf"Received: {height - 1}\."):
        find_backbone(name, (height + 40, height - 1))


@pytest.mark.parametrize("name", BACKBONES)
def test_smaller_inputs_are_refused(name: str) -> None:
    smallest = BACKBONES[name].smallest_size
    assert find_backbone(name, smallest) is BACKBONES[name]
    message = (
        rf"^Input size must be at least {smallest} for {name}\. Received: {smallest - 1}\. Set input_size={smallest} or"
    )
    with pytest.raises(InputSizeError, match=message):
        find_backbone(name, smallest - 1)


def test_unknown_backbones_are_refused() -> None:
    with pytest.raises(
        UnknownNameError, match=r"Unknown backbone: 'mobilnet'\. Did you mean 'mobilenet'\? Known: conv13, "
    ):
        find_backbone("mobilnet", 200)
