"""Opens pictures in the system's viewer."""

import os
import sys
from pathlib import Path

from PIL import Image, ImageShow


def names_display() -> bool:
    """Tells whether the system names a display for windows: on Linux it may not, others always have one."""
    has_name = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or bool(has_name)


def missing_viewer() -> str | None:
    """Says what is missing to show pictures; None if nothing is."""
    if not names_display():
        return "There is no display"
    if not ImageShow._viewers:  # Pillow's list of the programs that it found
        return "There is no program that opens pictures, such as xdg-open of xdg-utils"
    return None


def show_picture(path: Path) -> None:
    """Opens a picture file in the system's viewer, without waiting for it."""
    with Image.open(path) as image:
        image.show(title=path.name)
