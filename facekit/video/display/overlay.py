"""Draws scenes: a box and a card for each face, a note, and the head-up display."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import lookup
from facekit.drawing.labels import Bar, Colour, label_image
from facekit.drawing.languages import LANGUAGES
from facekit.drawing.photographs import Label, draw_box, face_colour, note_labels
from facekit.drawing.placement import Rect, Size, as_boxes, covered_area, least_covering
from facekit.faces.images import Picture
from facekit.heads.answer import Line
from facekit.video.display.cards import Cards
from facekit.video.display.hud import Hud, HudLayout
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


class Overlay:
    """Draws successive scenes. A card keeps its side of the face while that is allowed.

    Faces, cards and note depend on the scenes only, not on the clock: a file gives the same pictures each time.

    Args:
        language: of the captions, a key of `LANGUAGES`; may be set between frames, from another thread too.
        keys: pairs of key and meaning in English, for the list that `Hud.help` shows; they are translated.
    """

    def __init__(self, language: str = "en", keys: Sequence[tuple[str, str]] = ()) -> None:
        lookup("language", language, LANGUAGES)
        self.language = language
        self._hud, self._hud_painter, self._note_painter = HudLayout(keys), _LabelPainter(), _LabelPainter()
        self._hud_box: Rect | None = None
        self._note_box: Rect | None = None
        self._cards, self._card_painters = Cards(), dict[int, _LabelPainter]()

    def draw(self, scene: Scene) -> Picture:
        """Draws boxes, cards and a note into a copy of the frame, outside the head-up display."""
        picture, words = scene.frame.picture.copy(), LANGUAGES[self.language]
        for face in scene.faces:
            draw_box(picture, face.box, face_colour(face.track - 1))
        fixed = [self._hud_box] if self._hud_box else []
        if note := self._note(scene, fixed, words):
            self._note_painter.draw(picture, note)
            fixed.append(note.rect)
        painters = self._card_painters
        self._card_painters = {face.track: painters.get(face.track) or _LabelPainter() for face in scene.faces}
        for track, label, bars in self._cards.place(scene, fixed, words):
            self._card_painters[track].draw(picture, label, face_colour(track - 1), bars)
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

    def _note(self, scene: Scene, fixed: list[Rect], words: dict[str, str]) -> Label | None:
        """Places the note that says what was estimated; None if nothing was, or if there is no room."""
        height, width = scene.frame.picture.shape[:2]
        heads = list(dict.fromkeys(name for face in scene.faces for name in face.answers))
        notes = [
            note
            for note in note_labels((width, height), heads, words)
            if not covered_area(as_boxes([note.rect]), as_boxes(fixed))[0]
        ]
        if not notes:
            return None
        boxes = as_boxes(face.box for face in scene.faces)
        note = notes[least_covering([note.rect for note in notes], boxes, self._note_box)]
        self._note_box = note.rect
        return note
