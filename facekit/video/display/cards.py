"""The faces' cards: texts that change only when the estimates differ enough, at places that stay while allowed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from facekit.drawing.labels import TEXT_SIZES, Bar, label_gap, label_size
from facekit.drawing.photographs import Label, attempts, caption_lines, shorter, text_limits
from facekit.drawing.placement import Option, Placement, Rect, Size, as_boxes, best_placement, placement_costs
from facekit.heads import Answer
from facekit.heads.answer import Line
from facekit.video.frames import Scene

PENDING_CAPTION: tuple[Line, ...] = (("…", ""),)  # of a face without estimates
MINIMUM_SECONDS = 0.3  # time for which a text stays unchanged
RETRY_SECONDS = 0.5  # time of the video after which a card with a poor position is placed anew
MINIMUM_GAIN = 1.0  # reduction of cost that justifies another position
MAXIMUM_COST_INCREASE = 2.0  # increase of cost up to which a card stays: 7 % of the face hidden


def track_tag(track: int) -> str:
    """Returns a track's number as it is drawn."""
    return f"#{track}"


@dataclass
class StableAnswers:
    """The displayed answers, which follow the estimates with hysteresis."""

    answers: dict[str, Answer] = field(default_factory=dict)  # by head, rounded as displayed
    changed: float = 0.0  # time of the last change, seconds of the video

    def update(self, answers: Mapping[str, Answer], time: float) -> None:
        """Takes over answers that changed enough, unless the last change was too recent."""
        if answers.keys() == self.answers.keys() and 0 <= time - self.changed < MINIMUM_SECONDS:
            return
        stable = {name: answer.settled(self.answers.get(name)) for name, answer in answers.items()}
        if stable != self.answers:
            self.answers, self.changed = stable, time


class Cards:
    """Places the cards of successive scenes."""

    def __init__(self) -> None:
        self._cards: dict[int, _Card] = {}

    def place(
        self, scene: Scene, fixed: Sequence[Rect], words: dict[str, str]
    ) -> Iterator[tuple[int, Label, tuple[Bar, ...]]]:
        """Places cards inside the frame: never on another face's box, another card, or a fixed box.

        Yields:
            Track, card and bars of each face whose card found room.
        """
        time, (height, width) = scene.frame.time, scene.frame.picture.shape[:2]
        faces = sorted(scene.faces, key=lambda face: face.track)  # the oldest first
        self._cards = {face.track: self._cards.get(face.track) or _Card(face.track) for face in faces}
        boxes = as_boxes(face.box for face in faces)
        for index, (face, card) in enumerate(zip(faces, self._cards.values(), strict=True)):
            card.stable.update(face.answers, time)
            others = np.delete(boxes, index, axis=0)
            card.set_face((width, height), boxes[index], others, _widest_lines(face.answers, words))
        placed: dict[int, Rect] = {}
        for keeps in (True, False):  # first the cards that can keep their position
            for track, card in self._cards.items():
                if track not in placed:
                    occupied = as_boxes([*fixed, *placed.values()])
                    if found := card.keep(occupied) if keeps else card.move(occupied, time):
                        placed[track] = found.rect
        self._improve_one(time, fixed)
        for track, card in self._cards.items():
            if card.placed:
                yield track, *card.drawn(card.placed, words)

    def _improve_one(self, time: float, fixed: Sequence[Rect]) -> None:
        """Improves one card per frame, which bounds the time per frame in a crowd."""
        cards = self._cards.values()
        waiting = [each for each in cards if each.cost > MINIMUM_GAIN and abs(time - each.tried) >= RETRY_SECONDS]
        if waiting:
            card = min(waiting, key=lambda each: each.tried)
            occupied = [other.placed.rect for other in cards if other.placed and other is not card]
            card.improve(as_boxes([*fixed, *occupied]), time)


class _Style(NamedTuple):
    level: int  # 0 with bars, 1 without, 2 without details, from 3 on with one line less each
    text_size: int  # pixels

    def shorten(self, lines: tuple[Line, ...]) -> tuple[Line, ...]:
        """Returns the lines that this level keeps."""
        return [lines, *shorter(lines)][self.level]


class _Card:
    """Text, position and style of one card."""

    def __init__(self, track: int) -> None:
        self.stable = StableAnswers()
        self.placed: Placement[_Style] | None = None
        self.tried = -np.inf  # time of the last search for a better position, seconds of the video
        self._tag = track_tag(track)
        self._widest: tuple[Line, ...] = ()
        self._wanted = self._smallest = 0  # text sizes

    @property
    def cost(self) -> float:
        return self.placed.cost if self.placed else np.inf

    def drawn(self, placed: Placement[_Style], words: dict[str, str]) -> tuple[Label, tuple[Bar, ...]]:
        style, answers = placed.option.content, self.stable.answers
        lines = style.shorten(caption_lines(answers, words) or PENDING_CAPTION)
        bars = tuple(tuple(answer.bar()) for answer in answers.values()) if style.level == 0 else ()
        return Label(lines, style.text_size, placed.rect, self._tag), bars

    def set_face(self, size: Size, own: np.ndarray, others: np.ndarray, widest: tuple[Line, ...]) -> None:
        """Sets the current boxes. The text size stays until the ideal one is two steps away."""
        self._size, self._own, self._others = size, own, others
        smallest, wanted = text_limits(size, own)
        steps = abs(TEXT_SIZES.index(wanted) - TEXT_SIZES.index(self._wanted)) if self._wanted else 2
        if steps < 2 and smallest <= self._wanted:
            wanted = self._wanted
        self._is_new = (widest, wanted, smallest) != (self._widest, self._wanted, self._smallest)
        self._widest, self._wanted, self._smallest = widest, wanted, smallest

    def keep(self, occupied: np.ndarray) -> Placement[_Style] | None:
        """Keeps the card at its side of the face; None if that is no longer allowed."""
        if self._is_new or not self.placed:
            return None
        candidates, costs = placement_costs(self._size, self._own, self._others, occupied, self.placed.option)
        if costs[self.placed.position] > self.placed.cost + MAXIMUM_COST_INCREASE:
            return None
        left, top, right, bottom = candidates[self.placed.position].tolist()
        self.placed = replace(self.placed, rect=(left, top, right, bottom))
        return self.placed

    def move(self, occupied: np.ndarray, time: float) -> Placement[_Style] | None:
        """Finds the best position for a card that lost its own. A card without one waits for `improve`."""
        if self.placed or self._is_new:
            self.placed = self._best(occupied, with_distance=True) or self._best(occupied, with_distance=False)
            self.tried = time
        return self.placed

    def improve(self, occupied: np.ndarray, time: float) -> None:
        """Moves the card if another position is much better."""
        best = self._best(occupied, with_distance=True)
        if best and best.cost + MINIMUM_GAIN < self.cost:
            self.placed = best
        self.tried = time

    def _best(self, occupied: np.ndarray, with_distance: bool) -> Placement[_Style] | None:
        """Finds the best position; with some distance to other faces, it remains allowed when they move a little."""
        distance = with_distance * label_gap(self._wanted) * np.array([-1, -1, 1, 1])
        preferred = self.placed.position if self.placed else None
        return best_placement(self._size, self._own, self._others + distance, occupied, self._options(), preferred)

    def _options(self) -> Iterator[Option[_Style]]:
        for penalty, level, text_size in attempts(2 + len(self._widest), self._smallest, self._wanted):
            if level == 0 and self._widest == PENDING_CAPTION:
                continue
            style = _Style(level, text_size)
            lines = style.shorten(self._widest)
            extent = label_size(lines, text_size, has_stripe=True, has_bars=level == 0, tag=self._tag)
            yield Option(penalty, style, extent, label_gap(text_size))


def _widest_lines(answers: Mapping[str, Answer], words: dict[str, str]) -> tuple[Line, ...]:
    """Returns the widest possible text of each line, so that a card keeps its size whatever it says."""
    lines = (
        [caption_lines({name: candidate}, words)[0] for candidate in answer.widest()]
        for name, answer in answers.items()
    )
    widest = (max(each, key=lambda line: label_size((line,), 40, has_stripe=False)[0]) for each in lines)
    return tuple(widest) or PENDING_CAPTION
