"""OpenCV window: shows pictures and reads keys."""

import subprocess
import sys
from types import TracebackType
from typing import Self

import cv2

from facekit.core.errors import VideoError
from facekit.drawing.viewer import names_display
from facekit.faces.images import Picture

TITLE = "Estimates from faces"
MAX_INITIAL_SIZE = (1280, 720)  # width, height in pixels; the user may resize the window
ESCAPE_CODE, LAST_ASCII_CODE = 27, 0x7F


def has_display() -> bool:
    """Tells whether a window can be opened. Without a display OpenCV aborts, so on Linux another process tries."""
    if not sys.platform.startswith("linux"):
        return True
    if not names_display():
        return False
    trial = [sys.executable, "-c", "import cv2; cv2.namedWindow('facekit')"]
    return subprocess.run(trial, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


class Window:
    """A window that opens with the first picture, as an empty window looks broken while the network loads.

    Raises:
        VideoError: if there is no display.
    """

    def __init__(self) -> None:
        if not has_display():
            raise VideoError(
                "There is no display to show the video on. Write a file instead, e.g. an .mp4 video.", argument="output"
            )
        self._is_created = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cv2.destroyAllWindows()

    @property
    def is_open(self) -> bool:
        """True until the user closes the window."""
        try:
            return not self._is_created or bool(cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1)
        except cv2.error:  # raised by Qt after its last window was closed
            return False

    def show(self, picture: Picture) -> None:
        """Shows RGB uint8 (H, W, 3). It becomes visible when `key` is called."""
        if not self._is_created:
            self._create(picture)
        cv2.imshow(TITLE, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def key(self, seconds: float) -> str | None:
        """Waits for a key.

        Returns:
            The character in lower case, "esc" for Escape; None if no character key was pressed in time.
        """
        # `waitKey` truncates codes: the left arrow would be a Q, Home a P. The bits above 16 are modifiers.
        code = cv2.waitKeyEx(max(1, round(1000 * seconds)))
        if code < 0 or code & 0xFFFF > LAST_ASCII_CODE:
            return None
        return "esc" if code & 0xFFFF == ESCAPE_CODE else chr(code & 0xFFFF).lower()

    def _create(self, picture: Picture) -> None:
        size = picture.shape[1], picture.shape[0]
        scale = min(1.0, *(limit / side for limit, side in zip(MAX_INITIAL_SIZE, size, strict=True)))
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        width, height = (max(1, round(side * scale)) for side in size)
        cv2.resizeWindow(TITLE, width, height)
        self._is_created = True
