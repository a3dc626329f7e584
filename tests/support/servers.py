"""Servers that send videos as cameras, phones and web servers do, and may stop or stall."""

import contextlib
import io
import socketserver
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from films import pictures
from PIL import Image
from waiting import LIMIT

from facekit.video.frames import Frame
from facekit.video.sources import open_source


def read_source(source: Any, n_frames: int, **options: Any) -> tuple[list[Frame], list[str]]:
    """Reads up to n_frames frames, and the notes."""
    with contextlib.redirect_stderr(io.StringIO()) as notes, open_source(source, **options) as opened:
        frames = list(islice(opened, n_frames))
    return frames, notes.getvalue().splitlines()


def stop_soon(stop: threading.Event, seconds: float) -> None:
    """Sets `stop` after some seconds."""
    timer = threading.Timer(seconds, stop.set)
    timer.daemon = True
    timer.start()


class Server(ThreadingHTTPServer):
    """Answers each GET with the next of `answers`, and repeats the last one."""

    daemon_threads = True

    def __init__(self, *answers: Callable[[BaseHTTPRequestHandler], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.is_over = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/film.mp4"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        answers = self.server.answers
        self.close_connection = True
        with contextlib.suppress(OSError):
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *_: Any) -> None:
        pass


def send_file(path: Path, share: float = 1.0, wait: bool = False) -> Callable[[Any], None]:
    """Serves a file with range requests; only this share of it, then closes or waits."""

    def answer(handler: Any) -> None:
        content = path.read_bytes()
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        handler.send_response(206 if "Range" in handler.headers else 200)
        handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start : int(share * len(content))])
        handler.wfile.flush()
        if wait:
            handler.server.is_over.wait(2 * LIMIT)

    return answer


def send_jpegs(n_frames: int, wait: bool = False) -> Callable[[Any], None]:
    """Serves Motion JPEG in one response, as cameras and phones do; then closes or waits."""

    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        for picture in pictures(n_frames):
            encoded = io.BytesIO()
            Image.fromarray(picture).save(encoded, "JPEG", quality=92)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {encoded.tell()}\r\n\r\n"
            handler.wfile.write(head.encode() + encoded.getvalue() + b"\r\n")
            handler.wfile.flush()
            time.sleep(0.02)
        if wait:
            handler.server.is_over.wait(2 * LIMIT)

    return answer


class Rtsp(socketserver.StreamRequestHandler):
    """Minimal RTSP server (RFC 2326) that sends MPEG-TS (RFC 2250) over the same connection."""

    film = b""
    transports: ClassVar[list[str]] = []  # receives what clients ask for

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while method := self.rfile.readline().decode().partition(" ")[0]:
                lines = iter(lambda: self.rfile.readline().decode().strip(), "")
                fields = dict(line.split(": ", 1) for line in lines)
                self.transports += [fields["Transport"]] if "Transport" in fields else []
                sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:1\r\n"
                body = sdp if method == "DESCRIBE" else ""
                kind = "Content-Type: application/sdp\r\n" if body else ""
                self.wfile.write(
                    f"RTSP/1.0 200 OK\r\nCSeq: {fields['CSeq']}\r\nSession: 1\r\nPublic: DESCRIBE, SETUP, PLAY\r\n"
                    f"Transport: {fields.get('Transport', '')}\r\n{kind}"
                    f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
                )
                if method == "PLAY":
                    self.send()
                    return

    def send(self) -> None:
        for number, start in enumerate(range(0, len(self.film), 7 * 188)):
            packet = struct.pack(">BBHII", 0x80, 33, number, 3000 * number, 1) + self.film[start : start + 7 * 188]
            self.wfile.write(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
            time.sleep(0.002)
