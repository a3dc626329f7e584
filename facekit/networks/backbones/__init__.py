"""Backbones by name: networks without their top, which take RGB 0..255 and scale it themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facekit.core.errors import InputSizeError, WeightsError, lookup
from facekit.core.files import PROJECT
from facekit.faces.batch import InputSize, height_and_width

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Backbone:
    """A backbone in the registry.

    Args:
        build: side of a square input or (height, width), pixels -> model with random weights, from `picture` (n, H, W,
            3) RGB 0..255 to features (n, F), which its last layer pools.
        load_pretrained: fills the model's layers with the published weights.
        smallest_size: smallest height and width of the input, pixels.
    """

    build: Callable[[InputSize], "keras.Model"]
    load_pretrained: Callable[["keras.Model"], None]
    smallest_size: int


def _vggface(variant: str, smallest_size: int, scaling: str = "mean") -> Backbone:
    def build(input_size: InputSize) -> "keras.Model":
        from facekit.networks.backbones.vggface import vggface_backbone

        return vggface_backbone(variant, input_size, scaling)

    def load_pretrained(model: "keras.Model") -> None:
        from facekit.networks.legacy import load_vggface, vggface_weights_path

        load_vggface(model, vggface_weights_path(variant, include_top=False))

    return Backbone(build, load_pretrained, smallest_size)


def _unpublished(name: str) -> Callable[["keras.Model"], None]:
    """Returns the `load_pretrained` of a backbone that is trained from scratch."""

    def refuse(model: "keras.Model") -> None:
        raise WeightsError(
            f"{name} has no published weights. Train it from scratch: pretrained none.", argument="pretrained"
        )

    return refuse


def _build_conv13(input_size: InputSize) -> "keras.Model":
    from facekit.networks.backbones.conv13 import conv13

    return conv13(input_size)


def _build_dlib_resnet(input_size: InputSize) -> "keras.Model":
    from facekit.networks.backbones.dlib_resnet import dlib_resnet

    return dlib_resnet(input_size)


def _load_dlib_resnet(model: "keras.Model") -> None:
    from facekit.networks.backbones.dlib_resnet import load_dlib_weights

    load_dlib_weights(model)


def _build_facenet(input_size: InputSize) -> "keras.Model":
    from facekit.networks.backbones.inception_resnet_v1 import inception_resnet_v1

    return inception_resnet_v1(input_size)


def _load_facenet(model: "keras.Model") -> None:
    from facekit.networks.legacy import facenet_weights_path, load_facenet

    load_facenet(model, facenet_weights_path())


def _imagenet(name: str, smallest_size: int) -> Backbone:
    def build(input_size: InputSize) -> "keras.Model":
        from facekit.networks.backbones import imagenet

        return getattr(imagenet, name)(input_size)

    def load_pretrained(model: "keras.Model") -> None:
        from facekit.networks.backbones.imagenet import load_imagenet_weights

        load_imagenet_weights(model, name)

    return Backbone(build, load_pretrained, smallest_size)


def _mobilenet(published: str, sha256: str) -> Backbone:
    def build(input_size: InputSize) -> "keras.Model":
        from facekit.networks.backbones.mobilenet import mobilenet

        return mobilenet(input_size)

    def load_pretrained(model: "keras.Model") -> None:
        from facekit.networks.backbones.mobilenet import load_faceres

        load_faceres(model, PROJECT / "vggface_weights" / published, sha256)

    return Backbone(build, load_pretrained, smallest_size=32)


def _build_conv_blocks(input_size: InputSize) -> "keras.Model":
    from facekit.networks.backbones.conv_blocks import conv_blocks

    return conv_blocks(input_size)


BACKBONES: dict[str, Backbone] = {
    "conv_blocks": Backbone(_build_conv_blocks, _unpublished("conv_blocks"), smallest_size=16),
    "conv13": Backbone(_build_conv13, _unpublished("conv13"), smallest_size=32),
    "dlib_resnet": Backbone(_build_dlib_resnet, _load_dlib_resnet, smallest_size=103),
    "facenet": Backbone(_build_facenet, _load_facenet, smallest_size=75),
    "inception_v3": _imagenet("inception_v3", smallest_size=75),
    "mobilenet": _mobilenet("faceres-deep.json", "b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4"),
    # The same network with other weights of the same authors: a slightly worse start, but both together teach well.
    "mobilenet_faceres": _mobilenet("faceres.json", "2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b"),
    "vgg16_imagenet": _imagenet("vgg16_imagenet", smallest_size=32),
    "vggface_resnet50": _vggface("resnet50", smallest_size=197),
    # The network of the original scripts' checkpoints, with the scaling that they were trained with.
    "vggface_resnet50_wrapped": _vggface("resnet50", smallest_size=197, scaling="wrapped"),
    "vggface_senet50": _vggface("senet50", smallest_size=197),
    "vggface_vgg16": _vggface("vgg16", smallest_size=48),
}

# Backbones with the layers of another, whose weights were trained with another scaling of the pixels.
RESCALED = {"vggface_resnet50_wrapped": "vggface_resnet50"}


def same_layers(one: str, other: str) -> bool:
    """Tells whether two backbones differ in their scaling at most."""
    return RESCALED.get(one, one) == RESCALED.get(other, other)


def find_backbone(name: str, input_size: InputSize) -> Backbone:
    """Returns the backbone of a name, and checks that it can be built at this size.

    Raises:
        UnknownNameError: no such backbone.
        InputSizeError: the input is too small for it.
    """
    backbone = lookup("backbone", name, BACKBONES)
    side = min(height_and_width(input_size))
    if side < backbone.smallest_size:
        raise InputSizeError(name, backbone.smallest_size, side)
    return backbone
