"""The head-up display: how fast the picture is, what goes on, and which keys there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facekit.drawing.labels import TEXT_SIZES, Colour, Line, plate_size
from facekit.drawing.photographs import Plate, note_size
from facekit.drawing.placement import Size, edges, least_covering

RED, AMBER = (255, 70, 70), (255, 190, 60)
CALM = 0.5  # seconds of the video for which figures stay
HINT = 5.0  # seconds for which it is said that there is help
SPACE = "   "


@dataclass(frozen=True)
class Hud:
    """What the display tells.

    Args:
        fps: frames per second that are shown; None while it is not known.
        latency: from a frame's capture until it is shown, seconds; None while it is not known.
        dropped: how many frames were left out.
        captured: how many frames were captured by hand.
        recording: whether a video is being written.
        paused: whether the picture stands still.
        help: whether the keys are listed.
    """

    fps: float | None = None
    latency: float | None = None
    dropped: int = 0
    captured: int = 0
    recording: bool = False
    paused: bool = False
    help: bool = False

    @property
    def colour(self) -> Colour | None:
        """Of the plate's edge."""
        return RED if self.recording else AMBER if self.paused else None


class HudPlate:
    """Where the display is and what it says, from frame to frame.

    Args:
        keys: key and what it does, for the list.
    """

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        self._keys = keys
        self._first: float | None = None
        self._figures: tuple[float, list[str]] = (-np.inf, [])
        self._corner = 0

    def plate(self, hud: Hud, time: float, size: Size, boxes: np.ndarray, words: dict[str, str]) -> Plate | None:
        """Where it covers least of the faces' boxes (n, 4); None where the picture is too small for it."""
        for lines in self._lines(hud, time, words):
            largest = note_size(size)
            for text_size in [known for known in reversed(TEXT_SIZES) if known <= largest]:
                places = edges(size, *plate_size(lines, text_size, hud.colour is not None), from_top=True)
                if places:
                    self._corner = least_covering(places, boxes, places[self._corner])
                    return Plate(lines, text_size, places[self._corner])
        return None

    def _lines(self, hud: Hud, time: float, words: dict[str, str]) -> Iterator[tuple[Line, ...]]:
        """What is to be said, then ever less of it."""
        parts = [words.get(word, word) for word, holds in (("REC", hud.recording), ("paused", hud.paused)) if holds]
        parts += [f"{hud.captured}{words.get(' captured', ' captured')}"] if hud.captured else []
        parts += self._calm_figures(hud, time, words)
        if hud.help:
            keys = tuple((words.get(key, key), words.get(meaning, meaning)) for key, meaning in self._keys)
            yield (*(((SPACE.join(parts), ""),) if parts else ()), *keys)
        elif self._keys and 0 <= time - self._first_time(time) < HINT:
            yield ((SPACE.join(parts), f"h: {words.get('help', 'help')}"),)
        for count in range(len(parts), 0, -1):
            yield ((SPACE.join(parts[:count]), ""),)

    def _first_time(self, time: float) -> float:
        if self._first is None:
            self._first = time
        return self._first

    def _calm_figures(self, hud: Hud, time: float, words: dict[str, str]) -> list[str]:
        since, figures = self._figures
        if not figures or not 0 <= time - since < CALM:
            figures = list(_figures(hud, words))
            self._figures = time, figures
        return figures


def _figures(hud: Hud, words: dict[str, str]) -> Iterator[str]:
    if hud.fps is not None:
        yield f"{hud.fps:.{0 if hud.fps >= 9.95 else 1}f}{words.get(' FPS', ' FPS')}"
    if hud.latency is not None:
        yield f"{1000 * hud.latency:.0f}{words.get(' ms', ' ms')}"
    if hud.dropped:
        yield f"{hud.dropped}{words.get(' dropped', ' dropped')}"
