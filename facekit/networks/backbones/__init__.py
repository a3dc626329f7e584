"""Backbones by name: networks without their top, which take RGB 0..255 and scale it themselves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def _lazy(module: str, function: str, *fixed: Any) -> Callable[..., Any]:
    """Returns a function of a module, which is imported when the function is called: Keras takes seconds.

    Args:
        module: relative to this package, as in ".mobilenet".
        function: its name.
        fixed: arguments behind those of the call.
    """

    def call(*arguments: Any, **options: int) -> Any:
        return getattr(import_module(module, __name__), function)(*arguments, *fixed, **options)

    return call


def _from_scratch(name: str, smallest_size: int, **options: Option) -> Backbone:
    """Returns a backbone without published weights, built by the function of its name in the module of its name."""

    def refuse(model: "keras.Model") -> None:
        raise WeightsError(
            f"{name} has no published weights. Train it from scratch: pretrained none.", argument="pretrained"
        )

    return Backbone(_lazy(f".{name}", name), refuse, smallest_size, options)


def _imagenet(name: str, smallest_size: int) -> Backbone:
    return Backbone(_lazy(".imagenet", name), _lazy(".imagenet", "load_imagenet_weights", name), smallest_size)


def _mobilenet(published: str, sha256: str) -> Backbone:
    path = PROJECT / "vggface_weights" / published
    return Backbone(
        _lazy(".mobilenet", "mobilenet"), _lazy(".mobilenet", "load_faceres", path, sha256), smallest_size=32
    )


def _vggface(variant: str, smallest_size: int, scaling: str = "mean") -> Backbone:
    build = _lazy(".vggface", "vggface_backbone", variant, scaling)
    return Backbone(build, _lazy("..legacy", "load_released_vggface", variant), smallest_size)


_WIDE_RESNET = _from_scratch("wide_resnet", smallest_size=32, depth=Option(16, smallest=10, step=6), width=Option(8))
BACKBONES: dict[str, Backbone] = {
    "conv_blocks": _from_scratch("conv_blocks", smallest_size=16),
    "conv13": _from_scratch("conv13", smallest_size=32),
    "dlib_resnet": Backbone(
        _lazy(".dlib_resnet", "dlib_resnet"), _lazy(".dlib_resnet", "load_dlib_weights"), smallest_size=103
    ),
    "facenet": Backbone(
        _lazy(".inception_resnet_v1", "inception_resnet_v1"), _lazy("..legacy", "load_facenet"), smallest_size=75
    ),
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
    "wide_resnet": _WIDE_RESNET,
    # The network of age-gender-estimation's checkpoints, whose pixels were not scaled.
    "wide_resnet_raw": replace(_WIDE_RESNET, build=_lazy(".wide_resnet", "wide_resnet", True)),
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
