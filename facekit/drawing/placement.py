"""Label placement: inside the picture, never on another face's box nor on each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

Size = tuple[int, int]  # width, height
Rect = tuple[int, int, int, int]  # left, top, right, bottom
T = TypeVar("T")


@dataclass(frozen=True)
class Option(Generic[T]):
    """A caption that could be placed.

    Args:
        penalty: how much worse it is than the preferred caption.
        content: what is drawn.
        size: width and height, pixels.
        gap: distance to the face's box, pixels.
    """

    penalty: float
    content: T
    size: Size
    gap: int


@dataclass(frozen=True)
class Placement(Generic[T]):
    """An option and its position.

    Args:
        option: the caption.
        position: index among the positions around and in the box.
        rect: left, top, right, bottom in the picture, pixels.
        cost: its penalty, and the part of the face that it hides.
    """

    option: Option[T]
    position: int
    rect: Rect
    cost: float


def best_placement(
    size: Size,
    box: np.ndarray,
    others: np.ndarray,
    occupied: np.ndarray,
    options: Iterable[Option[T]],
    preferred: int | None = None,
) -> Placement[T] | None:
    """Finds the caption that hides least of its face; of equals the one of least penalty, at the first position.

    Args:
        size: width and height of the picture, pixels.
        box: (4,) of the face.
        others: (n, 4) boxes of the other faces.
        occupied: (m, 4) rectangles of the captions that are placed already.
        options: to choose from, the least penalty first.
        preferred: index of a position that is favoured.

    Returns:
        None where there is no room for any.
    """
    best: Placement[T] | None = None
    for option in options:
        if best and option.penalty >= best.cost:
            break
        if option.size[0] > size[0] or option.size[1] > size[1]:
            continue
        rects, costs = placement_costs(size, box, others, occupied, option)
        if preferred is not None:
            costs[preferred] -= 0.5
        position = int(np.argmin(costs))
        if costs[position] < (best.cost if best else np.inf):
            left, top, right, bottom = rects[position].tolist()
            best = Placement(option, position, (left, top, right, bottom), float(costs[position]))
    return best


def placement_costs(
    size: Size, box: np.ndarray, others: np.ndarray, occupied: np.ndarray, option: Option[T]
) -> tuple[np.ndarray, np.ndarray]:
    """Lists an option's rectangles (p, 4), always in the same order, and their costs (p,), infinite if not allowed."""
    width, height = option.size
    rects, costs = _candidates(size, box, width, height, option.gap)
    own_others = _intersection(box, others)  # only the face's own box is hidden there
    hidden = _area(_intersection(rects, box)) / max(1, int(_area(box)))
    on_others = covered_area(rects, others)
    in_own = covered_area(rects, own_others)
    costs += option.penalty + 30 * hidden + 30 * in_own / (width * height)
    costs[(on_others > in_own) | (covered_area(rects, occupied) > 0) | (hidden > 0.5)] = np.inf
    return rects, costs


def edge_rects(size: Size, width: int, height: int, from_top: bool) -> list[Rect]:
    """Lists the rectangles in the picture's corners and between them, left ones first; none where they do not fit."""
    free_x, free_y = size[0] - width, size[1] - height
    if free_x < 0 or free_y < 0:
        return []
    down = (0, free_y) if from_top else (free_y, 0)
    return [(x, y, x + width, y + height) for y in down for x in (0, free_x, free_x // 2)]


def least_covering(rects: Sequence[Rect], boxes: np.ndarray, current: Rect | None = None) -> int:
    """Finds the rectangle that covers least of the boxes (n, 4): its index; of equals the current, then the first."""
    areas = covered_area(np.array(rects, dtype=np.int64), boxes).astype(float)
    if current in rects:  # it stays there unless it is much better elsewhere
        areas[rects.index(current)] *= 0.6
        areas[rects.index(current)] -= 0.5
    return int(np.argmin(areas))


def covered_area(rects: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Sums the area of the boxes (n, 4) that each of the rectangles (m, 4) covers: (m,)."""
    total: np.ndarray = _area(_intersection(rects[:, None], boxes)).sum(axis=1)
    return total


def as_boxes(rects: Iterable[Sequence[int]]) -> np.ndarray:
    """Makes an array (n, 4) of rectangles, also where n is 0."""
    return np.array(list(rects), dtype=np.int64).reshape(-1, 4)


def _candidates(size: Size, box: np.ndarray, width: int, height: int, gap: int) -> tuple[np.ndarray, np.ndarray]:
    """Lists rectangles (n, 4) around and in the box, moved into the picture, and penalties for unusual ones (n,)."""
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
    """Intersects boxes (..., 4) with others (..., 4); right < left or bottom < top where they do not meet."""
    starts, ends = np.maximum(boxes[..., :2], others[..., :2]), np.minimum(boxes[..., 2:], others[..., 2:])
    return np.concatenate([starts, ends], axis=-1)


def _area(boxes: np.ndarray) -> np.ndarray:
    """Computes the areas (...) of boxes (..., 4)."""
    extent = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    area: np.ndarray = extent[..., 0] * extent[..., 1]
    return area
