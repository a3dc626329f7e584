"""The window: shows frames, and hands on the keys that are pressed in it."""

from types import TracebackType
from typing import Any, Self

from facekit.core.errors import VideoError
from facekit.core.opencv import has_display, import_cv2
from facekit.faces.images import Picture

TITLE = "Estimates from faces"
LARGEST = (1280, 720)  # width, height in pixels, at first; it can be resized
ESCAPE, LAST_SIGN = 27, 0x7F  # codes of keys


class Window:
    """A window, which opens with the first picture: an empty one looks broken while the network loads.

    Raises:
        VideoError: there is no display.
    """

    def __init__(self) -> None:
        if not has_display():
            raise VideoError(
                "There is no display to show the video on. Name what to write instead, e.g. --output FILE.mp4."
            )
        self._cv2 = import_cv2()
        self._is_made = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cv2.destroyAllWindows()

    @property
    def is_open(self) -> bool:
        """Whether it is there still; closing it by its button is noticed here."""
        try:
            return not self._is_made or bool(self._cv2.getWindowProperty(TITLE, self._cv2.WND_PROP_VISIBLE) >= 1)
        except self._cv2.error:  # Qt's answer once its last window was closed
            return False

    def show(self, picture: Picture) -> None:
        """Shows RGB uint8 (H, W, 3). It is seen once `key` is called."""
        if not self._is_made:
            self._make(picture)
        self._cv2.imshow(TITLE, self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2BGR))

    def key(self, seconds: float) -> str | None:
        """The key that is pressed, in lower case ("esc" for Escape); None if no letter or sign is for so long."""
        # Not `waitKey`, which cuts codes short: the left arrow would be a Q, Home a P. Above 16 bits: Shift and such.
        code: int = self._cv2.waitKeyEx(max(1, round(1000 * seconds)))
        if code < 0 or code & 0xFFFF > LAST_SIGN:
            return None
        return "esc" if code & 0xFFFF == ESCAPE else chr(code & 0xFFFF).lower()

    def _make(self, picture: Picture) -> None:
        cv2: Any = self._cv2
        size = picture.shape[1], picture.shape[0]
        scale = min(1.0, *(most / side for most, side in zip(LARGEST, size, strict=True)))
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(TITLE, *(max(1, round(side * scale)) for side in size))
        self._is_made = True
