"""Downloads from a local server that behaves badly."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from facekit.core import download
from facekit.core.download import fetch
from facekit.core.errors import WeightsError

BODY = np.random.default_rng(1).bytes(300_000)
Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setattr(download, "TIMEOUT", 5.0)


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Returns a function that starts a server with this handler, and returns its address."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(answer: Answer) -> str:
        handler = type("Handler", (BaseHTTPRequestHandler,), {"do_GET": answer, "log_message": lambda *_: None})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_address[1]}/weights.h5"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def start_of(request: BaseHTTPRequestHandler) -> int:
    return int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))


def send(
    request: BaseHTTPRequestHandler,
    start: int = 0,
    cut: int | None = None,
    length: int | None = None,
) -> None:
    """Sends the body from `start` on, but only `cut` bytes of it, and announces `length`."""
    request.send_response(206 if start else 200)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
    request.send_header("Content-Length", str(len(BODY) - start if length is None else length))
    request.end_headers()
    request.wfile.write(BODY[start:][:cut])
    request.close_connection = True


def test_whole_file_arrives(serve: Callable[[Answer], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new folder" / "weights.h5"
    fetch(serve(send), target)
    assert target.read_bytes() == BODY
    assert list(target.parent.iterdir()) == [target]
    assert "weights.h5" in capsys.readouterr().err


def test_cut_connections_are_resumed(serve: Callable[[Answer], str], tmp_path: Path) -> None:
    starts = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        starts.append(start_of(request))
        send(request, starts[-1], cut=40_000)

    fetch(serve(answer), tmp_path / "weights.h5")
    assert (tmp_path / "weights.h5").read_bytes() == BODY
    assert starts == list(range(0, len(BODY), 40_000))  # more often than it may fail without getting on


def test_connection_closed_without_answer_is_tried_again(serve: Callable[[Answer], str], tmp_path: Path) -> None:
    tries = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        tries.append(1)
        if len(tries) < 3:
            request.close_connection = True
        else:
            send(request)

    fetch(serve(answer), tmp_path / "weights.h5")
    assert (tmp_path / "weights.h5").read_bytes() == BODY


def test_server_that_ignores_ranges_starts_again(serve: Callable[[Answer], str], tmp_path: Path) -> None:
    starts = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        starts.append(start_of(request))
        send(request, cut=None if len(starts) == 3 else 100_000)

    fetch(serve(answer), tmp_path / "weights.h5")
    assert (tmp_path / "weights.h5").read_bytes() == BODY
    assert starts == [0, 100_000, 100_000]


def test_partial_download_is_resumed(serve: Callable[[Answer], str], tmp_path: Path) -> None:
    (tmp_path / "weights.h5.part").write_bytes(BODY[:123_456])
    starts = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        starts.append(start_of(request))
        send(request, starts[-1])

    fetch(serve(answer), tmp_path / "weights.h5")
    assert (tmp_path / "weights.h5").read_bytes() == BODY
    assert starts == [123_456]


def test_part_longer_than_the_file_is_deleted(serve: Callable[[Answer], str], tmp_path: Path) -> None:
    (tmp_path / "weights.h5.part").write_bytes(b"x" * (len(BODY) + 1))

    def answer(request: BaseHTTPRequestHandler) -> None:
        if start_of(request) >= len(BODY):
            request.send_error(416)
        else:
            send(request, start_of(request))

    fetch(serve(answer), tmp_path / "weights.h5")
    assert (tmp_path / "weights.h5").read_bytes() == BODY


@pytest.mark.parametrize("knows_ranges", [False, True])
def test_shorter_answer_than_announced_is_an_error(
    serve: Callable[[Answer], str], tmp_path: Path, knows_ranges: bool
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        start = start_of(request) if knows_ranges else 0
        send(request, start, length=len(BODY) + 10 - start)

    with pytest.raises(WeightsError, match=r"Cannot fetch http.*the connection was cut 4 times\. Try again later\.$"):
        fetch(serve(answer), tmp_path / "weights.h5")
    assert not (tmp_path / "weights.h5").exists()


def test_missing_file_is_one_line(serve: Callable[[Answer], str], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"^Cannot fetch http.* to .*weights\.h5: HTTP Error 404: Not Found\.$"):
        fetch(serve(lambda request: request.send_error(404)), tmp_path / "weights.h5")
    assert not list(tmp_path.iterdir())


def test_no_server_is_one_line(serve: Callable[[Answer], str], tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_address[1]
    with pytest.raises(WeightsError, match=r"^Cannot fetch .*refused\.$"):
        fetch(f"http://127.0.0.1:{port}/weights.h5", tmp_path / "weights.h5")


def test_folder_that_cannot_be_written_is_one_line(serve: Callable[[Answer], str], tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(WeightsError, match=r"^Cannot fetch .*weights\.h5: .*\.$"):
        fetch(serve(send), tmp_path / "folder" / "weights.h5")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_full_disk_is_one_line(serve: Callable[[Answer], str], tmp_path: Path) -> None:
    (tmp_path / "weights.h5.part").symlink_to("/dev/full")
    with pytest.raises(WeightsError, match=r"^Cannot fetch .*No space left on device\.$"):
        fetch(serve(send), tmp_path / "weights.h5")


def test_file_with_the_known_hash_is_kept(serve: Callable[[Answer], str], tmp_path: Path) -> None:
    fetch(serve(send), tmp_path / "weights.h5", hashlib.sha256(BODY).hexdigest().upper())
    assert (tmp_path / "weights.h5").read_bytes() == BODY


def test_file_with_another_hash_is_refused_and_deleted(serve: Callable[[Answer], str], tmp_path: Path) -> None:
    """Here the partial download of an earlier run is damaged: once it is deleted, the next attempt succeeds."""
    (tmp_path / "weights.h5.part").write_bytes(b"x" * 1000)
    expected, received = hashlib.sha256(BODY).hexdigest(), hashlib.sha256(b"x" * 1000 + BODY[1000:]).hexdigest()
    url = serve(lambda request: send(request, start_of(request)))
    with pytest.raises(WeightsError, match=rf"^{url} must have the SHA-256 {expected}\. Received: {received}\. Fetch"):
        fetch(url, tmp_path / "weights.h5", expected)
    assert not list(tmp_path.iterdir())
    fetch(url, tmp_path / "weights.h5", expected)
    assert (tmp_path / "weights.h5").read_bytes() == BODY
