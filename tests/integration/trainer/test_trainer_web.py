"""Data over HTTP: what the server answers decides whether trying again is worth it."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from trainer_builders import order, settings

from perennial_core.errors import Outage
from perennial_core.settings import TrainerSettings
from perennial_trainer.data.reading import read_rows
from perennial_trainer.data.rows import Rows
from perennial_trainer.failure import DataError, SpecError

CSV = b"x,y\n1,5\n2,7\n"


class Handler(BaseHTTPRequestHandler):
    """Answers as the path asks."""

    def do_GET(self) -> None:
        path, _, _ = self.path.partition("?")
        if path.startswith("/status/"):
            self._answer(int(path.split("/")[2]), b"")
        elif path == "/cut.csv":
            self._answer(200, CSV, length=len(CSV) + 100)
        elif path == "/moved.csv":
            self.send_response(302)
            self.send_header("Location", "/points.csv")
            self.end_headers()
        elif path == "/secret.csv" and self.headers["Authorization"] not in (
            "Bearer t0ken",
            "Basic " + base64.b64encode(b"ada:pass").decode(),
        ):
            self._answer(401, b"")
        elif path == "/points.csv.gz":
            self._answer(200, gzip.compress(CSV))
        elif path == "/unpacked.csv.gz":
            self._answer(200, gzip.compress(CSV), {"Content-Encoding": "gzip"})
        else:
            self._answer(200, CSV)

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, length: int = -1
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length < 0 else length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.fixture
def given(tmp_path: Path) -> TrainerSettings:
    (tmp_path / "credentials").mkdir()
    return settings(tmp_path)


def credentials(given: TrainerSettings, **files: str) -> None:
    for name, content in files.items():
        (given.credentials_directory / name).write_text(content + "\n")


def read(uri: str, given: TrainerSettings, **data: Any) -> Rows:
    return read_rows(order(uri=uri, **data).training.data, given)


@pytest.mark.parametrize(
    "path",
    ["/points.csv", "/points.csv?version=1", "/moved.csv", "/points.csv.gz", "/unpacked.csv.gz"],
)
def test_a_file_is_fetched(server: str, given: TrainerSettings, path: str) -> None:
    assert read(server + path, given).count == 2


def test_a_url_without_suffix_needs_the_format(server: str, given: TrainerSettings) -> None:
    assert read(f"{server}/export", given, format="csv").count == 2
    with pytest.raises(SpecError, match="the suffix tells no format"):
        read(f"{server}/export", given)


@pytest.mark.parametrize(
    "files", [{"token": "t0ken"}, {"username": "ada", "password": "pass"}], ids=["token", "basic"]
)
def test_credentials_are_sent(server: str, given: TrainerSettings, files: dict[str, str]) -> None:
    credentials(given, **files)
    assert read(f"{server}/secret.csv", given).count == 2


@pytest.mark.parametrize("files", [{}, {"token": "wrong"}], ids=["none", "wrong"])
def test_refused_credentials_are_the_users_to_repair(
    server: str, given: TrainerSettings, files: dict[str, str]
) -> None:
    credentials(given, **files)
    with pytest.raises(DataError, match=r"secret\.csv: the server answers 401.*credentialsSecret"):
        read(f"{server}/secret.csv", given)


def test_a_username_without_password_is_refused(server: str, given: TrainerSettings) -> None:
    credentials(given, username="ada")
    with pytest.raises(SpecError, match=r"credentialsSecret: give token, or both"):
        read(f"{server}/secret.csv", given)


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_refusal_is_the_users_to_repair(server: str, given: TrainerSettings, status: int) -> None:
    with pytest.raises(DataError, match=f"the server answers {status}"):
        read(f"{server}/status/{status}/points.csv", given)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_fault_of_the_server_passes(server: str, given: TrainerSettings, status: int) -> None:
    with pytest.raises(Outage, match=f"the server answers {status}"):
        read(f"{server}/status/{status}/points.csv", given)


def test_an_answer_that_breaks_off_passes(server: str, given: TrainerSettings) -> None:
    with pytest.raises(Outage, match=r"cut\.csv: cannot be fetched"):
        read(f"{server}/cut.csv", given)


def test_a_server_that_does_not_answer_passes(given: TrainerSettings) -> None:
    with pytest.raises(Outage, match=r"127\.0\.0\.1:9/points\.csv: cannot be fetched"):
        read("http://127.0.0.1:9/points.csv", given)


def test_no_message_shows_the_query_or_the_password(server: str, given: TrainerSettings) -> None:
    uri = server.replace("http://", "http://ada:pass@") + "/status/404/points.csv?key=secret"
    with pytest.raises(DataError) as raised:
        read(uri, given)
    assert "secret" not in str(raised.value)
    assert "pass" not in str(raised.value)
