"""Judges the scenes of a made film: numbers, faces shown, and estimates against each person's photograph."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

from cast import Person
from footage import Film
from mot import MIN_IOU, MIN_VISIBLE_SHARE, Score, match, overlap

from facekit.estimator import FaceEstimator
from facekit.faces.detectors import Box, make_detector
from facekit.heads import AgeAnswer, Answer, ClassAnswer
from facekit.video.annotate import make_tracker
from facekit.video.frames import Frame, Scene
from facekit.video.options import VideoOptions

LEAST_SECONDS = 0.1  # for which a number must lie on a person to count as this person's
APPEARING_SECONDS = 0.3  # after which a face in view must be shown
SURE_SCORE = 0.5  # of a HOG detection
SURE_EVERY = 3  # frames from one search for sure detections to the next


def scenes(frames: Iterable[Frame], estimator: FaceEstimator) -> Iterator[Scene]:
    """Makes the scenes of all frames, as `annotate_video` does with its default options."""
    return map(make_tracker(estimator, VideoOptions(), estimator.min_face).update, frames)


@dataclass
class Figures:
    """Counts over films; add them up by `+`.

    Args:
        score: counts of MOTA and IDF1.
        appearances: of people after the film's first frame.
        carried: those who then had a number that another person had before.
        people: who were in view.
        single: those who had exactly one number.
        sure: HOG detections of a high score, of people who have been in view for a while.
        shown: those that a face of the scene covers.
        ages: absolute differences between the last averaged age of an appearance and the photograph's, years.
        genders, races: whether the last averaged label is the photograph's.
        frames: number of them.
    """

    score: Score = field(default_factory=Score)
    appearances: int = 0
    carried: int = 0
    people: int = 0
    single: int = 0
    sure: int = 0
    shown: int = 0
    ages: list[float] = field(default_factory=list)
    genders: list[bool] = field(default_factory=list)
    races: list[bool] = field(default_factory=list)
    frames: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True)
class _Appearance:
    """A person in view without a break: the frames from start to end."""

    identity: int
    start: int
    end: int


def judge(film: Film, estimator: FaceEstimator, stills: Sequence[Mapping[str, Answer]]) -> Figures:
    """Runs a film and judges its scenes. `stills`: the answers of the photographs by `still_answers`."""
    watched = _Watched(film, estimator)
    made = Figures(score=watched.score, frames=len(watched.truth), sure=watched.sure, shown=watched.shown)
    numbers = {identity: watched.numbers(_Appearance(identity, 0, made.frames)) for identity in watched.identities}
    made.people, made.single = len(numbers), sum(len(own) == 1 for own in numbers.values())
    owners: dict[int, int] = {}
    for appearance in watched.appearances:
        own = watched.numbers(appearance)
        if appearance.start:
            made.appearances += 1
            made.carried += any(owners.get(number, appearance.identity) != appearance.identity for number in own)
        for number in own:
            owners.setdefault(number, appearance.identity)
        if answers := watched.last_answers(appearance):
            _compare(answers, stills[appearance.identity - 1], made)
    return made


def still_answers(people: Sequence[Person], estimator: FaceEstimator) -> list[dict[str, Answer]]:
    """Estimates the photograph of each person."""
    answers = []
    for person in people:
        picture, box = person.still()
        answers += estimator.decode(estimator.predict(estimator.cut(picture, [box])))
    return answers


def _compare(answers: Mapping[str, Answer], still: Mapping[str, Answer], figures: Figures) -> None:
    for name, agreed in (("gender", figures.genders), ("race", figures.races)):
        one, other = answers.get(name), still.get(name)
        if isinstance(one, ClassAnswer) and isinstance(other, ClassAnswer):
            agreed.append(one.label == other.label)
    one, other = answers.get("age"), still.get("age")
    if isinstance(one, AgeAnswer) and isinstance(other, AgeAnswer):
        figures.ages.append(abs(one.years - other.years))


class _Watched:
    """A film's truth and scenes, without the pictures."""

    def __init__(self, film: Film, estimator: FaceEstimator) -> None:
        self.rate, self.truth, self.faces = film.rate, [], []
        self.sure = self.shown = 0
        self._detect, self._since = make_detector("hog", film.min_face or 80), Counter[int]()
        for scene in scenes(self._frames(film), estimator):
            self.faces.append(scene.faces)
            if scene.frame.index % SURE_EVERY == 0:
                self._check_shown(scene)
        boxes = [{face.track: face.box for face in faces} for faces in self.faces]
        self.score, self._tracks = match(self.truth, boxes)

    def _frames(self, film: Film) -> Iterator[Frame]:
        for index, (picture, faces) in enumerate(film):
            self.truth.append(faces)
            self._since = Counter({name: self._since[name] + 1 for name in self._in_view(index)})
            yield Frame(index, index / film.rate, picture, 0.0)

    def _in_view(self, index: int) -> set[int]:
        return {name for name, face in self.truth[index].items() if face.visible_share >= MIN_VISIBLE_SHARE}

    def _check_shown(self, scene: Scene) -> None:
        expected = [self.truth[-1][name].box for name, n in self._since.items() if n > APPEARING_SECONDS * self.rate]
        shown = [face.box for face in scene.faces]
        for found in self._detect(scene.frame.picture):
            if (found.score or 0) >= SURE_SCORE and _covers(expected, found.box):
                self.sure += 1
                self.shown += _covers(shown, found.box)

    @property
    def identities(self) -> set[int]:
        return {appearance.identity for appearance in self.appearances}

    @cached_property
    def appearances(self) -> list[_Appearance]:
        """In the order of their starts."""
        starts: dict[int, int] = {}
        ended = []
        for index in range(len(self.truth) + 1):
            in_view = self._in_view(index) if index < len(self.truth) else set()
            for identity in sorted(starts.keys() - in_view):
                ended.append(_Appearance(identity, starts.pop(identity), index))
            starts.update({identity: index for identity in in_view - starts.keys()})
        return sorted(ended, key=lambda appearance: appearance.start)

    def numbers(self, appearance: _Appearance) -> set[int]:
        """Returns the numbers that lay on a person for a while."""
        tracks = self._tracks[appearance.start : appearance.end]
        counts = Counter(now[appearance.identity] for now in tracks if appearance.identity in now)
        return {number for number, count in counts.items() if count >= LEAST_SECONDS * self.rate}

    def last_answers(self, appearance: _Appearance) -> dict[str, Answer] | None:
        """Returns the averaged answers at the end of an appearance."""
        for index in range(appearance.end - 1, appearance.start - 1, -1):
            if track := self._tracks[index].get(appearance.identity):
                return next(face.answers for face in self.faces[index] if face.track == track)
        return None


def _covers(boxes: Iterable[Box], found: Box) -> bool:
    return any(overlap(box, found) >= MIN_IOU for box in boxes)
