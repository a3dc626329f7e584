"""Cameras: list, newest picture, reconnection, and stopping."""

import json
import re
import sys
import threading
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from films import pictures
from servers import read_source, stop_soon
from waiting import LIMIT, wait_for

from facekit.core.errors import VideoError
from facekit.video import list_cameras
from facekit.video.sources import cameras, live, open_source
from facekit.video.sources.cameras import find_camera


class Plug:
    """Fake of cv2.VideoCapture. Each opening is a list of pictures, after which reading fails.

    A number instead of a picture is the time in seconds for which reading blocks.
    """

    def __init__(self, *openings: list[Any], rate: float = 30.0) -> None:
        self.openings, self.rate = iter(openings), rate
        self.numbers: list[int] = []
        self.asked: dict[int, float] = {}
        self.n_open = 0

    def __call__(self, *numbers: int) -> "Plug.Capture":  # none for a camera that is not listed
        self.numbers += numbers
        self.n_open += 1
        return Plug.Capture(self, next(self.openings, []))

    class Capture:
        def __init__(self, plug: "Plug", shots: list[Any]) -> None:
            self.plug, self.shots = plug, iter(shots)

        def read(self) -> tuple[bool, np.ndarray | None]:
            shot = next(self.shots, None)
            if isinstance(shot, float):
                time.sleep(shot)
                return False, None
            return shot is not None, None if shot is None else shot[..., ::-1]

        def get(self, what: int) -> float:
            return self.plug.rate

        def set(self, what: int, value: float) -> bool:
            self.plug.asked[what] = value
            return True

        def release(self) -> None:
            self.plug.n_open -= 1


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plug]:
    def plug(*openings: list[Any], **options: Any) -> Plug:
        made = Plug(*openings, **options)
        monkeypatch.setattr(cv2, "VideoCapture", made)
        monkeypatch.setattr(live, "FIRST_RETRY_SECONDS", 0.05)
        return made

    return plug


def test_a_camera_gives_frames_by_the_clock(plug_in: Callable[..., Plug]) -> None:
    plug = plug_in(pictures(6))
    with open_source("0", size=(1280, 720)) as source:
        assert (source.name, source.is_live, source.rate, source.size) == ("Camera 0", True, 30, (320, 240))
        assert (source.n_frames, source.duration) == (None, None)
        started = time.monotonic()
        frames = []
        for frame in islice(source, 5):
            frames.append(frame)
            time.sleep(0.03)
    assert [frame.index for frame in frames] == list(range(5))
    assert frames[0].time == 0 and started <= frames[0].captured <= time.monotonic()
    for frame, picture in zip(frames, pictures(6)[1:], strict=True):  # the first one, of the opening, is old
        assert frame.time == pytest.approx(frame.captured - frames[0].captured)
        assert np.array_equal(frame.picture, picture)
    assert frames[4].time >= 0.12
    assert plug.asked[cv2.CAP_PROP_FRAME_WIDTH] == 1280 and plug.asked[cv2.CAP_PROP_FRAME_HEIGHT] == 720
    assert plug.asked[cv2.CAP_PROP_BUFFERSIZE] == 1


@pytest.mark.parametrize("rate", [0.0, -1.0, 1000.0])
def test_rates_and_numbers_that_cannot_be_are_not_believed(rate: float, plug_in: Callable[..., Plug]) -> None:
    plug = plug_in(pictures(1), rate=rate)
    with open_source("200") as source:  # hundreds would tell OpenCV by which way to reach camera 0
        assert (source.name, source.rate) == ("Camera 200", 30)
    assert plug.numbers == [99]


def test_no_camera_is_told_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(VideoError, match=r"^Camera 98 gives no picture: .*name another camera or a video file.*$"):
        open_source(98)
    assert capfd.readouterr() == ("", "")


def test_a_camera_that_was_unplugged_comes_back(plug_in: Callable[..., Plug], monkeypatch: pytest.MonkeyPatch) -> None:
    upright = [np.full((480, 320, 3), 77, np.uint8)] * 3  # as another one, of another shape
    plug = plug_in([*pictures(4), np.zeros((9, 9, 7), np.uint8)], [], [], upright)  # torn out within a frame
    notes: list[str] = []
    lost: list[float] = []
    monkeypatch.setattr(live, "print_note", lambda note: (notes.append(note), lost.append(source.seconds_lost())))
    with open_source(0) as source:
        frames = list(islice(source, 5))
        assert source.seconds_lost() == 0
    assert 0 < lost[0] < 0.3 < lost[1]  # from the last picture on, until there is another one
    assert len(plug.numbers) == 4  # opened, tried twice, back
    assert [frame.index for frame in frames] == list(range(5))
    assert frames[3].time - frames[2].time > 0.05 + 0.1 + 0.2  # the clock went on; each pause was longer
    assert frames[3].picture.shape == (240, 320, 3)
    assert (frames[3].picture[:, 80:240] == 77).all() and not frames[3].picture[:, :80].any()  # not distorted
    assert notes[0] == "Camera 0 gives no more pictures. Trying again."
    assert re.fullmatch(r"Camera 0 is back after \d+\.\d s\.", notes[1]) and len(notes) == 2
    wait_for(lambda: plug.n_open == 0)


@pytest.fixture
def devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A computer with two cameras, of which the first has a device for metadata too. Returns its folder of devices."""
    described, nodes = tmp_path / "sys", tmp_path / "dev"
    (nodes / "by-id").mkdir(parents=True)
    for number, name, capabilities in ((0, "HD Cam", 1), (1, "HD Cam", 0x800000), (10, "Microscope", 1)):
        (described / f"video{number}").mkdir(parents=True)
        (described / f"video{number}" / "name").write_text(f"{name}\n")
        (nodes / f"video{number}").write_bytes(bytes(88) + capabilities.to_bytes(4, sys.byteorder) + bytes(12))
    (nodes / "by-id" / "usb-Microscope-index0").symlink_to(nodes / "video10")
    monkeypatch.setattr(cameras, "DESCRIPTIONS", described)
    monkeypatch.setattr(cameras, "NODES", nodes)
    monkeypatch.setattr("fcntl.ioctl", lambda device, request, answer: device.read())
    return nodes


linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems list cameras otherwise")


@linux_only
def test_cameras_are_listed_and_found(devices: Path) -> None:
    assert [str(camera) for camera in list_cameras()] == [
        f"0  {devices}/video0  HD Cam",
        f"10  {devices}/video10  Microscope",
    ]
    found = {"3": 3, "hd cam": 0, "Microscope": 10, f"{devices}/by-id/usb-Microscope-index0": 10, "Microscop": None}
    assert {text: find_camera(text) for text in found} == found
    with pytest.raises(
        VideoError, match=r"Received: Microscop\. .* The cameras are: HD Cam \(0\), Microscope \(10\)\.$"
    ):
        open_source("Microscop")


@linux_only
def test_a_camera_that_was_plugged_in_elsewhere_is_found_by_its_name(
    devices: Path, plug_in: Callable[..., Plug], monkeypatch: pytest.MonkeyPatch
) -> None:
    plug, numbers = plug_in(pictures(3), [], pictures(3)), iter([10, None])
    monkeypatch.setattr(cameras, "find_camera", lambda _: next(numbers, 0))
    frames, notes = read_source("Microscope", 4)
    assert (len(frames), plug.numbers) == (4, [10, 0])
    assert notes[0] == "Microscope gives no more pictures. Trying again."


@pytest.mark.parametrize(
    ("system", "program", "expected"),
    [
        (
            "darwin",
            {"SPCameraDataType": [{"_name": name, "spcamera_unique-id": name[::-1]} for name in ("AZ", "BA")]},
            ["0  AB  BA", "1  ZA  AZ"],
        ),
        ("darwin", {}, []),
        (
            "win32",
            [SimpleNamespace(index=1, path=None, name="OBS"), SimpleNamespace(index=0, path="usb", name="HD Cam")],
            ["0  usb  HD Cam", "1    OBS"],
        ),
        ("sunos", None, []),
    ],
)
def test_cameras_of_other_systems(
    system: str, program: Any, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = SimpleNamespace(stdout=json.dumps(program, default=str))
    monkeypatch.setattr(cameras.sys, "platform", system)
    monkeypatch.setattr(cameras.subprocess, "run", lambda *_, **__: output)
    module = SimpleNamespace(enumerate_cameras=lambda backend: program)
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", module)  # type: ignore[arg-type]
    assert [str(camera) for camera in list_cameras()] == expected


def test_a_camera_that_stalls_is_opened_again(plug_in: Callable[..., Plug], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "READ_TIMEOUT_SECONDS", 0.2)
    plug = plug_in([*pictures(3), 0.6], *[pictures(30)] * 9)
    frames, notes = read_source(0, 4)
    assert len(frames) == 4
    assert notes[0] == "Camera 0 gave no picture for 0.2 s. Trying again."
    wait_for(lambda: plug.n_open == 0)  # the one that blocked too, once it no longer did


@pytest.mark.parametrize("openings", [[[*pictures(2), LIMIT]], [pictures(2)]], ids=["read blocks", "camera is gone"])
def test_it_stops_while_it_waits(
    openings: list[list[Any]], plug_in: Callable[..., Plug], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cameras, "READ_TIMEOUT_SECONDS", LIMIT)
    plug_in(*openings)
    stop = threading.Event()
    with open_source(0, stop=stop) as source:
        stop_soon(stop, 0.3)
        started = time.monotonic()
        assert len(list(source)) == 1
        assert time.monotonic() - started < LIMIT / 2
