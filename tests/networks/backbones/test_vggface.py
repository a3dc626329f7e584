"""VGGFace networks against numbers that the original keras-vggface gave."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest

from facekit.core.errors import InputSizeError, UnknownNameError
from facekit.networks.backbones.vggface import FAMILIES, VGGFace, preprocess_input, vggface_backbone

QUICK = {
    "vgg16": ["notop_64x100_none", "notop_48x48_max", "top_48x48_c10"],
    "resnet50": ["notop_200x200_avg"],
    "senet50": ["notop_256x256_avg"],  # the 7x7 pooling shows only where the map is larger than 7x7
}
PARAMETERS = {"vgg16": 14_714_688, "resnet50": 23_561_152, "senet50": 26_092_144}


@pytest.fixture(scope="module")
def rules(shared: Path) -> ModuleType:
    """The module that makes the weights and the pictures by rule."""
    spec = importlib.util.spec_from_file_location("make_weights", shared / "oracle" / "make_weights.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def resnet50() -> keras.Model:
    return vggface_backbone(197, "resnet50")


@pytest.fixture
def policy() -> Iterator[Any]:
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


def run(network: keras.Model, x: np.ndarray) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(network(x)))


def check(rules: ModuleType, shared: Path, model: str, variant: str) -> None:
    kind, size, last = (f"{variant}_None").split("_")[:3]
    height, width = map(int, size.split("x"))
    network = VGGFace(
        include_top=kind == "top",
        model=model,
        weights=None,
        input_shape=(height, width, 3),
        pooling=last if last in ("avg", "max") else None,
        classes=10 if last == "c10" else None,
    )
    inventory = json.loads((shared / "oracle" / f"inventory_{model}_top.json").read_text())
    groups = {layer["group"].replace("/", "_"): layer["group"] for layer in inventory["layers"]}
    for layer in network.layers:
        for weight in layer.weights:
            weight.assign(rules.tensor(f"{groups[layer.name]}/{weight.name}:0", weight.shape))

    got = run(network, preprocess_input(rules.images(height, width), version=FAMILIES[model].version))
    expected = np.load(shared / "oracle" / f"expected_{model}.npz")
    assert got.shape == tuple(expected[f"{variant}.shape"])
    largest = float(expected[f"{variant}.absmax"])
    np.testing.assert_allclose(
        got.flat[expected[f"{variant}.idx"]], expected[f"{variant}.at_idx"], rtol=0, atol=1e-5 * largest
    )
    np.testing.assert_allclose(got.flat[:64], expected[f"{variant}.first64"], rtol=0, atol=1e-5 * largest)
    if f"{variant}.full" in expected:
        np.testing.assert_allclose(got, expected[f"{variant}.full"], rtol=0, atol=1e-5 * largest)


@pytest.mark.parametrize(("model", "variant"), [(model, v) for model, variants in QUICK.items() for v in variants])
def test_agrees_with_the_original(rules: ModuleType, shared: Path, model: str, variant: str) -> None:
    check(rules, shared, model, variant)


@pytest.mark.slow
@pytest.mark.parametrize("model", FAMILIES)
def test_agrees_with_the_original_in_every_variant(rules: ModuleType, shared: Path, model: str) -> None:
    keys = np.load(shared / "oracle" / f"expected_{model}.npz").files
    variants = {key.partition(".")[0] for key in keys}
    assert len(variants) >= 14
    for variant in sorted(variants - set(QUICK[model])):
        check(rules, shared, model, variant)
        keras.utils.clear_session()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_preprocess_input_agrees_with_the_original(shared: Path, version: int, data_format: str) -> None:
    expected = np.load(shared / "oracle" / "expected_preprocess.npz")
    raw, want = expected["raw"], expected[f"v{version}_{data_format}"]
    if data_format == "channels_first" and raw.shape[-1] == 3:
        raw = raw.transpose(0, 3, 1, 2)
    before = raw.copy()
    got = preprocess_input(raw, data_format, version)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(raw, before)
    assert got.dtype == raw.dtype
    assert got.flags["C_CONTIGUOUS"]


def test_preprocess_input_takes_integers_and_keeps_floats() -> None:
    picture = np.full((4, 5, 3), (10, 20, 30), np.uint8)
    got = preprocess_input(picture)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[0, 0], np.array([30 - 93.5940, 20 - 104.7624, 10 - 129.1863]), rtol=1e-6)
    for dtype in (np.float16, np.float64):
        assert preprocess_input(picture.astype(dtype)).dtype == dtype


def test_preprocess_input_refuses_what_it_does_not_know() -> None:
    with pytest.raises(NotImplementedError, match=r"Version must be 1 .* Received: 3\."):
        preprocess_input(np.zeros((1, 2, 2, 3)), version=3)
    with pytest.raises(ValueError, match=r"Data format must be .* Received: 'NHWC'\."):
        preprocess_input(np.zeros((1, 2, 2, 3)), data_format="NHWC")


@pytest.mark.parametrize("model", FAMILIES)
def test_backbone_scales_inside(model: str) -> None:
    size = FAMILIES[model].smallest_size
    backbone = vggface_backbone(size, model)
    assert backbone.count_params() == PARAMETERS[model]
    network = VGGFace(include_top=False, model=model, weights=None, pooling="avg")
    network.set_weights(backbone.get_weights())
    pictures = np.random.default_rng(2).integers(0, 256, (1, size, size, 3), np.uint8)
    want = run(network, preprocess_input(pictures, version=1 if model == "vgg16" else 2))
    got = run(backbone, pictures)
    assert got.shape == (1, 512 if model == "vgg16" else 2048)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * np.abs(want).max())


def scaled(backbone: keras.Model, first: str, pictures: np.ndarray) -> np.ndarray:
    """What the first convolution of a backbone gets."""
    return run(keras.Model(backbone.input, backbone.get_layer(first).input), pictures)


def test_wrapped_scaling_is_that_of_uint8_arithmetic() -> None:
    rgb = np.zeros((1, 256, 256, 3), np.uint8)
    rgb[0, :, :, 0], rgb[0, :, :, 1], rgb[0, :, :, 2] = np.arange(256), np.arange(256)[::-1], np.arange(256)[:, None]
    want = rgb[..., ::-1].copy()
    for channel, mean in enumerate((91, 103, 131)):
        want[..., channel] -= mean
    backbone = vggface_backbone(256, "resnet50", scaling="wrapped")
    np.testing.assert_array_equal(scaled(backbone, "conv1_7x7_s2", rgb), want)


def test_scaling_stays_exact_in_half_precision(policy: Any) -> None:
    policy("mixed_bfloat16")
    backbone = vggface_backbone(48, "vgg16")
    pictures = np.random.default_rng(3).integers(0, 256, (1, 48, 48, 3), np.uint8)
    np.testing.assert_array_equal(scaled(backbone, "conv1_1", pictures), preprocess_input(pictures, version=1))
    assert backbone.output.dtype == "bfloat16"


def test_layer_names_are_the_same_each_time(resnet50: keras.Model) -> None:
    names = [layer.name for layer in resnet50.layers]
    assert names == [layer.name for layer in vggface_backbone(197, "resnet50").layers]
    assert names == [layer.name for layer in keras.Model.from_config(resnet50.get_config()).layers]
    assert names[:5] == ["picture", "scaling", "conv1_7x7_s2", "conv1_7x7_s2_bn", "conv1_7x7_s2_relu"]
    assert len(names) == 1 + 175
    assert names[-50] == "conv4_5_3x3_bn"  # where the original script's training starts


def test_input_tensor_is_built_on() -> None:
    source = keras.Input((96, 96, 3))
    network = VGGFace(False, "vgg16", None, input_tensor=keras.layers.AveragePooling2D(2)(source), pooling="max")
    assert network.input is source
    assert network.name == "vggface_vgg16"
    assert network.output.shape == (None, 512)


@pytest.mark.parametrize(("model", "least"), [("vgg16", 48), ("resnet50", 197), ("senet50", 197)])
def test_too_small_inputs_are_refused(model: str, least: int) -> None:
    message = rf"^Input size must be at least {least} for {model}\. Received: {least - 1}\. Set input_size={least} or"
    with pytest.raises(InputSizeError, match=message):
        vggface_backbone(least - 1, model)
    with pytest.raises(ValueError, match=message):  # what users of keras-vggface catch
        VGGFace(model=model, weights=None, input_shape=(300, least - 1, 3))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": "resnet51"}, UnknownNameError, r"Did you mean 'resnet50'\?"),
        ({"pooling": "mean", "include_top": False}, UnknownNameError, "Unknown pooling: 'mean'"),
        ({"weights": "my.h5"}, ValueError, r"Weights must be 'vggface' or None\. Received: 'my\.h5'"),
        ({"weights": "vggface", "classes": 10}, ValueError, r"has 2622 classes\. Received: 10"),
        ({"input_shape": (None, None, 3)}, ValueError, "the input shape must be known"),
        ({"input_shape": (224, 224)}, ValueError, r"must be \(height, width, channels\)"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        VGGFace(**{"weights": None, **arguments})


def test_unknown_scaling_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown scaling: 'means'\. Did you mean 'mean'\?"):
        vggface_backbone(48, "vgg16", scaling="means")
