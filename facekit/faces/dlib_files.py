"""Paths of dlib's model files: two of them lie here, and are in the public domain."""

import importlib.util
from pathlib import Path

from facekit.core.errors import FaceKitError
from facekit.core.lazy_imports import missing_extra


def dlib_file(name: str) -> Path:
    """Returns the path of a dlib model: shipped with facekit, or installed by the package face_recognition_models.

    Args:
        name: the file's name, as in "shape_predictor_5_face_landmarks.dat".

    Raises:
        MissingExtraError: the package is not installed.
        FaceKitError: the package lacks the file.
    """
    shipped = Path(__file__).with_name(name)
    if shipped.is_file():
        return shipped
    # The package itself is not imported: it needs pkg_resources, which setuptools no longer has.
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise missing_extra("face_recognition_models", "landmarks68")
    path = Path(spec.origin).parent / "models" / name
    if not path.is_file():
        raise FaceKitError(
            f"dlib's models come with the package face_recognition_models. Received: one without {path}. "
            "Run: pip install --force-reinstall face_recognition_models"
        )
    return path
