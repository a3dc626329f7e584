"""Captures: times, names and contents; a capture never blocks or ends the video."""

import argparse
import errno
import json
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from waiting import LIMIT, wait_for

from facekit.cli import seconds
from facekit.core.errors import FaceKitError, UsageError
from facekit.core.files import user_state
from facekit.faces.images import Picture
from facekit.heads import ClassAnswer
from facekit.video import VideoOptions
from facekit.video.captures import captures as captures_module
from facekit.video.captures.best_faces import TRACK_END_SECONDS
from facekit.video.captures.captures import Captures
from facekit.video.captures.spool import Folder
from facekit.video.frames import Frame, Scene, TrackedFace

NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z-\d{6}-[0-9a-f]{6}(-track-\d{6})?\.(jpg|json)")
PICTURE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
Opened = Callable[..., Captures]


def face(
    track: int = 1, evidence: int = 1, label: str = "Female", box: Any = (100, 100, 200, 220), quality: float = 0.5
) -> TrackedFace:
    return TrackedFace(track, box, {"gender": ClassAnswer(label, 0.9, {label: 0.9})}, evidence, quality)


def scene(number: int, *faces: TrackedFace, picture: Picture = PICTURE, rate: float = 30.0) -> Scene:
    return Scene(Frame(number, number / rate, picture, time.monotonic()), faces)


def facts(folder: Path) -> list[dict[str, Any]]:
    """Reads all JSON files, and checks that each has its picture."""
    names = sorted(path.name for path in folder.iterdir())
    assert all(map(NAME.fullmatch, names)), names
    assert [name for name in names if name.endswith(".jpg")] == [
        f"{path.stem}.jpg" for path in sorted(folder.glob("*.json"))
    ]
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


@pytest.fixture
def opened(tmp_path: Path, notes: list[str]) -> Opened:
    def make(source: str = "Camera 0", live: bool = True, **options: Any) -> Captures:
        named: Any = SimpleNamespace(name=source, is_live=live)
        return Captures(VideoOptions(**{"capture_to": str(tmp_path / "captures"), **options}), named)

    return make


def test_a_capture_is_the_drawn_frame_and_what_is_known_of_it(opened: Opened, tmp_path: Path, notes: list[str]) -> None:
    drawn = np.full((48, 64, 3), (200, 30, 60), np.uint8)
    before = time.time()
    with opened(source="rtsp://user:secret@host/stream") as captures:
        captures.take(scene(123, face()), drawn)
    (about,) = facts(tmp_path / "captures")
    taken = captures_module.datetime.fromisoformat(about["captured"])
    assert before - 0.01 < taken.timestamp() < time.time() and about["captured"].endswith("Z")
    assert (about["frame"], about["time"], about["size"]) == (123, 4.1, [64, 48])
    assert about["faces"] == [face().to_dict()] and "Estimates" in about["note"]
    assert about["source"] == "rtsp://host/stream"
    with Image.open(tmp_path / "captures" / about["picture"]) as picture:
        assert picture.size == (64, 48) and np.abs(np.asarray(picture, int) - drawn).max() < 6
    assert notes == []


@pytest.mark.parametrize(
    ("every", "rate", "expected"),
    [
        (0.1, 30.0, [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]),
        (0.25, 29.97, [0, 8, 15, 23]),
        (0.001, 4.0, [*range(30)]),  # not more than there are frames
        (None, 30.0, []),
    ],
)
def test_frames_are_captured_every_so_often(
    every: float | None, rate: float, expected: list[int], opened: Opened, tmp_path: Path
) -> None:
    with opened(capture_every=every) as captures:
        for number in range(30):
            captures.offer(scene(number, rate=rate), PICTURE[:8, :8])
    assert [about["frame"] for about in facts(tmp_path / "captures")] == expected


def test_after_a_gap_the_captures_go_on_at_their_times(opened: Opened, tmp_path: Path) -> None:
    with opened(capture_every=1.0) as captures:
        for number in [0, 10, 75, 76, 89, 90, 91]:  # at 30 a second
            captures.offer(scene(number), PICTURE[:8, :8])
    assert [about["frame"] for about in facts(tmp_path / "captures")] == [0, 75, 90]


def test_the_best_picture_of_each_track_is_captured_when_it_ends(opened: Opened, tmp_path: Path) -> None:
    worse = PICTURE[:, ::-1]
    with opened(capture_faces=True) as captures:
        captures.offer(scene(0, face(7, 1, "Male"), picture=worse), PICTURE)
        captures.offer(scene(1, face(7, 2, "Male", quality=0.8)), PICTURE)
        captures.offer(scene(2, face(7, 3, quality=0.79), face(8, 1, box=(-20, 300, 80, 470)), picture=worse), PICTURE)
        captures.offer(
            scene(3, face(7, 3, box=(300, 100, 400, 220)), face(9, 0), picture=PICTURE[::-1]), PICTURE
        )  # nobody looked at these
        captures.offer(scene(3 + round(30 * TRACK_END_SECONDS), face(8, 1)), PICTURE)
        assert captures._best is not None and captures._best._best.keys() == {7, 8}
        captures.offer(scene(5 + round(30 * TRACK_END_SECONDS), face(8, 1)), PICTURE)
        wait_for(lambda: len(list((tmp_path / "captures").glob("*.json"))) == 1)
    first, second = facts(tmp_path / "captures")
    assert (first["frame"], first["faces"][0]["gender"]["label"], first["faces"][0]["evidence"]) == (1, "Female", 3)
    assert first["faces"][0]["box"] == [100, 100, 200, 220]
    assert (first["crop"], first["size"]) == ([60, 52, 240, 268], [180, 216])
    assert first["picture"].endswith("-track-000007.jpg") and second["picture"].endswith("-track-000008.jpg")
    assert (second["frame"], second["crop"]) == (2, [0, 232, 120, 480])
    with Image.open(tmp_path / "captures" / first["picture"]) as picture:
        expected = PICTURE[52:268, 60:240].mean(axis=-1)  # JPEG keeps little of the colours of noise
        assert np.abs(np.asarray(picture).mean(axis=-1) - expected).mean() < 20


def test_a_large_face_is_made_smaller_and_one_outside_is_left_out(opened: Opened, tmp_path: Path) -> None:
    with opened(capture_faces=True) as captures:
        large = np.zeros((2000, 3000, 3), np.uint8)
        captures.offer(scene(0, face(box=(500, 500, 1500, 1500)), face(2, box=(-50, 10, 0, 60)), picture=large), large)
    (about,) = facts(tmp_path / "captures")
    assert about["crop"] == [100, 100, 1900, 1900] and about["size"] == [512, 512]


def test_tracks_that_ended_leave_nothing_in_memory(opened: Opened) -> None:
    with opened(capture_faces=True) as captures:
        for number in range(0, 3000, 30):
            captures.offer(scene(number, face(number)), PICTURE)
        assert captures._best is not None and len(captures._best._seen) == len(captures._best._best) == 6


def test_offering_does_not_wait_for_the_disk(opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    goes_on, write = threading.Event(), Folder.add
    monkeypatch.setattr(Folder, "add", lambda *arguments: (goes_on.wait(LIMIT), write(*arguments)))
    with opened(capture_every=0.01, capture_faces=True) as captures:
        for number in range(8):
            captures.offer(scene(number, *(face(track, number) for track in range(8))), PICTURE)
        assert facts(tmp_path / "captures") == []
        goes_on.set()
    assert len(facts(tmp_path / "captures")) == 16


def test_when_too_much_waits_live_video_gives_captures_up_and_files_wait(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, notes: list[str]
) -> None:
    monkeypatch.setattr(captures_module, "MAX_BACKLOG_BYTES", 2 * PICTURE.nbytes)
    goes_on, write = threading.Event(), Folder.add
    monkeypatch.setattr(Folder, "add", lambda *arguments: (goes_on.wait(LIMIT), write(*arguments)))
    with opened() as captures:
        for number in range(5):
            captures.take(scene(number), PICTURE)
        goes_on.set()
    assert [about["frame"] for about in facts(tmp_path / "captures")] == [0, 1]
    assert notes == ["A capture is lost: the disk is too slow for so many.", "3 captures were lost."]
    goes_on.clear()
    threading.Timer(0.1, goes_on.set).start()
    with opened(live=False, capture_to=str(tmp_path / "file")) as captures:
        for number in range(5):
            captures.take(scene(number), PICTURE)
    assert [about["frame"] for about in facts(tmp_path / "file")] == [0, 1, 2, 3, 4]
    assert len(notes) == 2


def test_a_full_disk_loses_captures_with_one_note(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, notes: list[str]
) -> None:
    write = Folder.add

    def full(folder: Folder, name: str, picture: bytes, about: bytes) -> None:
        if "-000002-" <= name[24:32] <= "-000004-":
            raise OSError(errno.ENOSPC, "No space left on device", str(folder.folder))
        write(folder, name, picture, about)

    monkeypatch.setattr(Folder, "add", full)
    with opened() as captures:
        for number in range(6):
            captures.take(scene(number), PICTURE)
    assert [about["frame"] for about in facts(tmp_path / "captures")] == [0, 1, 5]
    assert len(notes) == 2 and "A capture is lost: [Errno 28] No space left on device" in notes[0]
    assert notes[1] == "3 captures were lost."


def test_a_folder_that_cannot_be_written_to_is_told_at_the_start(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FaceKitError, match=r"Cannot make the folder .*file: File exists\. Choose another\."):
        opened(capture_to=str(tmp_path / "file"))
    if sys.platform == "linux":
        with pytest.raises(FaceKitError, match=r"Cannot write to the folder /proc: .*"):
            opened(capture_to="/proc")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"capture_to": "gs://bucket/x"},
            "Captures must go to a folder or to s3://bucket/prefix. Received: gs://bucket/x",
        ),
        (
            {"s3_endpoint": "http://localhost:1"},
            "An S3 endpoint or encryption needs a capture target of the form s3://",
        ),
        ({"s3_encryption": "AES256"}, "An S3 endpoint or encryption needs a capture target of the form s3://"),
        ({"capture_to": "s3:///prefix"}, "digits, dots and hyphens. Received: s3:///prefix"),
        ({"capture_to": "s3://what is this/x"}, "digits, dots and hyphens. Received: s3://what is this/x"),
        (
            {"capture_to": "s3://bucket/p", "s3_encryption": "AES512"},
            "AES256, aws:kms or aws:kms:KEY. Received: AES512",
        ),
        (
            {"capture_to": "s3://bucket/p", "s3_encryption": "aws:kms:"},
            "AES256, aws:kms or aws:kms:KEY. Received: aws:kms:",
        ),
        ({"capture_to": "s3://b/p"}, "with 3 or more letters, digits, dots and hyphens. Received: s3://b/p"),
        (
            {"capture_to": "s3://bucket/p", "s3_endpoint": "nonsense://x"},
            "an address such as http://host:9000. Received: nons",
        ),
        (
            {"capture_to": "s3://bucket/p", "s3_endpoint": "localhost 9000"},
            "An S3 endpoint must be an address such as http://",
        ),
    ],
)
def test_targets_and_options_that_cannot_be(options: dict[str, Any], message: str, opened: Opened) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        opened(**options)


def test_a_missing_boto3_says_what_to_install(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    monkeypatch.delitem(sys.modules, "facekit.video.captures.uploads", raising=False)
    with pytest.raises(FaceKitError, match=r"^boto3 is not installed\. It comes with the extra s3\. "):
        opened(capture_to="s3://bucket/prefix")


def test_no_thread_is_left(opened: Opened, tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), opened() as captures:
        captures.take(scene(0), PICTURE)
        raise KeyboardInterrupt
    assert threading.active_count() == before
    assert len(facts(tmp_path / "captures")) == 1


@pytest.mark.parametrize(
    ("text", "expected"), [("5", 5), ("5s", 5), ("0.5 s", 0.5), (".5", 0.5), ("500ms", 0.5), ("2m", 120), ("1h", 3600)]
)
def test_times_on_the_command_line(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["0", "0.0s", "-1", "s", "", "1d", "nan", "1e3"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be a time above zero such as 5s"):
        seconds(text)


def test_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert user_state() == Path("/state")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert user_state() == Path.home() / ".local" / "state"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert user_state() == Path("/local")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert user_state() == Path.home() / "Library" / "Application Support"
