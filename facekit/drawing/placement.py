"""Where captions are put: inside the picture, never on another face's box nor on each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

Size = tuple[int, int]  # width, height
Place = tuple[int, int, int, int]  # left, top, right, bottom
T = TypeVar("T")


@dataclass(frozen=True)
class Option(Generic[T]):
    """A caption that could be placed.

    Args:
        penalty: how much is lost against the caption one would like best.
        content: what is to be written, and how.
        size: width and height, pixels.
        gap: distance to the face's box, pixels.
    """

    penalty: float
    content: T
    size: Size
    gap: int


@dataclass(frozen=True)
class Placed(Generic[T]):
    """An option at its place.

    Args:
        option: the caption.
        spot: which of the places around and in the box it is.
        place: left, top, right, bottom in the picture, pixels.
        cost: its penalty, and what it hides.
    """

    option: Option[T]
    spot: int
    place: Place
    cost: float


def best_place(
    size: Size,
    own: np.ndarray,
    others: np.ndarray,
    taken: np.ndarray,
    options: Iterable[Option[T]],
    usual: int | None = None,
) -> Placed[T] | None:
    """The caption that hides least of its own face; of those, the least penalty, the usual place.

    Args:
        size: width and height of the picture, pixels.
        own: (4,) the face's box.
        others: (n, 4) the boxes of the other faces.
        taken: (m, 4) where there are captions already.
        options: to choose from, the least penalty first.
        usual: the spot to be preferred.

    Returns:
        None where there is no room for any.
    """
    best: Placed[T] | None = None
    for option in options:
        if best and option.penalty >= best.cost:
            break
        if option.size[0] > size[0] or option.size[1] > size[1]:
            continue
        places, costs = spots(size, own, others, taken, option)
        if usual is not None:
            costs[usual] -= 0.5
        spot = int(np.argmin(costs))
        if costs[spot] < (best.cost if best else np.inf):
            left, top, right, bottom = places[spot].tolist()
            best = Placed(option, spot, (left, top, right, bottom), float(costs[spot]))
    return best


def spots(
    size: Size, own: np.ndarray, others: np.ndarray, taken: np.ndarray, option: Option[T]
) -> tuple[np.ndarray, np.ndarray]:
    """All places (s, 4) of an option, always in the same order, and what each costs (s,): infinite if not allowed."""
    width, height = option.size
    places, costs = _candidates(size, own, width, height, option.gap)
    own_others = _intersection(own, others)  # here nothing is lost but the own face
    hidden = _area(_intersection(places, own)) / max(1, int(_area(own)))
    on_others = covered(places, others)
    in_own = covered(places, own_others)
    costs += option.penalty + 30 * hidden + 30 * in_own / (width * height)
    costs[(on_others > in_own) | (covered(places, taken) > 0) | (hidden > 0.5)] = np.inf
    return places, costs


def edges(size: Size, width: int, height: int, from_top: bool) -> list[Place]:
    """The corners of the picture and the middles between them, left ones first; none where it does not fit."""
    free_x, free_y = size[0] - width, size[1] - height
    if free_x < 0 or free_y < 0:
        return []
    down = (0, free_y) if from_top else (free_y, 0)
    return [(x, y, x + width, y + height) for y in down for x in (0, free_x, free_x // 2)]


def least_covering(places: Sequence[Place], boxes: np.ndarray, kept: Place | None = None) -> int:
    """Which of the places covers least of the boxes (n, 4); of equals the one that was kept, then the first."""
    areas = covered(np.array(places, dtype=np.int64), boxes).astype(float)
    if kept in places:  # it stays there unless it is much better elsewhere
        areas[places.index(kept)] *= 0.6
        areas[places.index(kept)] -= 0.5
    return int(np.argmin(areas))


def covered(places: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """How much of the boxes (n, 4), in sum, each of the places (m, 4) covers: (m,)."""
    total: np.ndarray = _area(_intersection(places[:, None], boxes)).sum(axis=1)
    return total


def as_boxes(places: Iterable[Sequence[int]]) -> np.ndarray:
    """(n, 4) also where there are none."""
    return np.array(list(places), dtype=np.int64).reshape(-1, 4)


def _candidates(size: Size, box: np.ndarray, width: int, height: int, gap: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (n, 4) around and in the box, moved into the picture, and how unusual each is (n,)."""
    left, top, right, bottom = box.tolist()
    across = [(left + right - width) // 2, left, right - width, left - width // 2, right - width // 2]
    down = [(top + bottom - height) // 2, top, bottom - height, top - height // 2, bottom - height // 2]
    corners = [(x, y) for y in (bottom + gap, top - gap - height) for x in across]
    corners += [(x, y) for x in (right + gap, left - gap - width) for y in down]
    corners += [(x, y) for y in (bottom + 2 * gap + height, top - 2 * gap - 2 * height) for x in across]
    corners += [(x, y) for y in (bottom - gap - height, top + gap) for x in across[:3]]
    extent = np.array([width, height])
    starts = np.clip(corners, 0, size - extent)
    return np.hstack([starts, starts + extent]), 0.03 * np.arange(len(starts))


def _intersection(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Where boxes (..., 4) and others (..., 4) meet; right < left or bottom < top where they do not."""
    starts, ends = np.maximum(boxes[..., :2], others[..., :2]), np.minimum(boxes[..., 2:], others[..., 2:])
    return np.concatenate([starts, ends], axis=-1)


def _area(boxes: np.ndarray) -> np.ndarray:
    """Areas (...) of boxes (..., 4)."""
    extent = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    area: np.ndarray = extent[..., 0] * extent[..., 1]
    return area
