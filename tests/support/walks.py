"""Paths of people through synthetic clips: functions of time in seconds."""

from collections.abc import Callable
from math import cos, pi, sin

import numpy as np

# Time -> x in picture widths, y and face width in picture heights; None while the person is absent.
Walk = Callable[[float], tuple[float, float, float] | None]


def rest(x: float, y: float, width: float) -> Walk:
    return lambda time: (x, y, width)


def swing(x: float, y: float, width: float, reach: float, period: float, start: float = 0.0, lift: float = 0) -> Walk:
    """Swings `reach` picture widths to each side, and `lift` picture heights up and down."""

    def path(time: float) -> tuple[float, float, float]:
        turn = 2 * pi * time / period + start
        return x + reach * sin(turn), y + lift * sin(2 * turn), width

    return path


def zoom(x: float, y: float, least: float, most: float, period: float) -> Walk:
    """Moves away from the camera and back."""
    return lambda time: (x, y, least * (most / least) ** ((1 + cos(2 * pi * time / period)) / 2))


def walk_through(y: float, width: float, start: float, speed: float) -> Walk:
    """Crosses the picture once from left to right, at `speed` picture widths a second."""

    def path(time: float) -> tuple[float, float, float] | None:
        x = -0.2 + speed * (time - start)
        return (x, y, width) if -0.2 <= x <= 1.2 else None

    return path


def keyed(*points: tuple[float, float]) -> Callable[[float], float]:
    """Interpolates linearly between points of time and value; constant before the first and after the last."""
    times, values = zip(*points, strict=True)
    return lambda time: float(np.interp(time, times, values))


def walk_along(x: Callable[[float], float], y: float, width: float) -> Walk:
    """Moves sideways; beyond the picture, the person is absent."""
    return lambda time: (x(time), y, width) if -0.3 < x(time) < 1.3 else None
