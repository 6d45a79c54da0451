"""The demonstration's client sees each kind of failure, so that zero failures means something."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from perennial_cli.demo.load_client import LoadClient

RIGHT = b'{"prediction": 203.0, "version": 7}'


@contextmanager
def server(status: int, body: bytes, protocol: str) -> Iterator[int]:
    """Answer every request alike; HTTP/1.0 closes the connection after each."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening.server_address[1]
        listening.shutdown()


def asked_until(port: int, enough: Callable[[LoadClient], bool]) -> LoadClient:
    deadline = time.monotonic() + 20
    with LoadClient(port, 2, 100.0, lambda prediction: prediction == 203.0) as client:
        while not enough(client) and time.monotonic() < deadline:
            time.sleep(0.01)
    return client


def test_right_answers_are_counted_by_version() -> None:
    with server(200, RIGHT, "HTTP/1.1") as port:
        client = asked_until(port, lambda client: client.answers[7] > 10)
    assert client.answers[7] > 10
    assert client.failures == []


@pytest.mark.parametrize(
    ("status", "body", "protocol", "says"),
    [
        (503, b"draining", "HTTP/1.1", "status 503: draining"),
        (200, RIGHT.replace(b"203", b"204"), "HTTP/1.1", "wrong: Answer"),
        (200, b"{}", "HTTP/1.1", "no prediction: {}"),
        (200, b"<html>", "HTTP/1.1", "Expecting value"),
        (200, RIGHT, "HTTP/1.0", "NotConnected"),
    ],
)
def test_anything_else_is_a_failure(status: int, body: bytes, protocol: str, says: str) -> None:
    with server(status, body, protocol) as port:
        client = asked_until(port, lambda client: len(client.failures) > 0)
    assert says in client.failures[0]


def test_nobody_who_answers_is_a_failure() -> None:
    with server(200, RIGHT, "HTTP/1.1") as port:
        pass
    client = asked_until(port, lambda client: len(client.failures) > 0)
    assert "refused" in client.failures[0]
