"""Where the cards of a video lie: each keeps its place beside its face while that is allowed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facekit.drawing.labels import TEXT_SIZES, Line, gap_of, plate_size
from facekit.drawing.photographs import attempts, shorter, text_limits
from facekit.drawing.placement import Option, Place, Placed, Size, as_boxes, best_place, spots
from facekit.faces.detectors import Box
from facekit.video.display.hysteresis import NOTHING_YET

PATIENCE = 0.5  # seconds of the video after which a card that found little room looks for more
WORTH = 1.0  # how much less a new place must cost than the one that a card has
SLACK = 2.0  # how much more a place may come to cost before another is looked for: 7 % of the face hidden


@dataclass(frozen=True)
class Style:
    """How a card is written.

    Args:
        level: 0 with bars, 1 without, 2 without details, from 3 on with a line less each.
        text_size: pixels.
    """

    level: int
    text_size: int

    def shorten(self, lines: tuple[Line, ...]) -> tuple[Line, ...]:
        """What of the lines is written."""
        return [lines, *shorter(lines)][self.level]


class Layout:
    """Places the cards of one frame after the other; what it knows of a face goes when the face does."""

    def __init__(self) -> None:
        self._seats: dict[int, _Seat] = {}

    def place(
        self, time: float, size: Size, faces: Mapping[int, tuple[Box, tuple[Line, ...]]], fixed: Sequence[Place]
    ) -> dict[int, Placed[Style]]:
        """Cards inside the frame, never on another face's box, on each other, nor on what is fixed.

        Args:
            time: of the frame, seconds.
            size: width and height of the frame, pixels.
            faces: track -> its box, and the widest that the card's lines can become.
            fixed: where no card may be.

        Returns:
            Those that found room, by track.
        """
        self._seats = {track: self._seats.get(track) or _Seat() for track in sorted(faces)}
        boxes = as_boxes(box for box, _ in faces.values())
        others = {track: np.delete(boxes, index, axis=0) for index, track in enumerate(faces)}
        for track, seat in self._seats.items():
            seat.meet(size, boxes[list(faces).index(track)], others[track], faces[track][1])
        placed: dict[int, Place] = {}
        for stays in (True, False):  # first those that can stay, the oldest tracks before the others
            for track, seat in self._seats.items():
                if track not in placed:
                    taken = as_boxes([*fixed, *placed.values()])
                    if found := seat.stay(taken) if stays else seat.move(taken, time):
                        placed[track] = found.place
        self._improve_one(time, fixed)
        return {track: seat.placed for track, seat in self._seats.items() if seat.placed}

    def _improve_one(self, time: float, fixed: Sequence[Place]) -> None:
        """One a frame: that bounds how long a frame takes in a crowd."""
        waiting = [seat for seat in self._seats.values() if seat.cost > WORTH and abs(time - seat.tried) >= PATIENCE]
        if waiting:
            seat = min(waiting, key=lambda waiting: waiting.tried)
            taken = [other.placed.place for other in self._seats.values() if other.placed and other is not seat]
            seat.improve(as_boxes([*fixed, *taken]), time)


class _Seat:
    """The place of one card, and how it is written."""

    def __init__(self) -> None:
        self.placed: Placed[Style] | None = None
        self.tried = -np.inf  # when more room was last looked for, seconds of the video
        self._widest: tuple[Line, ...] = ()
        self._wanted = self._smallest = 0  # text sizes

    @property
    def cost(self) -> float:
        return self.placed.cost if self.placed else np.inf

    def meet(self, size: Size, own: np.ndarray, others: np.ndarray, widest: tuple[Line, ...]) -> None:
        """Takes in where the face is now. A text size is kept until the one that suits is two steps away."""
        self._size, self._own, self._others = size, own, others
        smallest, wanted = text_limits(size, own)
        steps = abs(TEXT_SIZES.index(wanted) - TEXT_SIZES.index(self._wanted)) if self._wanted else 2
        if steps < 2 and smallest <= self._wanted:
            wanted = self._wanted
        self._is_new = (widest, wanted, smallest) != (self._widest, self._wanted, self._smallest)
        self._widest, self._wanted, self._smallest = widest, wanted, smallest

    def stay(self, taken: np.ndarray) -> Placed[Style] | None:
        """The card at the same side of its face, None if that is not allowed any more."""
        if self._is_new or not self.placed:
            return None
        places, costs = spots(self._size, self._own, self._others, taken, self.placed.option)
        if costs[self.placed.spot] > self.placed.cost + SLACK:
            return None
        left, top, right, bottom = places[self.placed.spot].tolist()
        self.placed = replace(self.placed, place=(left, top, right, bottom))
        return self.placed

    def move(self, taken: np.ndarray, time: float) -> Placed[Style] | None:
        """The best place for a card that lost its own. One that has none waits for its turn to look again."""
        if self.placed or self._is_new:
            usual = self.placed.spot if self.placed else None
            self.placed = self._best(taken, usual, with_distance=True) or self._best(taken, usual, with_distance=False)
            self.tried = time
        return self.placed

    def improve(self, taken: np.ndarray, time: float) -> None:
        """Another place if it is much better."""
        best = self._best(taken, self.placed.spot if self.placed else None, with_distance=True)
        if best and best.cost + WORTH < self.cost:
            self.placed = best
        self.tried = time

    def _best(self, taken: np.ndarray, usual: int | None, with_distance: bool) -> Placed[Style] | None:
        """With some distance to others, so that it can stay when they move a little."""
        distance = with_distance * gap_of(self._wanted) * np.array([-1, -1, 1, 1])
        return best_place(self._size, self._own, self._others + distance, taken, self._options(), usual)

    def _options(self) -> Iterator[Option[Style]]:
        levels = 2 + len(self._widest)
        for penalty, level, text_size in attempts(levels, self._smallest, self._wanted):
            if level == 0 and self._widest == NOTHING_YET:
                continue
            style = Style(level, text_size)
            extent = plate_size(style.shorten(self._widest), text_size, has_stripe=True, has_bars=level == 0)
            yield Option(penalty, style, extent, gap_of(text_size))
