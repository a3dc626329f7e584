"""OpenCV window: shows pictures and reads keys."""

import ctypes
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import cv2

from facekit.core.errors import VideoError
from facekit.drawing.viewer import names_display
from facekit.faces.images import Picture

TITLE = "Estimates from faces"
UNKNOWN_SCREEN = (1366, 728)  # width, height of a small laptop's screen without its taskbar, pixels
SCREEN_SHARE = 0.9  # of the screen that a new window takes at most; the rest is for its title and edges
GET_WORK_AREA = 0x30  # Windows' SPI_GETWORKAREA
ESCAPE_CODE, LAST_ASCII_CODE = 27, 0x7F


def work_area() -> tuple[int, int] | None:
    """Returns width and height of the screen without its panels, such as a taskbar; None without a display.

    Where the system does not tell, as on macOS, they are those of a small laptop.
    """
    if sys.platform == "win32":
        edges = (ctypes.c_long * 4)()  # left, top, right, bottom
        ctypes.windll.user32.SystemParametersInfoW(GET_WORK_AREA, 0, edges, 0)
        return (edges[2] - edges[0], edges[3] - edges[1])
    if not sys.platform.startswith("linux"):
        return UNKNOWN_SCREEN
    if not names_display():
        return None
    program = Path(__file__).with_name("x11_screen.py")
    trial = subprocess.run([sys.executable, "-P", program], capture_output=True, text=True, check=False)
    if trial.returncode:
        return None
    sides = [int(side) for side in trial.stdout.split()]
    return (sides[0], sides[1]) if sides else UNKNOWN_SCREEN


class Window(AbstractContextManager["Window"]):
    """A window that opens with the first picture, as an empty window looks broken while the network loads.

    Raises:
        VideoError: if there is no display.
    """

    def __init__(self) -> None:
        area = work_area()
        if area is None:
            raise VideoError(
                "There is no display to show the video on. Write a file instead, e.g. an .mp4 video.", argument="output"
            )
        self._area, self._is_created = area, False

    def __exit__(self, *_: object) -> None:
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
        """Returns the key that is pressed in time: a character in lower case or "esc"; None if none is."""
        # `waitKey` truncates codes: the left arrow would be a Q, Home a P. The bits above 16 are modifiers.
        code = cv2.waitKeyEx(max(1, round(1000 * seconds)))
        if code < 0 or code & 0xFFFF > LAST_ASCII_CODE:
            return None
        return "esc" if code & 0xFFFF == ESCAPE_CODE else chr(code & 0xFFFF).lower()

    def _create(self, picture: Picture) -> None:
        size = picture.shape[1], picture.shape[0]
        scale = min(1.0, *(SCREEN_SHARE * free / side for free, side in zip(self._area, size, strict=True)))
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        width, height = (max(1, round(side * scale)) for side in size)
        cv2.resizeWindow(TITLE, width, height)
        self._is_created = True
