"""Head-up display: frame rate, state, and keys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facekit.drawing.labels import TEXT_SIZES, Colour, label_size
from facekit.drawing.photographs import Label, note_size
from facekit.drawing.placement import Size, edge_rects, least_covering
from facekit.heads.answer import Line

RED, AMBER = (255, 70, 70), (255, 190, 60)
FIGURES_SECONDS = 0.5  # time of the video for which figures stay unchanged
HELP_HINT_SECONDS = 5.0  # time for which the help key is mentioned
SPACE = "   "
NO_SIGNAL = "no signal for {} s, trying again"


@dataclass
class Hud:
    """Content of the head-up display."""

    fps: float | None = None  # frames per second that are displayed; None if unknown
    latency: float | None = None  # from a frame's capture to its display, seconds; None if unknown
    dropped: int = 0  # number of frames
    captured: int = 0  # number of frames captured by key
    recording: bool = False
    paused: bool = False
    help: bool = False  # whether the keys are listed
    seconds_lost: float = 0.0  # since the last picture of a source that is lost

    @property
    def is_lost(self) -> bool:
        return self.seconds_lost >= 1  # shorter losses are not shown

    @property
    def colour(self) -> Colour | None:
        """Colour of the edge."""
        return RED if self.recording else AMBER if self.paused or self.is_lost else None


class HudLayout:
    """Chooses text, size and corner of the head-up display from frame to frame; lists pairs of key and meaning."""

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        self._keys = keys
        self._first: float | None = None  # time of the first frame, seconds
        self._figures: list[str] = []
        self._updated = -np.inf  # time of the figures, seconds
        self._corner = 0

    def label(self, hud: Hud, time: float, size: Size, boxes: np.ndarray, words: dict[str, str]) -> Label | None:
        """Places the display where it covers least of the faces' boxes (n, 4); None if the frame is too small."""
        for lines in self._lines(hud, time, words):
            largest = note_size(size)
            for text_size in [known for known in reversed(TEXT_SIZES) if known <= largest]:
                corners = edge_rects(size, *label_size(lines, text_size, hud.colour is not None), from_top=True)
                if corners:
                    self._corner = least_covering(corners, boxes, corners[self._corner])
                    return Label(lines, text_size, corners[self._corner])
        return None

    def _lines(self, hud: Hud, time: float, words: dict[str, str]) -> Iterator[tuple[Line, ...]]:
        """Yields the full text, then shorter and shorter versions."""
        parts = [words.get(NO_SIGNAL, NO_SIGNAL).format(int(hud.seconds_lost))] if hud.is_lost else []
        parts += [words.get(word, word) for word, holds in (("REC", hud.recording), ("paused", hud.paused)) if holds]
        parts += [f"{hud.captured}{words.get(' captured', ' captured')}"] if hud.captured else []
        if not hud.is_lost:
            if not self._figures or not 0 <= time - self._updated < FIGURES_SECONDS:
                self._figures, self._updated = list(_figures(hud, words)), time
            parts += self._figures
        self._first = time if self._first is None else self._first
        if hud.help:
            keys = tuple((words.get(key, key), words.get(meaning, meaning)) for key, meaning in self._keys)
            yield (*(((SPACE.join(parts), ""),) if parts else ()), *keys)
        elif self._keys and 0 <= time - self._first < HELP_HINT_SECONDS:
            yield ((SPACE.join(parts), f"h: {words.get('help', 'help')}"),)
        for count in range(len(parts), 0, -1):
            yield ((SPACE.join(parts[:count]), ""),)


def _figures(hud: Hud, words: dict[str, str]) -> Iterator[str]:
    if hud.fps is not None:
        yield f"{hud.fps:.{0 if hud.fps >= 9.95 else 1}f}{words.get(' FPS', ' FPS')}"
    if hud.latency is not None:
        yield f"{1000 * hud.latency:.0f}{words.get(' ms', ' ms')}"
    if hud.dropped:
        yield f"{hud.dropped}{words.get(' dropped', ' dropped')}"
