"""OpenCV, which photographs do without: imported late, and kept quiet."""

import os
import subprocess
import sys
from functools import cache
from typing import Any

from facekit.core.errors import FaceKitError
from facekit.core.files import PROJECT


def import_cv2() -> Any:
    """The module cv2.

    Raises:
        FaceKitError: it is not installed, or lacks a library of the system.
    """
    # Both write to the terminal what they think of a damaged file or a missing camera; our one line says it better.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise FaceKitError("OpenCV is not installed. Run: pip install opencv-python") from error
    except ImportError as error:
        raise FaceKitError(
            f"OpenCV does not load: {error}. On Debian and Ubuntu, run: apt-get install libgl1 libglib2.0-0"
        ) from error
    _quieten(cv2)
    return cv2


@cache
def _quieten(cv2: Any) -> None:
    """Once: a video's threads ask for the module for each picture, and must not write to the environment together."""
    # Its windows look for a font where there is none, and say so at length.
    os.environ["QT_QPA_FONTDIR"] = str(PROJECT / "fonts")
    # Not by its environment variable: Keras may have imported it before.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def has_display() -> bool:
    """Whether a window can be opened. Where it cannot, OpenCV aborts the process, so on Linux another one tries."""
    if not sys.platform.startswith("linux"):
        return True
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    trial = [sys.executable, "-c", "import cv2; cv2.namedWindow('facekit')"]
    return subprocess.run(trial, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
