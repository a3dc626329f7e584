"""Synthetic clips of moving people with ground truth: heads of the demo photographs in a synthetic room.

    for picture, truth in clip("crossing", seconds=5): ...

Everything is a function of name, seed and frame index; positions and sizes scale with the picture.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import cos, pi, sin
from pathlib import Path

import cv2
import numpy as np
from puppets import Pose, draw_head, make_heads, make_noise, make_room, silhouette

from facekit.faces.detectors import Box
from facekit.faces.images import Picture


@dataclass(frozen=True)
class Truth:
    """Ground truth of a face: HOG's box, and the share of it that is visible."""

    box: Box
    visible_share: float


# Time in seconds -> x in picture widths, y and face width in picture heights; None while the person is absent.
Walk = Callable[[float], tuple[float, float, float] | None]


@dataclass(frozen=True)
class Actor:
    """A person.

    Args:
        identity: key in the ground truth.
        head: index in `make_heads`.
        path: position over time.
        exposure: duration that motion blurs, seconds.
        sway: factor of the slight sway of somebody who stands still.
    """

    identity: int
    head: int
    path: Walk
    exposure: float = 0.008
    sway: float = 1.0

    def pose(self, time: float, size: tuple[int, int]) -> Pose | None:
        """Computes the pose at a time: the path plus sway; None while the person is absent."""
        position = self.path(time)
        if position is None:
            return None
        (width, height), phase = size, 2.4 * self.head
        later = self.path(time + 1e-3) or position
        velocity = [(after - now) * side / 1e-3 for now, after, side in zip(position, later, size, strict=False)]
        face = position[2] * height * (1 + 0.012 * self.sway * sin(0.9 * time + phase))
        x = position[0] * width + face * self.sway * (0.012 * sin(1.7 * time + phase) + 0.006 * sin(5.3 * time))
        y = position[1] * height + face * self.sway * (
            0.010 * cos(1.3 * time + phase) + 0.004 * sin(6.1 * time + phase)
        )
        angle = 2.0 * self.sway * sin(1.1 * time + phase)
        return Pose(x, y, face, angle, (velocity[0] * self.exposure, velocity[1] * self.exposure))


@dataclass(frozen=True)
class Clip:
    """A synthetic clip. Iterating yields each frame, RGB uint8 (H, W, 3), and its ground truth, identity -> Truth."""

    name: str
    actors: Sequence[Actor]  # the later ones are nearer to the camera
    n_frames: int
    rate: float = 30.0
    size: tuple[int, int] = (640, 480)
    seed: int = 0
    bar: tuple[float, float] | None = None  # a post in front of everybody: from, to in picture widths

    def __iter__(self) -> Iterator[tuple[Picture, dict[int, Truth]]]:
        yield from zip(self.frames(), self.truth, strict=True)

    def frames(self) -> Iterator[Picture]:
        room, noise = make_room(self.size, self.seed), make_noise(self.size, self.seed)
        shift = np.random.default_rng((self.seed, 1))
        for index in range(self.n_frames):
            time = index / self.rate
            picture = room.copy()
            for actor in self.actors:
                if pose := actor.pose(time, self.size):
                    draw_head(picture, make_heads()[actor.head], pose)
            if self.bar:
                left, right = (round(side * self.size[0]) for side in self.bar)
                picture[:, left:right] = (96, 84, 70)
            y, x = shift.integers(0, 64, 2)
            grain = noise[y : y + self.size[1], x : x + self.size[0]]
            light = 1 + 0.04 * sin(0.7 * time) + 0.01 * sin(9.0 * time)
            yield cv2.add(cv2.convertScaleAbs(picture, alpha=light), grain, dtype=cv2.CV_8U)

    @cached_property
    def truth(self) -> list[dict[int, Truth]]:
        """Ground truth of each frame: the faces whose box touches the picture."""
        return [self._truth(number / self.rate) for number in range(self.n_frames)]

    def _truth(self, time: float) -> dict[int, Truth]:
        poses = [(actor, actor.pose(time, self.size)) for actor in self.actors]
        found = {}
        for index, (actor, pose) in enumerate(poses):
            if pose:
                visible = _visible_share(
                    pose, [nearer for _, nearer in poses[index + 1 :] if nearer], self.size, self.bar
                )
                if box := _clipped(pose, self.size):
                    found[actor.identity] = Truth(box, visible)
        return found


def _clipped(pose: Pose, size: tuple[int, int]) -> Box | None:
    half = pose.width / 2
    left, top = max(0, round(pose.x - half)), max(0, round(pose.y - half))
    right, bottom = min(size[0], round(pose.x + half)), min(size[1], round(pose.y + half))
    return (left, top, right, bottom) if left < right and top < bottom else None


def _visible_share(pose: Pose, nearer: Sequence[Pose], size: tuple[int, int], bar: tuple[float, float] | None) -> float:
    """Computes the share of a grid in the face's box that is inside the picture and not occluded."""
    offsets = (np.arange(12) - 5.5) / 12 * pose.width
    x, y = np.meshgrid(pose.x + offsets, pose.y + offsets)
    free = (x >= 0) & (y >= 0) & (x < size[0]) & (y < size[1])
    for other in nearer:
        free &= silhouette((x - other.x) / other.width, (y - other.y) / other.width) < 0.5
    if bar:
        free &= (x < bar[0] * size[0]) | (x >= bar[1] * size[0])
    return float(free.mean())


def _rest(x: float, y: float, width: float) -> Walk:
    return lambda time: (x, y, width)


def _swing(x: float, y: float, width: float, reach: float, period: float, start: float = 0.0, lift: float = 0) -> Walk:
    """Swings `reach` picture widths to each side, and `lift` picture heights up and down."""

    def path(time: float) -> tuple[float, float, float]:
        turn = 2 * pi * time / period + start
        return x + reach * sin(turn), y + lift * sin(2 * turn), width

    return path


def _zoom(x: float, y: float, least: float, most: float, period: float) -> Walk:
    """Moves away from the camera and back."""
    return lambda time: (x, y, least * (most / least) ** ((1 + cos(2 * pi * time / period)) / 2))


def _walk_through(y: float, width: float, start: float, speed: float) -> Walk:
    """Crosses the picture once from left to right, at `speed` picture widths a second."""

    def path(time: float) -> tuple[float, float, float] | None:
        x = -0.2 + speed * (time - start)
        return (x, y, width) if -0.2 <= x <= 1.2 else None

    return path


def _scenes() -> dict[str, tuple[list[Actor], tuple[float, float] | None]]:
    eight = [
        Actor(1 + k, k, _swing(0.14 + 0.24 * (k % 4), 0.24 + 0.5 * (k // 4), 0.2, 0.015, 5 + k, k, 0.01))
        for k in range(8)
    ]
    return {
        "still": ([Actor(1, 1, _rest(0.5, 0.45, 0.34))], None),
        "three_walking": (
            [
                Actor(1, 0, _swing(0.2, 0.4, 0.26, 0.09, 6, 0.0, 0.03)),
                Actor(2, 1, _swing(0.52, 0.5, 0.28, 0.07, 5, 1.0, 0.03)),
                Actor(3, 2, _swing(0.82, 0.38, 0.24, 0.07, 7, 2.0, 0.04)),
            ],
            None,
        ),
        "crossing": (
            [
                Actor(1, 3, _swing(0.5, 0.40, 0.22, 0.34, 8)),
                Actor(2, 1, _swing(0.5, 0.46, 0.27, 0.34, 8, pi)),
            ],
            None,
        ),
        "passing": (
            [
                Actor(1, 0, _rest(0.35, 0.4, 0.24)),
                Actor(2, 2, _rest(0.68, 0.38, 0.23)),
                Actor(3, 1, _swing(0.5, 0.47, 0.28, 0.38, 9, -pi / 2)),
            ],
            None,
        ),
        "leave_and_enter": (
            [
                Actor(1, 0, _rest(0.5, 0.35, 0.26)),
                Actor(2, 1, _swing(0.95, 0.45, 0.27, 0.25, 6, pi)),  # outside the picture for a second or two
                *(Actor(3 + k, (2, 3, 4, 5)[k], _walk_through(0.72, 0.3, 1.0 + 7.5 * k, 0.24)) for k in range(4)),
            ],
            None,
        ),
        "shrink": (
            [Actor(1, 1, _zoom(0.3, 0.45, 0.15, 0.5, 7)), Actor(2, 2, _zoom(0.75, 0.45, 0.17, 0.3, 5))],
            None,
        ),
        "blur": (
            [
                Actor(1, 2, _swing(0.5, 0.3, 0.26, 0.3, 2.5), exposure=0.016),
                Actor(2, 1, _swing(0.5, 0.72, 0.26, 0.3, 3.1, 1), exposure=0.016),
            ],
            None,
        ),
        "post": ([Actor(1, 2, _swing(0.45, 0.3, 0.24, 0.3, 8)), Actor(2, 1, _swing(0.5, 0.72, 0.26, 0.32, 10))],
                 (0.42, 0.61)),
        "eight_faces": (eight, None),
    }  # fmt: skip


SCENES = tuple(_scenes())


def clip(
    name: str, seconds: float = 30.0, rate: float = 30.0, size: tuple[int, int] = (640, 480), seed: int = 0
) -> Clip:
    """Makes a clip of one of SCENES. `size` is width, height in pixels."""
    actors, bar = _scenes()[name]
    return Clip(name, actors, round(seconds * rate), rate, size, seed, bar)


def write_clip(made: Clip, path: Path, codec: str = "libx264") -> None:
    """Writes a clip as a video, and its ground truth as .json: a list of {identity: [box, visible share]} per frame."""
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=round(made.rate))
        stream.width, stream.height = made.size
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "16"}
        for picture in made.frames():
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    truth = [{name: [face.box, round(face.visible_share, 2)] for name, face in faces.items()} for faces in made.truth]
    path.with_suffix(".json").write_text(json.dumps(truth))
