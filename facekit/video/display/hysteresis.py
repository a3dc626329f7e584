"""Stable texts and bars of a face's card: displayed estimates change only when they differ enough."""

from dataclasses import dataclass, field

from facekit.drawing.labels import Bar, label_size
from facekit.drawing.photographs import caption_lines
from facekit.heads import Answer
from facekit.heads.head import Line

MINIMUM_SECONDS = 0.3  # time for which a text stays unchanged


@dataclass
class StableAnswers:
    """The displayed answers, which follow the estimates with hysteresis.

    Args:
        answers: head's name -> answer, rounded as displayed.
        changed: time of the last change, seconds of the video.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    changed: float = 0.0

    def update(self, answers: dict[str, Answer], time: float) -> None:
        """Takes over answers that changed enough, unless the last change was too recent."""
        if answers.keys() == self.answers.keys() and 0 <= time - self.changed < MINIMUM_SECONDS:
            return
        stable = {name: answer.settled(self.answers.get(name)) for name, answer in answers.items()}
        if stable != self.answers:
            self.answers, self.changed = stable, time


def widest_lines(answers: dict[str, Answer], words: dict[str, str]) -> tuple[Line, ...]:
    """Returns the widest possible text of each line."""
    return tuple(_widest(name, answer, words) for name, answer in answers.items())


def _widest(name: str, answer: Answer, words: dict[str, str]) -> Line:
    lines = [caption_lines({name: candidate}, words)[0] for candidate in answer.widest()]
    return max(lines, key=lambda line: label_size((line,), 40, has_stripe=False)[0])


def bars(answers: dict[str, Answer]) -> tuple[Bar, ...]:
    """Makes a bar for each answer."""
    return tuple(tuple(answer.bar()) for answer in answers.values())
