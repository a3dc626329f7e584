"""Draws scenes: a box and a card for each face, a note, and the head-up display."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import lookup
from facekit.drawing.labels import Bar, Colour, label_image
from facekit.drawing.languages import LANGUAGES
from facekit.drawing.photographs import Label, caption_lines, draw_box, face_colour, note_labels
from facekit.drawing.placement import Rect, Size, as_boxes, covered_area, least_covering
from facekit.faces.images import Picture
from facekit.heads.head import Line
from facekit.video.captions import PENDING_CAPTION, track_tag
from facekit.video.display.hud import Hud, HudLayout
from facekit.video.display.hysteresis import StableAnswers, bars, widest_lines
from facekit.video.display.layout import CardLayout
from facekit.video.frames import Scene

Stamp = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # premultiplied label, and 255 - its opacity, (H, W, 3) each


def _stamp(
    lines: tuple[Line, ...], text_size: int, size: Size, stripe: Colour | None, bars: tuple[Bar, ...], tag: str
) -> Stamp:
    drawn = np.asarray(label_image(lines, text_size, size, stripe, bars, tag)).astype(np.uint16)
    opacity = drawn[..., 3:]
    light = (drawn[..., :3] * opacity + 127) // 255
    return light.astype(np.uint8), np.repeat(255 - opacity, 3, axis=2).astype(np.uint8)


class _LabelPainter:
    """Draws one label, and renders it anew only when it changed. Each label on screen has its own painter."""

    def __init__(self) -> None:
        self._stamp: Callable[..., Stamp] = lru_cache(maxsize=1)(_stamp)

    def draw(self, picture: Picture, label: Label, stripe: Colour | None = None, bars: tuple[Bar, ...] = ()) -> None:
        """Draws into the picture itself. OpenCV releases the interpreter lock meanwhile."""
        left, top, right, bottom = label.rect
        size = (right - left, bottom - top)
        light, transparency = self._stamp(label.lines, label.text_size, size, stripe, bars, label.tag)
        part = picture[top:bottom, left:right]
        part[:] = cv2.add(cv2.multiply(part, transparency, scale=1 / 255), light)


@dataclass
class _Card:
    """State of a track's card."""

    stable: StableAnswers = field(default_factory=StableAnswers)
    painter: _LabelPainter = field(default_factory=_LabelPainter)


class Overlay:
    """Draws successive scenes. A card keeps its side of the face while that is allowed.

    Faces, cards and note depend on the scenes only, not on the clock: a file gives the same pictures each time.

    Args:
        language: of the captions, a key of `LANGUAGES`.
        keys: pairs of key and meaning in English, for the list that `Hud.help` shows; they are translated.

    Raises:
        UnknownNameError: if the language is unknown.
    """

    def __init__(self, language: str = "en", keys: Sequence[tuple[str, str]] = ()) -> None:
        self.language = language
        self._hud, self._hud_painter = HudLayout(keys), _LabelPainter()
        self._hud_box: Rect | None = None
        self._note_box: Rect | None = None
        self._note_painter = _LabelPainter()
        self._cards: dict[int, _Card] = {}
        self._layout = CardLayout()

    @property
    def language(self) -> str:
        """Language of the captions; may be set between frames, from another thread too."""
        return self._language

    @language.setter
    def language(self, language: str) -> None:
        lookup("language", language, LANGUAGES)
        self._language = language

    def draw(self, scene: Scene) -> Picture:
        """Draws boxes, cards and a note into a copy of the frame, outside the head-up display."""
        picture, words = scene.frame.picture.copy(), LANGUAGES[self.language]
        size, boxes = (picture.shape[1], picture.shape[0]), as_boxes(face.box for face in scene.faces)
        for face in scene.faces:
            draw_box(picture, face.box, face_colour(face.track - 1))
        fixed = [self._hud_box] if self._hud_box else []
        if note := self._note(scene, size, boxes, fixed, words):
            self._note_painter.draw(picture, note)
            fixed.append(note.rect)
        self._draw_cards(picture, scene, fixed, words)
        return picture

    def draw_hud(self, drawn: Picture, scene: Scene, hud: Hud) -> Picture:
        """Draws the head-up display into a copy of the drawn scene. May be called from any one thread."""
        picture, size = drawn.copy(), (drawn.shape[1], drawn.shape[0])
        boxes = as_boxes(face.box for face in scene.faces)
        label = self._hud.label(hud, scene.frame.time, size, boxes, LANGUAGES[self.language])
        self._hud_box = label.rect if label else None
        if label:
            self._hud_painter.draw(picture, label, hud.colour)
        return picture

    def _note(
        self, scene: Scene, size: Size, boxes: np.ndarray, fixed: list[Rect], words: dict[str, str]
    ) -> Label | None:
        heads = list(dict.fromkeys(name for face in scene.faces for name in face.answers))
        notes = note_labels(size, heads, words)
        notes = [note for note in notes if not covered_area(as_boxes([note.rect]), as_boxes(fixed))[0]]
        if not notes:
            return None
        note = notes[least_covering([note.rect for note in notes], boxes, self._note_box)]
        self._note_box = note.rect
        return note

    def _draw_cards(self, picture: Picture, scene: Scene, fixed: list[Rect], words: dict[str, str]) -> None:
        time, size = scene.frame.time, (picture.shape[1], picture.shape[0])
        self._cards = {face.track: self._cards.get(face.track) or _Card() for face in scene.faces}
        faces = {face.track: (face.box, widest_lines(face.answers, words) or PENDING_CAPTION) for face in scene.faces}
        placed = self._layout.place(time, size, faces, fixed)
        for face in scene.faces:
            card = self._cards[face.track]
            card.stable.update(face.answers, time)
            if found := placed.get(face.track):
                style, answers = found.option.content, card.stable.answers
                lines = style.shorten(caption_lines(answers, words) or PENDING_CAPTION)
                label = Label(lines, style.text_size, found.rect, track_tag(face.track))
                has_bars = style.level == 0
                card.painter.draw(picture, label, face_colour(face.track - 1), bars(answers) if has_bars else ())
