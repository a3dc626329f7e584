"""Streams: reconnection, stopping, and no passwords in messages."""

import io
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from films import NTSC, difference, film, pictures
from servers import Rtsp, Server, read_source, send_file, send_jpegs, stop_soon
from waiting import LIMIT

from facekit.core.errors import VideoError
from facekit.core.files import PROJECT
from facekit.video.sources import live, open_source, stream, video_files
from facekit.video.sources.stream import public_name

N_FRAMES = 12


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*answers: Callable[[Any], None]) -> Server:
        servers.append(Server(*answers))
        threading.Thread(target=servers[-1].serve_forever, args=(0.05,), daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.is_over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return film(
        tmp_path / "clip.mp4", pictures(), codec="mjpeg", pixels="yuvj420p", container={"movflags": "faststart"}
    )


def test_a_file_on_a_server_is_a_file(clip: Path, serve: Callable[..., Server]) -> None:
    server = serve(send_file(clip))
    with open_source(server.url) as source:
        assert (source.name, source.is_live, source.rate, source.n_frames) == (server.url, False, NTSC, N_FRAMES)
        frames = list(source)
    assert [frame.time for frame in frames] == pytest.approx([float(n / NTSC) for n in range(N_FRAMES)])
    assert max(difference(frame.picture, picture) for frame, picture in zip(frames, pictures(), strict=True)) < 7


@pytest.mark.parametrize(
    ("name", "codec", "pixels"), [("clip.ts", "mpeg2video", "yuv420p"), ("clip.gif", "gif", "rgb8")]
)
def test_a_file_that_announces_only_its_size_is_shown_once(
    name: str, codec: str, pixels: str, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    content = film(tmp_path / name, pictures(), codec=codec, pixels=pixels).read_bytes()

    def answer(handler: Any) -> None:  # as `python -m http.server` does, in one part
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    frames, notes = read_source(serve(answer).url, 100)
    assert (len(frames), notes) == (N_FRAMES, [])


def test_a_connection_that_breaks_in_a_file_loses_nothing(clip: Path, serve: Callable[..., Server]) -> None:
    server = serve(send_file(clip, 0.5), send_file(clip))
    frames, _ = read_source(server.url, 100)
    assert len(frames) == N_FRAMES


def test_a_file_that_stalls_is_told(clip: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_files, "SERVER_TIMEOUT_SECONDS", 0.5)
    server = serve(send_file(clip, 0.5, wait=True))
    frames = []
    with open_source(server.url) as source, pytest.raises(VideoError, match=r"film.mp4 sent nothing for 0.5 s\. Try"):
        for frame in source:
            frames.append(frame)
    assert 3 <= len(frames) <= 8


def test_motion_jpeg_comes_back(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FIRST_RETRY_SECONDS", 0.05)
    server = serve(send_jpegs(N_FRAMES))
    frames, notes = read_source(server.url, 20)
    assert [frame.index for frame in frames] == list(range(20))
    assert all(one.time < other.time for one, other in pairwise(frames))
    assert difference(frames[3].picture, pictures()[3]) < 7
    assert notes[0] == f"{server.url} gives no more pictures. Trying again."
    assert notes[1].startswith(f"{server.url} is back after ")


def test_a_stream_that_stalls_is_reached_again(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "READ_TIMEOUT_SECONDS", 0.4)
    monkeypatch.setattr(live, "FIRST_RETRY_SECONDS", 0.05)
    server = serve(send_jpegs(40, wait=True))
    frames, notes = read_source(server.url, 45)
    assert len(frames) == 45
    assert notes[0] == f"{server.url} gave no picture for 0.4 s. Trying again."


def test_a_stream_stops_while_it_is_waited_for(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "READ_TIMEOUT_SECONDS", LIMIT)
    server, stop = serve(send_jpegs(20, wait=True)), threading.Event()
    with open_source(server.url, stop=stop) as source:
        frames = iter(source)
        assert len(list(islice(frames, 10))) == 10
        stop_soon(stop, 0.5)
        started = time.monotonic()
        assert len(list(frames)) <= 10
        assert time.monotonic() - started < LIMIT / 2


def test_udp_is_read_as_it_comes(tmp_path: Path) -> None:
    over = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        url = f"udp://127.0.0.1:{free.getsockname()[1]}"

    content = film(tmp_path / "clip.ts", pictures(60), codec="mpeg2video").read_bytes()

    def send() -> None:
        with av.open(io.BytesIO(content)) as clip, av.open(url + "?pkt_size=1316", "w", format="mpegts") as file:
            copy = file.add_stream_from_template(clip.streams.video[0])
            for packet in clip.demux(clip.streams.video[0]):
                if packet.dts is None or over.is_set():
                    return
                packet.stream = copy
                file.mux(packet)
                time.sleep(1 / 30)

    def send_until_over() -> None:
        while not over.is_set():
            send()

    sender = threading.Thread(target=send_until_over, daemon=True)
    threading.Timer(0.3, sender.start).start()
    frames, _ = read_source(url, 5)
    over.set()
    assert len(frames) == 5 and frames[0].picture.shape == (240, 320, 3)
    sender.join(LIMIT)


def test_rtsp_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FIRST_RETRY_SECONDS", 0.05)
    path = film(tmp_path / "clip.ts", pictures(30), codec="mpeg2video", options={"g": "5"})
    monkeypatch.setattr(Rtsp, "film", path.read_bytes())
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Rtsp) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        address = f"127.0.0.1:{server.server_address[1]}/live"
        monkeypatch.setattr(live, "print_note", (notes := []).append)
        with open_source(f"rtsp://admin:geheim@{address}") as source:
            assert (source.name, source.is_live, source.size) == (f"rtsp://{address}", True, (320, 240))
            frames = list(islice(source, 40))
        server.shutdown()
    assert [frame.index for frame in frames] == list(range(40))
    assert difference(frames[5].picture, pictures()[5]) < 8
    assert notes[0] == f"rtsp://{address} gives no more pictures. Trying again."


@pytest.mark.parametrize(("transport", "requested"), [(None, "TCP"), ("tcp", "TCP"), ("udp", "UDP")])
def test_rtsp_is_transported_as_wanted(transport: str | None, requested: str, monkeypatch: pytest.MonkeyPatch) -> None:
    transports: list[str] = []
    monkeypatch.setattr(Rtsp, "transports", transports)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Rtsp) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with pytest.raises(VideoError, match="gives no picture"):  # it has none
            open_source(f"rtsp://127.0.0.1:{server.server_address[1]}/live", rtsp_transport=transport)
        server.shutdown()
    assert transports[0].startswith(f"RTP/AVP/{requested};")


def test_a_stream_that_is_waited_for_does_not_keep_the_process(serve: Callable[..., Server]) -> None:
    program = """
import sys, threading
from facekit.video.sources import open_source
stop = threading.Event()
with open_source(sys.argv[1], stop=stop) as source:
    for frame in source:
        if frame.index == 5:
            threading.Timer(0.5, stop.set).start()
"""
    command = [sys.executable, "-c", program, serve(send_jpegs(20, wait=True)).url]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# What goes wrong at the start, and what is told of it


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("rtsp://admin:geheim@10.0.0.7:554/live/1", "rtsp://10.0.0.7:554/live/1"),
        ("rtsp://admin:geheim@[fe80::1]:554/live", "rtsp://[fe80::1]:554/live"),
        ("rtsp://ad:gehe@im@10.0.0.7/live", "rtsp://10.0.0.7/live"),
        ("rtsp://admin:geheim/x@10.0.0.7/live", "rtsp://admin"),
        ("http://host/video?user=a&pwd=geheim", "http://host/video"),
        ("rtsp://host:554/user=admin_password=geheim_channel=1.sdp", "rtsp://host:554"),
        ("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234"),
        ("http://host", "http://host"),
    ],
)
def test_passwords_are_never_shown(url: str, name: str) -> None:
    assert public_name(url) == name


def test_a_stream_that_cannot_be_reached_is_told_without_the_password(
    serve: Callable[..., Server], capfd: pytest.CaptureFixture[str]
) -> None:
    def no_such(handler: Any) -> None:
        handler.send_error(404)

    port = serve(no_such).server_port
    told = rf"^http://127.0.0.1:{port}/film.mp4 gives no picture: Server returned 404 Not Found. Check the address"
    with pytest.raises(VideoError, match=told) as caught:
        open_source(f"http://user:geheim@127.0.0.1:{port}/film.mp4?key=geheim")
    with pytest.raises(VideoError, match=r"^rtsp://127.0.0.1:1/x gives no picture: Connection refused. Check"):
        open_source("rtsp://user:geheim@127.0.0.1:1/x")
    with pytest.raises(VideoError, match=r"^A stream's address must begin with .*http://.* Received: ftp://host/x"):
        open_source("ftp://user:geheim@host/x")
    assert caught.value.__cause__ is None and caught.value.__context__ is None  # FFmpeg's tells the address
    assert capfd.readouterr() == ("", "")


def test_what_is_no_video_on_a_server_is_told(serve: Callable[..., Server], tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>no film</html>" * 100)
    server = serve(send_file(tmp_path / "page.html"))
    with pytest.raises(VideoError, match=r"film.mp4 gives no picture: Invalid data found"):
        open_source(server.url)


def test_a_server_that_is_silent_is_told_in_time(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "OPEN_TIMEOUT_SECONDS", 0.5)
    server = serve(lambda handler: handler.server.is_over.wait(LIMIT))
    started = time.monotonic()
    with pytest.raises(VideoError, match=r"gave no picture for 0.5 s. Check that it is on and can be reached"):
        open_source(server.url)
    assert time.monotonic() - started < LIMIT / 2
