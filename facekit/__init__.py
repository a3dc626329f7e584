"""Estimates of age, gender and race from faces in pictures. Names load what they need when they are first used."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facekit.backbones.vggface import VGGFace, preprocess_input
    from facekit.drawing import draw_estimates
    from facekit.errors import FaceKitError
    from facekit.estimator import FaceEstimate, FaceEstimator
    from facekit.heads import AgeAnswer, ClassAnswer
    from facekit.images import read_picture
    from facekit.weights import load_network

_MODULES = {
    "AgeAnswer": "heads",
    "ClassAnswer": "heads",
    "FaceEstimate": "estimator",
    "FaceEstimator": "estimator",
    "FaceKitError": "errors",
    "VGGFace": "backbones.vggface",
    "draw_estimates": "drawing",
    "load_network": "weights",
    "preprocess_input": "backbones.vggface",
    "read_picture": "images",
}
__all__ = [
    "AgeAnswer",
    "ClassAnswer",
    "FaceEstimate",
    "FaceEstimator",
    "FaceKitError",
    "VGGFace",
    "draw_estimates",
    "load_network",
    "preprocess_input",
    "read_picture",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'facekit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"facekit.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
