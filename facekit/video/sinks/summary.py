"""Who was seen in a video, when, and what was estimated of them: as a table, a CSV, and a picture."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from facekit.annotation import answer_columns, answer_fields, phrase
from facekit.core.files import write_text
from facekit.heads import Answer, ClassAnswer, Head
from facekit.video.frames import Scene, TrackedFace

LONGEST_FRAME = 2.0  # seconds that one frame counts at most: a stream that stalls shows nobody
SAME_SPAN = 0.5  # seconds out of sight that do not part a span
MOST_SPANS = 32  # of a track; the nearest are joined
TABLE_ROWS = 20


@dataclass(slots=True)
class TrackSummary:
    """A face that was followed.

    Args:
        track: its number.
        first_seen, last_seen: times of its first and last frame, seconds.
        seconds: for which it was on screen.
        frames: in which it was found.
        evidence: how many chips the answers are drawn from.
        largest: width of its largest box, pixels.
        answers: the last ones, without the probabilities of the other classes.
        spans: from when to when it was seen, seconds.
    """

    track: int
    first_seen: float
    last_seen: float
    seconds: float = 0.0
    frames: int = 0
    evidence: int = 0
    largest: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    spans: list[tuple[float, float]] = field(default_factory=list)

    def see(self, face: TrackedFace, time: float) -> None:
        self.last_seen, self.frames = time, self.frames + 1
        self.evidence, self.largest = face.evidence, max(self.largest, face.box[2] - face.box[0])
        if face.answers:  # without the table of all classes: a day has many tracks
            self.answers = {
                name: replace(answer, probabilities={}) if isinstance(answer, ClassAnswer) else answer
                for name, answer in face.answers.items()
            }
        if self.spans and time - self.spans[-1][1] <= SAME_SPAN:
            self.spans[-1] = self.spans[-1][0], time
        else:
            self.spans.append((time, time))
            if len(self.spans) > MOST_SPANS:
                self._join_nearest()

    def stay(self, seconds: float) -> None:
        """What was seen last was on screen for so long."""
        self.seconds += seconds
        self.spans[-1] = self.spans[-1][0], self.last_seen + seconds

    def _join_nearest(self) -> None:
        pauses = [after[0] - before[1] for before, after in zip(self.spans, self.spans[1:], strict=False)]
        at = pauses.index(min(pauses))
        self.spans[at : at + 2] = [(self.spans[at][0], self.spans[at + 1][1])]


class Summary:
    """Collects the scenes of a video; it keeps about a kilobyte a track, however long the video.

    Args:
        heads: those that were answered, for the columns.
    """

    def __init__(self, heads: Sequence[Head]) -> None:
        self._heads = heads
        self._tracks: dict[int, TrackSummary] = {}
        self._present: set[int] = set()  # in the last scene
        self._time: float | None = None  # of the last scene
        self._frame_seconds = 0.0  # how long the one before it was seen

    def add(self, scene: Scene) -> None:
        """Takes in the next scene."""
        time = scene.frame.time
        if self._time is not None:
            self._frame_seconds = min(max(0.0, time - self._time), LONGEST_FRAME)
            for track in self._present:
                self._tracks[track].stay(self._frame_seconds)
        for face in scene.faces:
            self._tracks.setdefault(face.track, TrackSummary(face.track, time, time)).see(face, time)
        self._time, self._present = time, {face.track for face in scene.faces}

    @property
    def seconds(self) -> float:
        """Until when the video was seen; the last frame counts as long as the one before it."""
        return (self._time or 0.0) + self._frame_seconds

    def tracks(self) -> list[TrackSummary]:
        """Everybody who was seen, in the order of the tracks' numbers."""
        tracks = [replace(self._tracks[number], spans=[*self._tracks[number].spans]) for number in sorted(self._tracks)]
        for track in tracks:
            if track.track in self._present:
                track.stay(self._frame_seconds)
        return tracks

    def write_csv(self, path: str | Path) -> None:
        """One row a track, whole or not at all; only the columns' names where nobody was seen.

        Raises:
            FaceKitError: it cannot be written.
        """
        text = io.StringIO()
        columns = ["track", "first_seen", "last_seen", "seconds_on_screen", "frames", "evidence", "largest_face"]
        table = csv.DictWriter(text, [*columns, *answer_columns(self._heads)], lineterminator="\n")
        table.writeheader()
        table.writerows(_row(track) for track in self.tracks())
        write_text(str(path), text.getvalue())

    def __str__(self) -> str:
        """A table for the terminal: those who were on screen longest."""
        tracks = self.tracks()
        if not tracks:
            return "No faces were found."
        shown = longest(tracks, TABLE_ROWS)
        names = [head.name for head in self._heads]
        lines = [
            "  ".join(["track", "first seen", "on screen", *_cells([f"estimated {names[0]}", *names[1:]])]).rstrip()
        ]
        for track in shown:
            answers = [phrase(track.answers[name]) if name in track.answers else "" for name in names]
            times = f"{track.track:5}  {clock(track.first_seen):>10}  {_duration(track.seconds):>9}"
            lines.append("  ".join([times, *_cells(answers)]).rstrip())
        if len(tracks) > len(shown):
            lines.append(f"{len(tracks) - len(shown)} more were on screen for shorter.")
        return "\n".join(lines)


def longest(tracks: Sequence[TrackSummary], count: int) -> list[TrackSummary]:
    """Those that were on screen longest, in the order in which they came."""
    chosen = sorted(tracks, key=lambda track: -track.seconds)[:count]
    return sorted(chosen, key=lambda track: (track.first_seen, track.track))


def clock(seconds: float) -> str:
    """m:ss, or h:mm:ss from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)


def _cells(texts: Sequence[str]) -> list[str]:
    return [f"{text:<18}" for text in texts]


def _row(track: TrackSummary) -> dict[str, Any]:
    return {
        "track": track.track,
        "first_seen": round(track.first_seen, 3),
        "last_seen": round(track.last_seen, 3),
        "seconds_on_screen": round(track.seconds, 3),
        "frames": track.frames,
        "evidence": track.evidence,
        "largest_face": track.largest,
        **answer_fields(track.answers),
    }
