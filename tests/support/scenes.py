"""Scenes for tests, and a record of the labels drawn into them."""

from typing import Any

import numpy as np
import pytest

from facekit.drawing.photographs import FACE_COLOURS, Label
from facekit.heads import AgeAnswer, Answer, ClassAnswer
from facekit.video.display import overlay
from facekit.video.display.hud import Hud
from facekit.video.display.overlay import Overlay
from facekit.video.frames import Frame, Scene, TrackedFace

Box = tuple[int, int, int, int]
KEYS = [("Q, Esc", "leave"), ("Space", "capture"), ("p", "pause"), ("r", "record"), ("l", "language"), ("h", "help")]
RACES = ("White", "Black", "Asian", "Indian", "Others")


def answers(years: float = 34.2, female: float = 0.98, asian: float = 0.84) -> dict[str, Answer]:
    race = {name: asian if name == "Asian" else (1 - asian) / 4 for name in RACES}
    gender = {"Male": 1 - female, "Female": female}
    label = "Female" if female > 0.5 else "Male"
    return {
        "age": AgeAnswer(years, years - 7, years + 8),
        "gender": ClassAnswer(label, gender[label], gender),
        "race": ClassAnswer("Asian", asian, race),
    }


def scene(picture: np.ndarray, boxes: dict[int, Box], number: int = 0, said: Any = None) -> Scene:
    """Makes a scene from track -> box, at 30 frames per second."""
    said = answers() if said is None else said
    faces = (TrackedFace(track, box, said, 1) for track, box in sorted(boxes.items(), key=lambda face: face[1]))
    return Scene(Frame(number, number / 30, picture, 0.0), tuple(faces))


def show(to: Overlay, now: Scene, hud: Hud | None) -> np.ndarray:
    """Draws a scene as written to files, after the head-up display was drawn over the previous frame."""
    if hud:
        to.draw_hud(now.frame.picture, now, hud)
    return to.draw(now)


def blank(width: int = 640, height: int = 480, grey: int = 128) -> np.ndarray:
    return np.full((height, width, 3), grey, np.uint8)


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def overlap(one: Box, other: Box) -> int:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, width) * max(0, height)


class Drawn(list[tuple[Label, Any, Any]]):
    """Labels drawn since the last `take`: label, colour of its stripe, bars."""

    def take(self) -> tuple[list[Label], dict[Any, Label]]:
        """Returns and clears the labels without a stripe, and the cards by their colour."""
        fixed = [label for label, stripe, _ in self if stripe is None]
        cards = {stripe: label for label, stripe, _ in self if stripe is not None}
        self.clear()
        return fixed, cards


def texts(label: Label) -> list[str]:
    return [f"{text} {detail}".strip() for text, detail in label.lines]


def colour(track: int) -> tuple[int, int, int]:
    return FACE_COLOURS[track - 1]


class Walk:
    """Boxes that move through a frame, cross each other, and bounce off its edges."""

    def __init__(
        self, count: int, size: tuple[int, int], sides: tuple[int, int], seed: int, speed: float = 3.0
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._side = self._random.integers(*sides, count)
        self._limits = np.array(size) - self._side[:, None]
        self._at = self._random.uniform(0, 1, (count, 2)) * self._limits
        self._speed = self._random.uniform(-speed, speed, (count, 2))

    def step(self) -> dict[int, Box]:
        self._at += self._speed
        self._speed[(self._at < 0) | (self._at > self._limits)] *= -1
        self._at = np.clip(self._at, 0, self._limits)
        starts = self._at.astype(int).tolist()
        return {
            track: (x, y, x + side, y + side)
            for track, ((x, y), side) in enumerate(zip(starts, self._side.tolist(), strict=True), start=1)
        }


def record_labels(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """Records the labels that are drawn from now on."""
    labels = Drawn()
    draw = overlay._LabelPainter.draw

    def record(self: Any, picture: np.ndarray, label: Label, stripe: Any = None, bars: Any = ()) -> None:
        labels.append((label, stripe, bars))
        draw(self, picture, label, stripe, bars)

    monkeypatch.setattr(overlay._LabelPainter, "draw", record)
    return labels
