"""Summary of tracks: table, CSV and timeline."""

import csv
import json
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facekit.core.errors import FaceKitError
from facekit.drawing.labels import DARK
from facekit.drawing.photographs import FACE_COLOURS
from facekit.heads import AGE, GENDER, RACE, AgeAnswer, Answer, ClassAnswer, Head
from facekit.video.frames import Frame, Scene, TrackedFace
from facekit.video.sinks.jsonl import JsonLines
from facekit.video.sinks.summary import MAX_SPANS, Summary, clock
from facekit.video.sinks.timeline import CHART_WIDTH, MARGIN, MAX_ROWS, ROW_HEIGHT, draw_timeline

HEADS: list[Head] = [AGE, GENDER, RACE]
PICTURE = np.zeros((8, 8, 3), np.uint8)


def answers(years: float = 34.24) -> dict[str, Answer]:
    return {
        "age": AgeAnswer(years, years - 6.5, years + 7.25, 0.0123),
        "gender": ClassAnswer("Female", 0.98123, {"Male": 0.01877, "Female": 0.98123}),
        "race": ClassAnswer("Asian", 0.84, {"White": 0.16, "Asian": 0.84}),
    }


def scene(time: float, *tracks: int, width: int = 60, years: float = 34.24) -> Scene:
    faces = tuple(TrackedFace(track, (10, 20, 10 + width, 80), answers(years), 3) for track in tracks)
    return Scene(Frame(round(time * 30), time, PICTURE, 0.0), faces)


def seen(
    tracks: dict[int, list[tuple[float, float]]], seconds: float, rate: float = 30, path: Path | None = None
) -> Summary:
    """Makes the summary of a video with tracks visible in the given intervals."""
    summary = Summary(HEADS, path)
    for number in range(round(seconds * rate)):
        time = number / rate
        shown = [track for track, spans in tracks.items() if any(a <= time + 1e-6 < b for a, b in spans)]
        summary.add(scene(time, *shown, years=20 + time))
    return summary


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("rate", [4, 25, 30000 / 1001])
def test_times_and_frames(rate: float) -> None:
    summary = seen({1: [(0, 12)], 7: [(2, 5), (8, 12)]}, 12, rate)
    first, second = summary.tracks()
    assert (first.track, second.track) == (1, 7)
    assert first.seconds == pytest.approx(12, abs=0.5 / rate) and first.frames == round(12 * rate)
    assert second.seconds == pytest.approx(7, abs=1.5 / rate) and second.first_seen == pytest.approx(2, abs=1 / rate)
    assert [time for span in second.spans for time in span] == pytest.approx([2, 5, 8, 12], abs=1.5 / rate)
    assert summary.seconds == pytest.approx(12, abs=1 / rate)
    assert summary.tracks() == [first, second]  # asking changes nothing


def test_a_stall_shows_nobody_and_a_blink_parts_no_span() -> None:
    summary = Summary(HEADS)
    for time in (0.0, 0.1, 60.0, 60.1, 60.2):
        summary.add(scene(time, *([1] if time != 60.1 else [])))
    (track,) = summary.tracks()
    assert track.seconds == pytest.approx(0.1 + 2 + 0.1 + 0.1)
    assert track.spans == [(0.0, pytest.approx(2.1)), (60.0, pytest.approx(60.3))]


def test_the_csv_gives_back_what_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "new" / "tracks.csv"
    summary = seen({2: [(1, 3)], 1: [(0, 4)]}, 4, path=path)
    summary.add(Scene(Frame(120, 4.0, PICTURE, 0.0), (TrackedFace(3, (0, 0, 90, 90), {}, 0),)))
    assert rows(path) == []
    summary.finish()
    first, second, third = rows(path)
    assert second == {
        "track": "2", "first_seen": "1.0", "last_seen": "2.967", "seconds_on_screen": "2.0", "frames": "60",
        "evidence": "3", "largest_face": "60", "age": "23.0", "age_low": "16.5", "age_high": "30.2",
        "age_minor_probability": "0.012",
        "gender": "Female", "gender_probability": "0.9812", "race": "Asian", "race_probability": "0.84",
    }  # fmt: skip
    assert float(first["seconds_on_screen"]) == pytest.approx(4) and first["track"] == "1"
    assert (third["largest_face"], third["evidence"], third["age"], third["gender"]) == ("90", "0", "", "")


def test_rows_are_written_as_tracks_end(tmp_path: Path) -> None:
    path = tmp_path / "tracks.csv"
    path.write_text("an earlier table")
    summary = seen({1: [(0, 12)], 2: [(0, 1), (4, 5)], 3: [(0, 3)]}, 12, rate=10, path=path)
    assert [row["track"] for row in rows(path)] == ["3", "2"]  # what remains after a kill
    assert rows(path)[1]["seconds_on_screen"] == "2.0"
    summary.finish()
    assert [row["track"] for row in rows(path)] == ["3", "2", "1"]


def test_the_last_answers_stand_and_take_little_room() -> None:
    summary = Summary(HEADS)
    for number, said in enumerate([answers(30), answers(40), {}]):
        face = TrackedFace(1, (0, 0, 50 - 10 * number, 9), said, number)
        summary.add(Scene(Frame(number, number / 30, PICTURE, 0.0), (face,)))
    (track,) = summary.tracks()
    assert track.answers["age"] == answers(40)["age"] and track.largest == 50
    assert track.answers["gender"] == ClassAnswer("Female", 0.98123, {})


def test_heads_left_out_have_no_column(tmp_path: Path) -> None:
    summary = Summary([AGE], tmp_path / "tracks.csv")
    summary.add(Scene(Frame(0, 0.0, PICTURE, 0.0), (TrackedFace(1, (0, 0, 9, 9), {"age": AgeAnswer(3, 1, 5)}, 1),)))
    summary.finish()
    assert list(rows(tmp_path / "tracks.csv")[0])[-4:] == ["age", "age_low", "age_high", "age_minor_probability"]
    assert "gender" not in str(summary)


def test_the_table() -> None:
    summary = seen({1: [(0, 10)], **{track: [(track, track + 1)] for track in range(2, 9)}}, 100)
    lines = str(summary).splitlines()
    assert lines[0].split() == ["track", "first", "seen", "on", "screen", "estimated", "age", "gender", "race"]
    assert lines[1].split() == ["1", "0:00", "10.0", "s", "30", "(23", "to", "37)", "Female", "98%", "Asian", "84%"]
    assert len(lines) == 9 and all(len(line) <= 100 for line in lines)
    many = seen({track: [(track, track + 1)] for track in range(1, 41)}, 50, rate=4)
    assert str(many).splitlines()[-1] == "20 more were on screen for shorter."


def test_times_are_read_as_on_a_clock() -> None:
    assert [clock(seconds) for seconds in (0, 59.6, 61, 3599.6, 86_399)] == [
        "0:00",
        "1:00",
        "1:01",
        "1:00:00",
        "23:59:59",
    ]


def test_nobody_was_seen(tmp_path: Path) -> None:
    for summary in (Summary(HEADS), seen({}, 3, path=tmp_path / "tracks.csv")):
        summary.finish()
        draw_timeline(summary, tmp_path / "timeline.png")
        assert str(summary) == "No faces were found."
        with Image.open(tmp_path / "timeline.png") as picture:
            assert picture.height < 200 and len(picture.getcolors(100_000)) > 20  # it says so
    assert rows(tmp_path / "tracks.csv") == []
    assert (tmp_path / "tracks.csv").read_text().startswith("track,first_seen,last_seen,seconds_on_screen,frames,")


def chart(path: Path) -> np.ndarray:
    """Reads the part with the bars, right of the answers."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    return pixels[MARGIN + ROW_HEIGHT : -MARGIN - ROW_HEIGHT, -CHART_WIDTH - 2 * MARGIN : -2 * MARGIN]


def test_the_timeline_shows_when_each_was_seen(tmp_path: Path) -> None:
    draw_timeline(seen({1: [(0, 10)], 2: [(2.5, 5), (7.5, 10)]}, 10), tmp_path / "timeline.png")
    bars = chart(tmp_path / "timeline.png")
    assert bars.shape[0] == 2 * ROW_HEIGHT
    for number, spans in enumerate([[(0, 1)], [(0.25, 0.5), (0.75, 1)]]):
        row = (bars[ROW_HEIGHT * number + ROW_HEIGHT // 2] == FACE_COLOURS[number]).all(axis=-1)
        true = np.zeros(CHART_WIDTH, bool)
        for start, end in spans:
            true[round(start * CHART_WIDTH) : round(end * CHART_WIDTH)] = True
        assert (row != true).sum() <= 12


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("count, seconds", [(1, 0.1), (3, 90), (60, 4000)])
def test_the_timeline_of_any_video(count: int, seconds: float, language: str, tmp_path: Path) -> None:
    summary = Summary(HEADS)
    for number in range(400):
        time = seconds * number / 400
        summary.add(scene(time, *[track for track in range(1, count + 1) if abs(number - 5 * track) < 60]))
    draw_timeline(summary, tmp_path / "timeline.png", language)
    with Image.open(tmp_path / "timeline.png") as picture:
        assert 1200 < picture.width < 2000
        assert picture.height == ROW_HEIGHT * (2 + min(count, MAX_ROWS)) + 2 * MARGIN
        edges = np.concatenate([np.asarray(picture)[:, -3:].reshape(-1, 3), np.asarray(picture)[-3:].reshape(-1, 3)])
    assert (edges == DARK).all()  # nothing is cut off


def test_a_day_of_many_people_needs_little_memory() -> None:
    summary = Summary(HEADS)
    for number in range(500):
        summary.add(scene(10.0 * number, 1))
    tracemalloc.start()
    for number in range(500, 10_500):
        summary.add(scene(10.0 * number, 1, *([2 + number // 100] if number % 100 < 5 else [])))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(summary.tracks()) == 101
    assert grown < 100 * 3000
    assert all(len(track.spans) <= MAX_SPANS for track in summary.tracks())


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file" / "out.png"
    (tmp_path / "file").touch()
    for write in (lambda: seen({1: [(0, 1)]}, 1, path=path), lambda: draw_timeline(seen({}, 1), path)):
        with pytest.raises(FaceKitError, match=r"Cannot write .*file.*out\.png: (File exists|Not a directory)\."):
            write()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
def test_on_a_full_disk_tables_and_lines_end_with_a_whole_line(tmp_path: Path) -> None:
    import resource

    table, lines = tmp_path / "tracks.csv", tmp_path / "lines.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    summary = Summary(HEADS, table)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with JsonLines(lines) as file, pytest.raises(FaceKitError, match=r"^Cannot write .*jsonl: File too large\."):
            for number in range(30):
                file.write(scene(number, 1))
        with pytest.raises(FaceKitError, match=r"^Cannot write .*tracks.csv: File too large\."):
            for number in range(30):
                summary.add(scene(10 * number, number))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    summary.finish()
    assert [json.loads(line)["frame"] for line in lines.read_text().splitlines()] == [0, 30]
    assert [row["race"] for row in rows(table)] == 12 * ["Asian"]
    assert lines.read_text().endswith("\n") and table.read_text().endswith("\n")
