"""Summarises the tracks of a video: a table for the terminal, and a CSV file."""

import csv
import io
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from facekit.annotation import answer_columns, answer_fields, answer_titles
from facekit.core.files import writing
from facekit.heads import Answer, Head
from facekit.video.captures.best_faces import TRACK_END_SECONDS
from facekit.video.frames import Scene, TrackedFace
from facekit.video.sinks.fragments import FragmentFile

MAX_FRAME_SECONDS = 2.0  # upper bound of one frame's duration: nobody is visible while a stream stalls
MAX_GAP_SECONDS = 0.5  # time out of sight that does not split a span
MAX_SPANS = 32  # per track; the nearest ones are joined
TABLE_ROWS = 20
COLUMNS = ("track", "first_seen", "last_seen", "seconds_on_screen", "frames", "evidence", "largest_face")


@dataclass(slots=True)
class TrackSummary:
    """Summary of one track."""

    track: int
    first_seen: float  # time of the first frame with it, seconds
    last_seen: float
    seconds: float = 0.0  # on screen
    frames: int = 0
    evidence: int = 0  # number of chips that the answers are based on
    largest: int = 0  # width of its largest box, pixels
    answers: dict[str, Answer] = field(default_factory=dict)  # the last ones
    spans: list[tuple[float, float]] = field(default_factory=list)  # intervals on screen, seconds

    def add(self, face: TrackedFace, time: float) -> None:
        self.last_seen, self.frames = time, self.frames + 1
        self.evidence, self.largest = face.evidence, max(self.largest, face.box[2] - face.box[0])
        if face.answers:  # without all probabilities, as a day has many tracks
            self.answers = {name: answer.compact() for name, answer in face.answers.items()}
        if self.spans and time - self.spans[-1][1] <= MAX_GAP_SECONDS:
            self.spans[-1] = self.spans[-1][0], time
        else:
            self.spans.append((time, time))
            if len(self.spans) > MAX_SPANS:
                self._join_nearest()

    def extend(self, seconds: float) -> None:
        """Adds the duration of the last frame."""
        self.seconds += seconds
        self.spans[-1] = self.spans[-1][0], self.last_seen + seconds

    def _join_nearest(self) -> None:
        gaps = [after[0] - before[1] for before, after in zip(self.spans, self.spans[1:], strict=False)]
        index = gaps.index(min(gaps))
        self.spans[index : index + 2] = [(self.spans[index][0], self.spans[index + 1][1])]


class Summary:
    """Summarises scenes; needs about a kilobyte per track, however long the video is.

    The CSV file, if there is a path, replaces an existing one at the first scene. It gets the row of a track once the
    track has ended, so a killed process loses only the current tracks.
    """

    def __init__(self, heads: Sequence[Head], path: str | Path | None = None) -> None:
        self._heads, self._path = heads, path
        self._file: FragmentFile | None = None
        self._tracks: dict[int, TrackSummary] = {}
        self._open: dict[int, TrackSummary] = {}  # those without a row, in the order of their last scene
        self._present: set[int] = set()  # tracks of the last scene
        self._time: float | None = None  # of the last scene, seconds
        self._frame_seconds = 0.0  # duration of the scene before it

    def add(self, scene: Scene) -> None:
        """Adds the next scene. Raises FaceKitError if the file cannot be written."""
        time = scene.frame.time
        if self._time is not None:
            self._frame_seconds = min(max(0.0, time - self._time), MAX_FRAME_SECONDS)
            for track in self._present:
                self._tracks[track].extend(self._frame_seconds)
        for face in scene.faces:
            summary = self._tracks.setdefault(face.track, TrackSummary(face.track, time, time))
            summary.add(face, time)
            self._open[face.track] = summary
        self._time, self._present = time, {face.track for face in scene.faces}
        self._write([track for track in self._open.values() if time - track.last_seen > TRACK_END_SECONDS])

    def finish(self) -> None:
        """Writes the remaining rows, and closes the file. Raises FaceKitError if it cannot be written."""
        if self._file:
            with closing(self._file):
                self._write([track for track in self.tracks() if track.track in self._open])

    @property
    def seconds(self) -> float:
        """Duration of the video; the last frame counts as long as the one before it."""
        return (self._time or 0.0) + self._frame_seconds

    def tracks(self) -> list[TrackSummary]:
        """Returns the summaries of all tracks in the order of their ids."""
        tracks = [replace(track, spans=[*track.spans]) for _, track in sorted(self._tracks.items())]
        for track in tracks:
            if track.track in self._present:
                track.extend(self._frame_seconds)
        return tracks

    def _write(self, tracks: Sequence[TrackSummary]) -> None:
        """Writes the rows of ended tracks, and before the first ones the header."""
        for track in tracks:
            del self._open[track.track]
        if not self._path or (self._file and not tracks):
            return
        text = io.StringIO()
        table = csv.DictWriter(text, [*COLUMNS, *answer_columns(self._heads)], lineterminator="\n")
        with writing(self._path, argument="summary"):
            if not self._file:
                self._file = FragmentFile(Path(self._path))
                table.writeheader()
            table.writerows(_row(track) for track in tracks)
            self._file.append(text.getvalue().encode())

    def __str__(self) -> str:
        """Returns a table for the terminal of the tracks that were on screen longest."""
        tracks = self.tracks()
        if not tracks:
            return "No faces were found."
        listed = longest(tracks, TABLE_ROWS)
        names = [head.name for head in self._heads]
        titles = ["track", "first seen", "on screen", *_cells(answer_titles(self._heads))]
        lines = ["  ".join(titles).rstrip()]
        for track in listed:
            answers = [str(track.answers[name]) if name in track.answers else "" for name in names]
            times = f"{track.track:5}  {clock(track.first_seen):>10}  {_duration(track.seconds):>9}"
            lines.append("  ".join([times, *_cells(answers)]).rstrip())
        if len(tracks) > len(listed):
            lines.append(f"{len(tracks) - len(listed)} more were on screen for shorter.")
        return "\n".join(lines)


def longest(tracks: Sequence[TrackSummary], count: int) -> list[TrackSummary]:
    """Selects the tracks that were on screen longest, in the order of their first frame."""
    chosen = sorted(tracks, key=lambda track: -track.seconds)[:count]
    return sorted(chosen, key=lambda track: (track.first_seen, track.track))


def clock(seconds: float) -> str:
    """Formats a time as m:ss, from an hour on as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)


def _cells(texts: Sequence[str]) -> list[str]:
    return [f"{text:<18}" for text in texts]


def _row(track: TrackSummary) -> dict[str, Any]:
    times = (round(time, 3) for time in (track.first_seen, track.last_seen, track.seconds))
    values = (track.track, *times, track.frames, track.evidence, track.largest)
    return {**dict(zip(COLUMNS, values, strict=True)), **answer_fields(track.answers)}
