"""Estimates of age, gender and race from faces in pictures. Names load what they need when they are first used."""

import importlib
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facekit.core.errors import FaceKitError
    from facekit.drawing.photographs import draw_estimates
    from facekit.estimates import FaceEstimate
    from facekit.estimator import FaceEstimator
    from facekit.faces.images import read_picture
    from facekit.heads import AgeAnswer, ClassAnswer, NumberAnswer
    from facekit.networks.backbones.vggface import VGGFace, preprocess_input
    from facekit.networks.weights import load_network

_MODULES = {
    "AgeAnswer": "heads",
    "ClassAnswer": "heads",
    "FaceEstimate": "estimates",
    "FaceEstimator": "estimator",
    "FaceKitError": "core.errors",
    "NumberAnswer": "heads",
    "VGGFace": "networks.backbones.vggface",
    "draw_estimates": "drawing.photographs",
    "load_network": "networks.weights",
    "preprocess_input": "networks.backbones.vggface",
    "read_picture": "faces.images",
}
_NEED_KERAS = {"VGGFace", "load_network", "preprocess_input"}
__all__ = [
    "AgeAnswer",
    "ClassAnswer",
    "FaceEstimate",
    "FaceEstimator",
    "FaceKitError",
    "NumberAnswer",
    "VGGFace",
    "draw_estimates",
    "load_network",
    "preprocess_input",
    "read_picture",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'facekit' has no attribute {name!r}")
    from facekit.core.lazy_imports import from_extra

    with from_extra("train") if name in _NEED_KERAS else nullcontext():
        return getattr(importlib.import_module(f"facekit.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
