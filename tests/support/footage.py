"""Films like real ones, made of synthetic clips: cuts, slideshows, turning heads, moving cameras, crowds.

    for film in films_of("cut", utkface_cast(path, 16)): ...

An identity is 1 + the person's index.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import pi
from typing import Any

import cv2
from cast import Person
from clips import Actor, Clip, Truth
from walks import keyed, rest, swing, walk_along

from facekit.faces.images import Picture

RATE = 25.0
SIZE = (640, 480)
MIDDLE = (0.5, 0.45, 0.34)  # x in picture widths, y and face width in picture heights
FRAMINGS = (MIDDLE, (0.3, 0.4, 0.22), (0.62, 0.5, 0.52), (0.5, 0.35, 0.26), (0.4, 0.5, 0.42), (0.72, 0.4, 0.3))

Framing = tuple[float, float, float]
Frames = list[tuple[Picture, dict[int, Truth]]]


@dataclass(frozen=True)
class Film:
    """Clips of one size and rate in a row. Iterating yields each frame and its ground truth, as a clip does.

    Args:
        clips: an identity stands for the same person in all of them.
        dissolve: seconds for which the end of a clip and the start of the next one overlap; 0 for hard cuts.
        min_face: width of the smallest face to find, pixels; None for the default.
    """

    clips: Sequence[Clip]
    dissolve: float = 0.0
    min_face: int | None = None

    @property
    def rate(self) -> float:
        return self.clips[0].rate

    @property
    def cuts(self) -> list[int]:
        """Frames at which the second and later clips begin."""
        starts = [0]
        for clip in self.clips[:-1]:
            starts.append(starts[-1] + clip.n_frames - self._n_overlapping)
        return starts[1:]

    def __iter__(self) -> Iterator[tuple[Picture, dict[int, Truth]]]:
        fading: Frames = []
        for number, clip in enumerate(self.clips, start=1):
            frames = list(clip)
            for index, old in enumerate(fading):
                frames[index] = _blended(old, frames[index], (index + 1) / (len(fading) + 1))
            end = len(frames) - (self._n_overlapping if number < len(self.clips) else 0)
            yield from frames[:end]
            fading = frames[end:]

    @property
    def _n_overlapping(self) -> int:
        return round(self.dissolve * self.rate)


def _blended(
    old: tuple[Picture, dict[int, Truth]], new: tuple[Picture, dict[int, Truth]], share: float
) -> tuple[Picture, dict[int, Truth]]:
    truth = {
        identity: replace(face, visible_share=face.visible_share * part)
        for faces, part in ((old[1], 1 - share), (new[1], share))
        for identity, face in faces.items()
    }
    return cv2.addWeighted(new[0], share, old[0], 1 - share, 0), truth


def _clip(people: Sequence[Person], actors: Sequence[Actor], seconds: float, seed: int = 0, **options: Any) -> Clip:
    options = {"rate": RATE, "size": SIZE, **options}
    heads = [person.head for person in people]
    return Clip("", actors, round(seconds * options["rate"]), seed=seed, heads=heads, **options)


def _shot(
    people: Sequence[Person], who: int, seconds: float, framing: Framing = MIDDLE, sway: float = 1.0, **options: Any
) -> Clip:
    """Makes a clip of one person who stands still."""
    return _clip(people, [Actor(who + 1, who, rest(*framing), sway=sway)], seconds, **options)


def _groups(people: Sequence[Person], n: int) -> Iterator[tuple[int, range]]:
    """Numbers the complete groups of n people."""
    return enumerate(range(start, start + n) for start in range(0, len(people) - n + 1, n))


def _rows(
    people: Sequence[Person], y: float = 0.45, width: float = 0.25, reach: float = 0.0, **moves: Any
) -> Iterator[tuple[int, list[Actor]]]:
    """Numbers groups of three people side by side, who move by `reach` picture widths."""
    for number, trio in _groups(people, 3):
        paths = [swing(0.19 + 0.31 * k, y, width, reach, 4, k, 0.75 * reach) for k in range(3)]
        yield number, [Actor(who + 1, who, path, **moves) for who, path in zip(trio, paths, strict=True)]


def cut(people: Sequence[Person]) -> list[Film]:
    """Cuts to another person in the same framing, in the same room and in another one in turn."""
    return [Film([_shot(people, who, 1.2, seed=who // 2) for who in range(len(people))])]


def black(people: Sequence[Person]) -> list[Film]:
    """The same, with two seconds of black in between."""
    clips = []
    for who in range(len(people)):
        clips += [_shot(people, who, 1.2, seed=who // 2), _clip(people, [], 2.0, light=0.0)]
    return [Film(clips[:-1])]


def aside(people: Sequence[Person]) -> list[Film]:
    """Cuts to another person who stands 150 px aside."""
    framings = [(0.383, 0.45, 0.34), (0.617, 0.45, 0.34)]
    return [Film([_shot(people, who, 1.2, framings[who % 2], seed=who // 2) for who in range(len(people))])]


def framing(people: Sequence[Person]) -> list[Film]:
    """Cuts to another person, larger or smaller and elsewhere."""
    shots = [_shot(people, who, 1.2, FRAMINGS[who % len(FRAMINGS)], seed=who) for who in range(len(people))]
    return [Film(shots)]


def dialogue(people: Sequence[Person]) -> list[Film]:
    """Cuts between two people to and fro, each in a framing of their own; then between the next two."""
    clips = []
    for _, (one, other) in _groups(people, 2):
        first, second = ((who, 1.0, (x, 0.45, 0.36), 1.0) for who, x in ((one, 0.42), (other, 0.58)))
        clips += [_shot(people, *first, seed=one), _shot(people, *second, seed=other)] * 2
    return [Film(clips)]


def dissolve(people: Sequence[Person]) -> list[Film]:
    """Dissolves to another person in the same framing, for 0.8 s."""
    return [Film([_shot(people, who, 2.2, seed=who // 2) for who in range(len(people))], dissolve=0.8)]


def slideshow(people: Sequence[Person]) -> list[Film]:
    """Photographs without noise, each for 1 to 3 s; every third one slowly grows."""
    clips = []
    for who in range(len(people)):
        seconds = (1.0, 2.0, 1.5, 3.0)[who % 4]
        grown = keyed((0, 1.0), (seconds, 1.15))
        camera = (lambda time, grown=grown: (0.5, 0.5, grown(time))) if who % 3 == 2 else None
        clips.append(_shot(people, who, seconds, FRAMINGS[who // 2 % 6], 0.0, seed=who, noise=0.0, camera=camera))
    return [Film(clips)]


def change(people: Sequence[Person]) -> list[Film]:
    """One person stands and walks out to the left, the next one comes in from the right and takes the place."""
    period, walking = 2.6, 1.4
    actors = []
    for who in range(len(people)):
        start = period * who
        x = keyed((start - walking, 1.3), (start, 0.5), (start + period - walking, 0.5), (start + period, -0.3))
        actors.append(Actor(who + 1, who, walk_along(x, 0.45, 0.34)))
    return [Film([_clip(people, actors, period * len(people) - walking)])]


def lean(people: Sequence[Person]) -> list[Film]:
    """Heads lean by 30 degrees to one side and by 45 to the other."""
    roll = keyed((0.6, 0), (1.1, 30), (1.6, 30), (2.6, -45), (3.1, -45), (3.8, 0))
    return [Film([_clip(people, actors, 4.0, seed=k)]) for k, actors in _rows(people, width=0.2, roll=roll)]


def profile(people: Sequence[Person]) -> list[Film]:
    """Heads turn into profile, stay for 0.8 s, and turn back."""
    yaw = keyed((0.5, 0), (1.2, 75), (2.0, 75), (2.7, 0))
    return [Film([_clip(people, actors, 3.4, seed=k)]) for k, actors in _rows(people, yaw=yaw)]


def hidden(people: Sequence[Person]) -> list[Film]:
    """A board rises in front of three faces for a second, or a post passes and hides each for about a second."""
    rising, passing = keyed((0.8, 1.0), (1.1, 0.4), (2.1, 0.4), (2.4, 1.0)), keyed((0, -0.35), (4.4, 1.0))
    films = []
    for k, actors in _rows(people, y=0.55):
        post = (
            (lambda time: (passing(time), 0.0, passing(time) + 0.35, 1.0))
            if k % 2
            else (lambda time: (0.0, rising(time), 1.0, 1.0))
        )
        films.append(Film([_clip(people, actors, 4.8 if k % 2 else 3.6, seed=k, post=post)]))
    return films


def leave(people: Sequence[Person]) -> list[Film]:
    """Two people leave the picture, and return after two and four seconds."""
    films = []
    for k, (one, other) in _groups(people, 2):
        away = keyed((0.8, 0.3), (1.6, -0.2), (3.6, -0.2), (4.4, 0.3))
        beyond = keyed((1.0, 0.7), (1.8, 1.2), (5.4, 1.2), (6.2, 0.7))
        actors = [Actor(who + 1, who, walk_along(x, 0.45, 0.3)) for who, x in ((one, away), (other, beyond))]
        films.append(Film([_clip(people, actors, 6.8, seed=k)]))
    return films


def camera(people: Sequence[Person]) -> list[Film]:
    """The camera moves along four people; then it approaches two of them and withdraws."""
    along, nearer = keyed((0.5, 0.45), (4.0, 1.55)), keyed((0.3, 0.8), (2.0, 1.7), (3.7, 0.8))
    films = []
    for k, group in _groups(people, 4):
        actors = [Actor(who + 1, who, rest(0.25 + 0.5 * n, 0.45, 0.3), sway=0.3) for n, who in enumerate(group)]
        films += [
            Film([_clip(people, actors, 4.6, seed=k, camera=lambda time: (along(time), 0.5, 1.0))]),
            Film([_clip(people, actors[:2], 4.0, seed=k, camera=lambda time: (0.5, 0.47, nearer(time)))]),
        ]
    return films


def crowd(people: Sequence[Person]) -> list[Film]:
    """Fifteen people of 43 to 92 px, in three rows; the film asks for faces of 40 px."""
    films = []
    for k, group in _groups(people, 15):
        rows = ((who, n % 5, n // 5) for n, who in enumerate(group))
        actors = [
            Actor(who + 1, who, swing(0.1 + 0.2 * x, 0.16 + 0.32 * y, 0.08 + 0.045 * y, 0.012, 4, who))
            for who, x, y in rows
        ]
        films.append(Film([_clip(people, actors, 2.4, seed=k, size=(960, 540))], min_face=40))
    return films


def crossing(people: Sequence[Person]) -> list[Film]:
    """Two people cross, one in front of the other."""
    films = []
    for k, (one, other) in _groups(people, 2):
        actors = [
            Actor(one + 1, one, swing(0.5, 0.40, 0.24, 0.34, 5)),
            Actor(other + 1, other, swing(0.5, 0.46, 0.29, 0.34, 5, pi)),
        ]
        films.append(Film([_clip(people, actors, 4.0, seed=k)]))
    return films


def dim(people: Sequence[Person]) -> list[Film]:
    """Little light and much noise."""
    return [Film([_clip(people, actors, 3.0, seed=k, light=0.4, noise=7.0)]) for k, actors in _rows(people, reach=0.04)]


def slow(people: Sequence[Person]) -> list[Film]:
    """Five frames per second."""
    return [Film([_clip(people, actors, 6.0, seed=k, rate=5.0)]) for k, actors in _rows(people, reach=0.04)]


KINDS: dict[str, Callable[[Sequence[Person]], list[Film]]] = {
    kind.__name__: kind
    for kind in (
        cut, black, aside, framing, dialogue, dissolve, slideshow, change,
        lean, profile, hidden, leave, camera, crowd, crossing, dim, slow,
    )
}  # fmt: skip
WITH_ALL = {cut, lean, profile, hidden, crowd}


def films_of(kind: str, people: Sequence[Person]) -> list[Film]:
    """Makes the films of a kind, most kinds with half of the people only, which saves time."""
    make = KINDS[kind]
    return make(people if make in WITH_ALL else people[: (len(people) + 1) // 2])
