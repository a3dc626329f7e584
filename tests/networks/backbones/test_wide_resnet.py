"""Wide residual networks: their layout, their options, and that nothing is published."""

import keras
import numpy as np
import pytest
from tiny import changed

from facekit.core.errors import UsageError, WeightsError
from facekit.heads import GENDER
from facekit.networks.backbones import BACKBONES
from facekit.networks.backbones.wide_resnet import wide_resnet
from facekit.networks.config import NetworkConfig
from facekit.recipes import RECIPES
from facekit.recipes.changes import change_recipe


def config(**options: int) -> NetworkConfig:
    return NetworkConfig(backbone="wide_resnet", input_size=64, heads=(GENDER,), options=options)


def test_layout_of_16_8() -> None:
    """24.46 M parameters with age-gender-estimation's heads, of which 103 * 131,072 are theirs."""
    network = wide_resnet(64)
    assert network.count_params() + 103 * 64 * 2048 == 24_463_856
    assert {layer.output.shape[1:] for layer in network.layers if isinstance(layer, keras.layers.Add)} == {
        *((64, 64, 128), (32, 32, 256), (16, 16, 512)),
    }
    kernels = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len([layer for layer in kernels if layer.kernel_size == (3, 3)]) == 13
    assert not any(layer.use_bias for layer in kernels)
    shortcuts = {layer.name: layer.strides for layer in kernels if layer.kernel_size == (1, 1)}
    assert shortcuts == {f"group{n}_block1_shortcut": (s, s) for n, s in ((1, 1), (2, 2), (3, 2))}
    for name in shortcuts:  # where the width changes, both ways share batch norm and ReLU
        shared = name.replace("shortcut", "1_relu")
        assert network.get_layer(name).input is network.get_layer(shared).output


def test_a_width_that_stays_needs_no_shortcut() -> None:
    network = wide_resnet(32, depth=10, width=1)
    names = [layer.name for layer in network.layers if layer.name.endswith("shortcut")]
    assert names == ["group2_block1_shortcut", "group3_block1_shortcut"]
    assert network.get_layer("group1_block1_add").input[1] is network.get_layer("stem").output


def test_options_are_checked_and_written_where_they_are_not_usual() -> None:
    assert config(depth=16, width=8) == config() and "options" not in config(width=8).to_dict()
    small = config(depth=10, width=8)
    assert small.to_dict()["options"] == {"depth": 10} and NetworkConfig.from_dict(small.to_dict()) == small
    for options, message in (
        ({"depth": 12}, r"^The depth of wide_resnet must be one of 10, 16, 22 and so on\. Received: 12\.$"),
        ({"width": 0}, r"^The width of wide_resnet must be one of 1, 2, 3 and so on\. Received: 0\.$"),
        ({"width": True}, r"Received: True\.$"),
        ({"height": 3}, r"^The backbone wide_resnet has no height\. Received: 3\. Leave it out\.$"),
    ):
        with pytest.raises(UsageError, match=message):
            config(**options)
    with pytest.raises(UsageError, match=r"^The backbone mobilenet has no depth\."):
        change_recipe(RECIPES["mobilenet_utkface"], {"depth": 10})


def test_nothing_is_published() -> None:
    with pytest.raises(
        WeightsError, match=r"^wide_resnet has no published weights\. Train it from scratch: pretrained none\."
    ):
        BACKBONES["wide_resnet"].load_pretrained(keras.Model())


def test_recipes_are_changed() -> None:
    recipe = RECIPES["wide_resnet_utkface"]
    assert change_recipe(recipe, {"depth": None, "augmentation": "recipe", "optimizer": "sgd"}) == recipe
    small = change_recipe(recipe, {"depth": 10, "width": 2, "optimizer": "adam", "validation_share": 0.2, "dry_run": 1})
    expected = changed(recipe, options={"depth": 10, "width": 2}, optimizer="adamw", learning_rate=6e-4)
    assert small == changed(expected, data=small.data) and small.data[0].validation_share == 0.2
    assert change_recipe(recipe, {"optimizer": "adam", "learning_rate": 0.5}).training.learning_rate == 0.5
    basic = change_recipe(recipe, {"augmentation": "basic"}).training.augmentation
    assert (basic.flip, basic.shift, basic.mixup, basic.erase, np.ptp([basic.rotation, basic.scale])) == (
        *(0.5, 0.06, 0, 0, 0),
    )
    assert change_recipe(recipe, {"augmentation": "full"}) == recipe
