"""Synthetic clips of moving people with ground truth: heads of photographs in a synthetic room.

    for picture, truth in clip("crossing", seconds=5): ...

Everything is a function of name, seed and frame index; positions and sizes scale with the picture.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import cos, pi, radians, sin
from pathlib import Path

import cv2
import numpy as np
from puppets import NOISE, PROFILE_SHIFT, Head, Pose, draw_head, make_heads, make_noise, make_room, silhouette
from walks import Walk, rest, swing, walk_through, zoom

from facekit.faces.detectors import Box
from facekit.faces.images import Picture


@dataclass(frozen=True)
class Truth:
    """Ground truth of a face: HOG's box, and the share of it that is visible."""

    box: Box
    visible_share: float


# Time in seconds -> left, top, right, bottom in picture widths and heights.
Post = Callable[[float], tuple[float, float, float, float]]
# Time in seconds -> the point at the picture's centre, in picture widths and heights, and the magnification.
Camera = Callable[[float], tuple[float, float, float]]


@dataclass(frozen=True)
class Actor:
    """A person.

    Args:
        identity: key in the ground truth.
        head: index in the clip's heads.
        path: position over time.
        exposure: duration that motion blurs, seconds.
        sway: factor of the slight sway of somebody who stands still.
        roll, yaw: degrees over time, by which the head leans and turns.
    """

    identity: int
    head: int
    path: Walk
    exposure: float = 0.008
    sway: float = 1.0
    roll: Callable[[float], float] = lambda time: 0.0
    yaw: Callable[[float], float] = lambda time: 0.0

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
        angle = 2.0 * self.sway * sin(1.1 * time + phase) + self.roll(time)
        return Pose(x, y, face, angle, (velocity[0] * self.exposure, velocity[1] * self.exposure), self.yaw(time))


@dataclass(frozen=True)
class Clip:
    """A synthetic clip. Iterating yields each frame, RGB uint8 (H, W, 3), and its ground truth, identity -> Truth.

    Args:
        name: what it shows.
        actors: the later ones are nearer to the camera.
        n_frames: length.
        rate: frames per second.
        size: width, height, pixels.
        seed: of the room and the noise.
        post: a post in front of everybody.
        camera: moves over the scene; None for a fixed one.
        light: brightness; 0 for a black picture.
        noise: standard deviation of the sensor noise, of 255; 0 for a photograph, whose light does not change either.
        heads: pictures of the actors.
    """

    name: str
    actors: Sequence[Actor]
    n_frames: int
    rate: float = 30.0
    size: tuple[int, int] = (640, 480)
    seed: int = 0
    post: Post | None = None
    camera: Camera | None = None
    light: float = 1.0
    noise: float = NOISE
    heads: Sequence[Head] = field(default_factory=make_heads)

    def __iter__(self) -> Iterator[tuple[Picture, dict[int, Truth]]]:
        yield from zip(self.frames(), self.truth, strict=True)

    def frames(self) -> Iterator[Picture]:
        return map(self.picture, range(self.n_frames))

    def picture(self, index: int) -> Picture:
        """Draws a frame."""
        time, noise = index / self.rate, make_noise(self.size, self.seed, self.noise)
        picture = self._room(time)
        for actor, pose in self._poses(time):
            draw_head(picture, self.heads[actor.head], pose)
        if self.post:
            left, top, right, bottom = self._post_pixels(time)
            picture[top:bottom, left:right] = (96, 84, 70)
        y, x = np.random.default_rng((self.seed, 1, index)).integers(0, 64, 2)
        grain = noise[y : y + self.size[1], x : x + self.size[0]]
        flicker = 0.04 * sin(0.7 * time) + 0.01 * sin(9.0 * time) if self.noise else 0.0
        return cv2.add(cv2.convertScaleAbs(picture, alpha=self.light * (1 + flicker)), grain, dtype=cv2.CV_8U)

    @cached_property
    def truth(self) -> list[dict[int, Truth]]:
        """Ground truth of each frame: the faces whose box touches the picture."""
        return [self.faces(index) for index in range(self.n_frames)]

    def faces(self, index: int) -> dict[int, Truth]:
        """Computes the ground truth of a frame."""
        time = index / self.rate
        poses, found = self._poses(time), {}
        for number, (actor, pose) in enumerate(poses):
            visible = _visible_share(
                pose, [nearer for _, nearer in poses[number + 1 :]], self.size, self._post_pixels(time)
            )
            if box := _clipped(pose, self.size):
                found[actor.identity] = Truth(box, visible)
        return found

    def _room(self, time: float) -> Picture:
        room = make_room(self.size, self.seed)
        if self.camera is None:
            return room.copy()
        (x, y, magnified), (width, height) = self.camera(time), self.size
        matrix = np.array(
            [[magnified, 0, width * (0.5 - x * magnified)], [0, magnified, height * (0.5 - y * magnified)]]
        )
        return cv2.warpAffine(room, matrix, self.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    def _poses(self, time: float) -> list[tuple[Actor, Pose]]:
        """Computes the poses of the actors who are present, as the camera sees them."""
        poses = [(actor, pose) for actor in self.actors if (pose := actor.pose(time, self.size))]
        if self.camera is None:
            return poses
        (x, y, magnified), (width, height) = self.camera(time), self.size
        return [
            (
                actor,
                replace(
                    pose,
                    x=(pose.x - x * width) * magnified + width / 2,
                    y=(pose.y - y * height) * magnified + height / 2,
                    width=pose.width * magnified,
                ),
            )
            for actor, pose in poses
        ]

    def _post_pixels(self, time: float) -> Box:
        if self.post is None:
            return 0, 0, 0, 0
        left, top, right, bottom = (
            max(0, round(end * self.size[axis % 2])) for axis, end in enumerate(self.post(time))
        )
        return left, top, right, bottom


def _clipped(pose: Pose, size: tuple[int, int]) -> Box | None:
    half, x = pose.width / 2, pose.x + PROFILE_SHIFT * pose.width * sin(radians(pose.yaw))
    left, top = max(0, round(x - half)), max(0, round(pose.y - half))
    right, bottom = min(size[0], round(x + half)), min(size[1], round(pose.y + half))
    return (left, top, right, bottom) if left < right and top < bottom else None


def _visible_share(pose: Pose, nearer: Sequence[Pose], size: tuple[int, int], post: Box) -> float:
    """Computes the share of a grid in the face's box that is inside the picture and not occluded."""
    offsets = (np.arange(12) - 5.5) / 12 * pose.width
    x, y = np.meshgrid(pose.x + offsets, pose.y + offsets)
    free = (x >= 0) & (y >= 0) & (x < size[0]) & (y < size[1])
    for other in nearer:
        across, down = (x - other.x) / other.width, (y - other.y) / other.width
        sine, cosine = sin(radians(other.angle)), cos(radians(other.angle))
        free &= silhouette(cosine * across - sine * down, sine * across + cosine * down) < 0.5
    free &= (x < post[0]) | (x >= post[2]) | (y < post[1]) | (y >= post[3])
    return float(free.mean())


def _scenes() -> dict[str, tuple[list[Actor], Post | None]]:
    eight = [
        Actor(1 + k, k, swing(0.14 + 0.24 * (k % 4), 0.24 + 0.5 * (k // 4), 0.2, 0.015, 5 + k, k, 0.01))
        for k in range(8)
    ]
    return {
        "still": ([Actor(1, 1, rest(0.5, 0.45, 0.34))], None),
        "three_walking": (
            [
                Actor(1, 0, swing(0.2, 0.4, 0.26, 0.09, 6, 0.0, 0.03)),
                Actor(2, 1, swing(0.52, 0.5, 0.28, 0.07, 5, 1.0, 0.03)),
                Actor(3, 2, swing(0.82, 0.38, 0.24, 0.07, 7, 2.0, 0.04)),
            ],
            None,
        ),
        "crossing": (
            [
                Actor(1, 3, swing(0.5, 0.40, 0.22, 0.34, 8)),
                Actor(2, 1, swing(0.5, 0.46, 0.27, 0.34, 8, pi)),
            ],
            None,
        ),
        "passing": (
            [
                Actor(1, 0, rest(0.35, 0.4, 0.24)),
                Actor(2, 2, rest(0.68, 0.38, 0.23)),
                Actor(3, 1, swing(0.5, 0.47, 0.28, 0.38, 9, -pi / 2)),
            ],
            None,
        ),
        "leave_and_enter": (
            [
                Actor(1, 0, rest(0.5, 0.35, 0.26)),
                Actor(2, 1, swing(0.95, 0.45, 0.27, 0.25, 6, pi)),  # outside the picture for a second or two
                *(Actor(3 + k, (2, 3, 4, 5)[k], walk_through(0.72, 0.3, 1.0 + 7.5 * k, 0.24)) for k in range(4)),
            ],
            None,
        ),
        "shrink": (
            [Actor(1, 1, zoom(0.3, 0.45, 0.15, 0.5, 7)), Actor(2, 2, zoom(0.75, 0.45, 0.17, 0.3, 5))],
            None,
        ),
        "blur": (
            [
                Actor(1, 2, swing(0.5, 0.3, 0.26, 0.3, 2.5), exposure=0.016),
                Actor(2, 1, swing(0.5, 0.72, 0.26, 0.3, 3.1, 1), exposure=0.016),
            ],
            None,
        ),
        "post": ([Actor(1, 2, swing(0.45, 0.3, 0.24, 0.3, 8)), Actor(2, 1, swing(0.5, 0.72, 0.26, 0.32, 10))],
                 lambda time: (0.42, 0.0, 0.61, 1.0)),
        "eight_faces": (eight, None),
    }  # fmt: skip


SCENES = tuple(_scenes())


def clip(
    name: str, seconds: float = 30.0, rate: float = 30.0, size: tuple[int, int] = (640, 480), seed: int = 0
) -> Clip:
    """Makes a clip of one of SCENES. `size` is width, height in pixels."""
    actors, post = _scenes()[name]
    return Clip(name, actors, round(seconds * rate), rate, size, seed, post)


def write_clip(made: Clip, path: Path, codec: str = "libx264") -> None:
    """Writes a clip as a video, and its ground truth as .json: a list of {identity: [box, visible share]} per frame."""
    import av

    truth = []
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=round(made.rate))
        stream.width, stream.height = made.size
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "16"}
        for picture, faces in made:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            truth.append({identity: [face.box, round(face.visible_share, 2)] for identity, face in faces.items()})
        file.mux(stream.encode())
    path.with_suffix(".json").write_text(json.dumps(truth))
