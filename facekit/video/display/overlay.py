"""Draws a video's scenes: a box and a card for each face, and a head-up display; calm from frame to frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facekit.core.errors import lookup
from facekit.core.opencv import import_cv2
from facekit.drawing.labels import Bar, Colour, Line, plate_image
from facekit.drawing.photographs import LANGUAGES, Plate, caption_lines, draw_box, face_colour, note_plates
from facekit.drawing.placement import Place, Size, as_boxes, covered, least_covering
from facekit.faces.images import Picture
from facekit.video.display.hud import Hud, HudPlate
from facekit.video.display.hysteresis import NOTHING_YET, Shown, bars, widest_lines
from facekit.video.display.layout import Layout
from facekit.video.frames import Scene

Stamp = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # what a plate adds to a picture, and which 255ths of it stay


def _stamp(lines: tuple[Line, ...], text_size: int, size: Size, stripe: Colour | None, bars: tuple[Bar, ...]) -> Stamp:
    drawn = np.asarray(plate_image(lines, text_size, size, stripe, bars)).astype(np.uint16)
    opacity = drawn[..., 3:]
    light = (drawn[..., :3] * opacity + 127) // 255
    return light.astype(np.uint8), np.repeat(255 - opacity, 3, axis=2).astype(np.uint8)


class _Plates:
    """Draws a plate anew only when it is another than the last; so each that is to be seen has its own."""

    def __init__(self) -> None:
        self._stamp: Callable[..., Stamp] = lru_cache(maxsize=1)(_stamp)

    def draw(self, picture: Picture, plate: Plate, stripe: Colour | None = None, bars: tuple[Bar, ...] = ()) -> None:
        """Into the picture itself. By OpenCV: it lets other threads work meanwhile."""
        cv2 = import_cv2()
        left, top, right, bottom = plate.place
        light, stays = self._stamp(plate.lines, plate.text_size, (right - left, bottom - top), stripe, bars)
        part = picture[top:bottom, left:right]
        part[:] = cv2.add(cv2.multiply(part, stays, scale=1 / 255), light)


@dataclass
class _Card:
    """What is remembered of a track."""

    shown: Shown = field(default_factory=Shown)
    plates: _Plates = field(default_factory=_Plates)


class Overlay:
    """Draws one scene after the other. A card keeps its place beside its face while it can.

    Faces, cards and note depend on the scenes alone, not on the clock: a file gives the same pictures each time.

    Args:
        language: of the captions, a key of `LANGUAGES`.
        keys: key and what it does, for the list that `Hud.help` shows; English words, which are translated.

    Raises:
        UnknownNameError: no such language.
    """

    def __init__(self, language: str = "en", keys: Sequence[tuple[str, str]] = ()) -> None:
        self.language = language
        self._hud, self._hud_plates = HudPlate(keys), _Plates()
        self._hud_place: Place | None = None
        self._note_place: Place | None = None
        self._note_plates = _Plates()
        self._cards: dict[int, _Card] = {}
        self._layout = Layout()

    @property
    def language(self) -> str:
        """May be changed between frames, from another thread too."""
        return self._language

    @language.setter
    def language(self, language: str) -> None:
        lookup("language", language, LANGUAGES)
        self._language = language

    def draw(self, scene: Scene) -> Picture:
        """A new picture with boxes, cards, and the note that they are estimates; none where the display is."""
        picture, words = scene.frame.picture.copy(), LANGUAGES[self.language]
        size, boxes = (picture.shape[1], picture.shape[0]), as_boxes(face.box for face in scene.faces)
        for face in scene.faces:
            draw_box(picture, face.box, face_colour(face.track - 1))
        fixed = [self._hud_place] if self._hud_place else []
        if note := self._note(scene, size, boxes, fixed, words):
            self._note_plates.draw(picture, note)
            fixed.append(note.place)
        self._draw_cards(picture, scene, fixed, words)
        return picture

    def draw_hud(self, drawn: Picture, scene: Scene, hud: Hud) -> Picture:
        """What `draw` made of the scene, with the display over it: a new picture. From any one thread."""
        picture, size = drawn.copy(), (drawn.shape[1], drawn.shape[0])
        boxes = as_boxes(face.box for face in scene.faces)
        plate = self._hud.plate(hud, scene.frame.time, size, boxes, LANGUAGES[self.language])
        self._hud_place = plate.place if plate else None
        if plate:
            self._hud_plates.draw(picture, plate, hud.colour)
        return picture

    def _note(
        self, scene: Scene, size: Size, boxes: np.ndarray, fixed: list[Place], words: dict[str, str]
    ) -> Plate | None:
        heads = list(dict.fromkeys(name for face in scene.faces for name in face.answers))
        notes = note_plates(size, heads, words)
        notes = [note for note in notes if not covered(as_boxes([note.place]), as_boxes(fixed))[0]]
        if not notes:
            return None
        note = notes[least_covering([note.place for note in notes], boxes, self._note_place)]
        self._note_place = note.place
        return note

    def _draw_cards(self, picture: Picture, scene: Scene, fixed: list[Place], words: dict[str, str]) -> None:
        time, size = scene.frame.time, (picture.shape[1], picture.shape[0])
        self._cards = {face.track: self._cards.get(face.track) or _Card() for face in scene.faces}
        faces = {face.track: (face.box, widest_lines(face.answers, words) or NOTHING_YET) for face in scene.faces}
        placed = self._layout.place(time, size, faces, fixed)
        for face in scene.faces:
            card = self._cards[face.track]
            card.shown.follow(face.answers, time)
            if place := placed.get(face.track):
                style, answers = place.option.content, card.shown.answers
                lines = style.shorten(caption_lines(answers, words) or NOTHING_YET)
                plate = Plate(lines, style.text_size, place.place)
                card.plates.draw(picture, plate, face_colour(face.track - 1), bars(answers) if style.level == 0 else ())
