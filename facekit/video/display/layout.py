"""Layout of the faces' cards: each card keeps its side of the face as long as that is allowed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facekit.drawing.labels import TEXT_SIZES, label_gap, label_size
from facekit.drawing.photographs import attempts, shorter, text_limits
from facekit.drawing.placement import Option, Placement, Rect, Size, as_boxes, best_placement, placement_costs
from facekit.faces.detectors import Box
from facekit.heads.head import Line
from facekit.video.captions import PENDING_CAPTION, track_tag

RETRY_SECONDS = 0.5  # time of the video after which a card with a poor position is placed anew
MINIMUM_GAIN = 1.0  # reduction of cost that justifies another position
MAXIMUM_COST_INCREASE = 2.0  # increase of cost up to which a card stays: 7 % of the face hidden


@dataclass(frozen=True)
class CardStyle:
    """Style of a card.

    Args:
        level: 0 with bars, 1 without, 2 without details, from 3 on with one line less each.
        text_size: pixels.
    """

    level: int
    text_size: int

    def shorten(self, lines: tuple[Line, ...]) -> tuple[Line, ...]:
        """Returns the lines that this level keeps."""
        return [lines, *shorter(lines)][self.level]


class CardLayout:
    """Places the cards of successive frames."""

    def __init__(self) -> None:
        self._positions: dict[int, _CardPosition] = {}

    def place(
        self, time: float, size: Size, faces: Mapping[int, tuple[Box, tuple[Line, ...]]], fixed: Sequence[Rect]
    ) -> dict[int, Placement[CardStyle]]:
        """Places cards inside the frame: never on another face's box, another card, or a fixed box.

        Args:
            time: of the frame, seconds.
            size: width and height of the frame, pixels.
            faces: track -> its box, and the widest text of each line.
            fixed: boxes that cards must not cover.

        Returns:
            Track -> card, for those that found room.
        """
        self._positions = {track: self._positions.get(track) or _CardPosition(track) for track in sorted(faces)}
        boxes = as_boxes(box for box, _ in faces.values())
        others = {track: np.delete(boxes, index, axis=0) for index, track in enumerate(faces)}
        for track, position in self._positions.items():
            position.set_face(size, boxes[list(faces).index(track)], others[track], faces[track][1])
        placed: dict[int, Rect] = {}
        for keeps in (True, False):  # first the cards that can keep their position, the oldest tracks first
            for track, position in self._positions.items():
                if track not in placed:
                    occupied = as_boxes([*fixed, *placed.values()])
                    if found := position.keep(occupied) if keeps else position.move(occupied, time):
                        placed[track] = found.rect
        self._improve_one(time, fixed)
        return {track: position.placed for track, position in self._positions.items() if position.placed}

    def _improve_one(self, time: float, fixed: Sequence[Rect]) -> None:
        """Improves one card per frame, which bounds the time per frame in a crowd."""
        positions = self._positions.values()
        waiting = [each for each in positions if each.cost > MINIMUM_GAIN and abs(time - each.tried) >= RETRY_SECONDS]
        if waiting:
            position = min(waiting, key=lambda each: each.tried)
            occupied = [other.placed.rect for other in positions if other.placed and other is not position]
            position.improve(as_boxes([*fixed, *occupied]), time)


class _CardPosition:
    """Position and style of one card."""

    def __init__(self, track: int) -> None:
        self._tag = track_tag(track)
        self.placed: Placement[CardStyle] | None = None
        self.tried = -np.inf  # time of the last search for a better position, seconds of the video
        self._widest: tuple[Line, ...] = ()
        self._wanted = self._smallest = 0  # text sizes

    @property
    def cost(self) -> float:
        return self.placed.cost if self.placed else np.inf

    def set_face(self, size: Size, own: np.ndarray, others: np.ndarray, widest: tuple[Line, ...]) -> None:
        """Sets the current boxes. The text size stays until the ideal one is two steps away."""
        self._size, self._own, self._others = size, own, others
        smallest, wanted = text_limits(size, own)
        steps = abs(TEXT_SIZES.index(wanted) - TEXT_SIZES.index(self._wanted)) if self._wanted else 2
        if steps < 2 and smallest <= self._wanted:
            wanted = self._wanted
        self._is_new = (widest, wanted, smallest) != (self._widest, self._wanted, self._smallest)
        self._widest, self._wanted, self._smallest = widest, wanted, smallest

    def keep(self, occupied: np.ndarray) -> Placement[CardStyle] | None:
        """Keeps the card at its side of the face; None if that is no longer allowed."""
        if self._is_new or not self.placed:
            return None
        candidates, costs = placement_costs(self._size, self._own, self._others, occupied, self.placed.option)
        if costs[self.placed.position] > self.placed.cost + MAXIMUM_COST_INCREASE:
            return None
        left, top, right, bottom = candidates[self.placed.position].tolist()
        self.placed = replace(self.placed, rect=(left, top, right, bottom))
        return self.placed

    def move(self, occupied: np.ndarray, time: float) -> Placement[CardStyle] | None:
        """Finds the best position for a card that lost its own. A card without one waits for `improve`."""
        if self.placed or self._is_new:
            preferred = self.placed.position if self.placed else None
            self.placed = self._best(occupied, preferred, with_distance=True) or self._best(
                occupied, preferred, with_distance=False
            )
            self.tried = time
        return self.placed

    def improve(self, occupied: np.ndarray, time: float) -> None:
        """Moves the card if another position is much better."""
        best = self._best(occupied, self.placed.position if self.placed else None, with_distance=True)
        if best and best.cost + MINIMUM_GAIN < self.cost:
            self.placed = best
        self.tried = time

    def _best(self, occupied: np.ndarray, preferred: int | None, with_distance: bool) -> Placement[CardStyle] | None:
        """Finds the best position; with some distance to other faces, it remains allowed when they move a little."""
        distance = with_distance * label_gap(self._wanted) * np.array([-1, -1, 1, 1])
        return best_placement(self._size, self._own, self._others + distance, occupied, self._options(), preferred)

    def _options(self) -> Iterator[Option[CardStyle]]:
        levels = 2 + len(self._widest)
        for penalty, level, text_size in attempts(levels, self._smallest, self._wanted):
            if level == 0 and self._widest == PENDING_CAPTION:
                continue
            style = CardStyle(level, text_size)
            lines = style.shorten(self._widest)
            extent = label_size(lines, text_size, has_stripe=True, has_bars=level == 0, tag=self._tag)
            yield Option(penalty, style, extent, label_gap(text_size))
