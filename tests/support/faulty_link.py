"""HTTP proxy that simulates failures of connections and servers."""

import http.client
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
Fault = Callable[[int, str], str]  # index of a request, from 0, and its method -> a fault, "" for none


class FaultyLink:
    """Proxy to a server on this machine, over real connections.

    Faults: a status, which is returned; "lost": the server gets the request, but its response is dropped;
    "cut": the connection ends in the middle of the request's body; "slow": the response takes half a second.
    """

    def __init__(self, port: int) -> None:
        self.server_port, self.port, self.fault = port, 0, _none
        self.faults: list[str] = []  # of each request
        self.connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def is_up(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        link = self

        class Handler(_Handler):
            def setup(self) -> None:
                self.link = link
                super().setup()
                link.connections.add(self.connection)

            def finish(self) -> None:
                link.connections.discard(self.connection)
                super().finish()

        self._server = ThreadingHTTPServer((HOST, self.port), Handler)  # the same port as before
        self._server.daemon_threads = False  # so that closing waits for them
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Stops the proxy and its connections; requests received completely are still answered."""
        server, self._server = self._server, None
        if server:
            server.shutdown()
            for connection in list(self.connections):
                with suppress(OSError):  # already closed
                    connection.shutdown(socket.SHUT_RD)
            server.server_close()


def _none(request: int, method: str) -> str:
    return ""


class _Handler(BaseHTTPRequestHandler):
    link: FaultyLink
    protocol_version = "HTTP/1.1"
    timeout = 10  # seconds that an idle connection stays open

    def _relay(self) -> None:
        if not self.link.is_up:
            self.close_connection = True
            return
        fault = self.link.fault(len(self.link.faults), self.command)
        self.link.faults.append(fault)
        length = int(self.headers.get("Content-Length") or 0)
        if fault == "cut":
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if fault.isdecimal():
            self._answer(int(fault), [("Content-Type", "text/html")], b"<html>No</html>")
            return
        if fault == "slow":
            time.sleep(0.5)
        server = http.client.HTTPConnection(HOST, self.link.server_port)
        headers = {name: value for name, value in self.headers.items() if name != "Expect"}
        server.request(self.command, self.path, body, headers)
        answer = server.getresponse()
        content = answer.read()
        server.close()
        if fault == "lost":
            self.close_connection = True
            return
        self._answer(answer.status, answer.getheaders(), content, answer.headers.get("Content-Length"))

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _relay

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, length: str | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(content)))  # HEAD tells that of what it leaves out
        self.end_headers()
        if self.command != "HEAD":
            with suppress(ConnectionError):  # the client has given up
                self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Logs nothing."""
