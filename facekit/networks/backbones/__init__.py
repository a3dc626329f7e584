"""Backbones by name: networks without their top, which take RGB 0..255 and scale it themselves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from facekit.core.errors import InputSizeError, UsageError, WeightsError, lookup
from facekit.core.files import PROJECT
from facekit.faces.batch import InputSize, height_and_width

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Option:
    """A whole number that a backbone is built with: `smallest`, or more in steps of `step`."""

    default: int
    smallest: int = 1
    step: int = 1

    def __str__(self) -> str:
        numbers = ", ".join(str(self.smallest + n * self.step) for n in range(3))
        return f"one of {numbers} and so on"

    def allows(self, value: object) -> bool:
        return type(value) is int and value >= self.smallest and (value - self.smallest) % self.step == 0


@dataclass(frozen=True)
class Backbone:
    """A backbone in the registry.

    Args:
        build: side of a square input or (height, width), pixels, and options by name -> model with random weights, from
            `picture` (n, H, W, 3) RGB 0..255 to features (n, F), which its last layer pools.
        load_pretrained: fills the model's layers with the published weights.
        smallest_size: smallest height and width of the input, pixels.
        options: name -> what `build` takes under this name.
    """

    build: Callable[..., "keras.Model"]
    load_pretrained: Callable[["keras.Model"], None]
    smallest_size: int
    options: Mapping[str, Option] = field(default_factory=dict)


def _vggface(variant: str, smallest_size: int, scaling: str = "mean") -> Backbone:
    def build(input_size: InputSize) -> "keras.Model":
        from facekit.networks.backbones.vggface import vggface_backbone

        return vggface_backbone(variant, input_size, scaling)

    def load_pretrained(model: "keras.Model") -> None:
        from facekit.networks.legacy import load_vggface, vggface_weights_path

        load_vggface(model, vggface_weights_path(variant, include_top=False))

    return Backbone(build, load_pretrained, smallest_size)


def _build_dlib_resnet(input_size: InputSize) -> "keras.Model":
    from facekit.networks.backbones.dlib_resnet import dlib_resnet

    return dlib_resnet(input_size)


def _load_dlib_resnet(model: "keras.Model") -> None:
    from facekit.networks.backbones.dlib_resnet import load_dlib_weights

    load_dlib_weights(model)


def _mobilenet(published: str, sha256: str) -> Backbone:
    def build(input_size: InputSize) -> "keras.Model":
        from facekit.networks.backbones.mobilenet import mobilenet

        return mobilenet(input_size)

    def load_pretrained(model: "keras.Model") -> None:
        from facekit.networks.backbones.mobilenet import load_faceres

        load_faceres(model, PROJECT / "vggface_weights" / published, sha256)

    return Backbone(build, load_pretrained, smallest_size=32)


def _wide_resnet(raw: bool) -> Backbone:
    def build(input_size: InputSize, **options: int) -> "keras.Model":
        from facekit.networks.backbones.wide_resnet import wide_resnet

        return wide_resnet(input_size, **options, raw=raw)

    options = {"depth": Option(16, smallest=10, step=6), "width": Option(8)}
    return Backbone(build, partial(_refuse_published, "wide_resnet"), smallest_size=32, options=options)


def _refuse_published(backbone: str, model: "keras.Model") -> None:
    raise WeightsError(
        f"There are no published weights of {backbone}. Start from random ones, pretrained none, or from a file.",
        argument="pretrained",
    )


BACKBONES: dict[str, Backbone] = {
    "dlib_resnet": Backbone(_build_dlib_resnet, _load_dlib_resnet, smallest_size=103),
    "mobilenet": _mobilenet("faceres-deep.json", "b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4"),
    # The same network with other weights of the same authors: a slightly worse start, but both together teach well.
    "mobilenet_faceres": _mobilenet("faceres.json", "2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b"),
    "vggface_resnet50": _vggface("resnet50", smallest_size=197),
    # The network of the original scripts' checkpoints, with the scaling that they were trained with.
    "vggface_resnet50_wrapped": _vggface("resnet50", smallest_size=197, scaling="wrapped"),
    "vggface_senet50": _vggface("senet50", smallest_size=197),
    "vggface_vgg16": _vggface("vgg16", smallest_size=48),
    "wide_resnet": _wide_resnet(raw=False),
    # The network of age-gender-estimation's checkpoints, whose pixels were not scaled.
    "wide_resnet_raw": _wide_resnet(raw=True),
}

# Backbones with the layers of another, whose weights were trained with another scaling of the pixels.
RESCALED = {"vggface_resnet50_wrapped": "vggface_resnet50", "wide_resnet_raw": "wide_resnet"}


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


def changed_options(name: str, options: Mapping[str, int]) -> dict[str, int]:
    """Returns the options of a backbone that differ from its defaults.

    Raises:
        UnknownNameError: no such backbone.
        UsageError: the backbone has no such option, or its value is impossible.
    """
    known = lookup("backbone", name, BACKBONES).options
    for option, value in options.items():
        if option not in known:
            raise UsageError(f"The backbone {name} has no {option}. Received: {value}. Leave it out.", argument=option)
        if not known[option].allows(value):
            raise UsageError(f"The {option} of {name} must be {known[option]}. Received: {value}.", argument=option)
    return {option: value for option, value in options.items() if value != known[option].default}
