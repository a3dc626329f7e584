"""What a card says of a face: its estimates, but calm, and as wide whatever they become."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from facekit.drawing.labels import LIKELIEST, RANGE, REST, Bar, Line, Segment, plate_size
from facekit.drawing.photographs import caption_lines
from facekit.heads import AgeAnswer, Answer, ClassAnswer

SHORTEST = 0.3  # seconds for which a text stays
YEARS = 0.8  # a year shown stays while the estimate is nearer than this: 34.5 does not flip between 34 and 35
PROBABILITY = 0.03  # likewise
LEAD = 0.05  # by which another class must be likelier than the one that is shown
OLDEST = 100.0  # years, the right end of the age's bar
MARK = 0.012  # half the width of its mark, in bars
NOTHING_YET: tuple[Line, ...] = (("…", ""),)


@dataclass
class Shown:
    """The answers as they are shown, which follow the estimates with some reluctance.

    Args:
        answers: head's name -> answer, rounded to what is written.
        changed: when, in seconds of the video.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    changed: float = 0.0

    def follow(self, answers: dict[str, Answer], time: float) -> None:
        """Takes over what has changed enough, not too soon after the last change."""
        if answers.keys() == self.answers.keys() and 0 <= time - self.changed < SHORTEST:
            return
        held = {name: _held(self.answers.get(name), answer) for name, answer in answers.items()}
        if held != self.answers:
            self.answers, self.changed = held, time


def _held(shown: Answer | None, new: Answer) -> Answer:
    if isinstance(new, AgeAnswer):
        last = (shown.years, shown.low, shown.high) if isinstance(shown, AgeAnswer) else (None, None, None)
        return AgeAnswer(*map(_held_year, last, (new.years, new.low, new.high)))
    label, now = new.label, new.probabilities
    if isinstance(shown, ClassAnswer) and shown.probabilities.keys() == now.keys():
        label = shown.label if new.probability - now.get(shown.label, 0) < LEAD else new.label
        is_near = all(abs(now[name] - last) < PROBABILITY for name, last in shown.probabilities.items())
        if is_near and label == shown.label:
            return shown
    rounded = {name: round(probability, 2) for name, probability in now.items()}
    return ClassAnswer(label, rounded.get(label, new.probability), rounded)


def _held_year(shown: float | None, new: float) -> float:
    return shown if shown is not None and abs(new - shown) < YEARS else float(round(new))


def widest_lines(answers: dict[str, Answer], words: dict[str, str]) -> tuple[Line, ...]:
    """The widest that each line can become."""
    return tuple(_widest(name, answer, words) for name, answer in answers.items())


def _widest(name: str, answer: Answer, words: dict[str, str]) -> Line:
    candidates: list[Answer] = [AgeAnswer(88, 88, 88)]
    if isinstance(answer, ClassAnswer):
        candidates = [ClassAnswer(label, 0.88, {}) for label in answer.probabilities or [answer.label]]
    lines = [caption_lines({name: candidate}, words)[0] for candidate in candidates]
    return max(lines, key=lambda line: plate_size((line,), 40, has_stripe=False)[0])


def bars(answers: dict[str, Answer]) -> tuple[Bar, ...]:
    """A bar for each answer: the interval with its mark on a line of 100 years, or the share of each class."""
    return tuple(
        tuple(_age_bar(answer) if isinstance(answer, AgeAnswer) else _class_bar(answer)) for answer in answers.values()
    )


def _age_bar(answer: AgeAnswer) -> Iterator[Segment]:
    low, years, high = (min(max(age / OLDEST, MARK), 1 - MARK) for age in (answer.low, answer.years, answer.high))
    yield low, high, RANGE
    yield years - MARK, years + MARK, LIKELIEST


def _class_bar(answer: ClassAnswer) -> Iterator[Segment]:
    start = 0.0
    for label, probability in (answer.probabilities or {answer.label: answer.probability}).items():
        end = min(1.0, start + probability)
        yield start, end, LIKELIEST if label == answer.label else REST
        start = end
