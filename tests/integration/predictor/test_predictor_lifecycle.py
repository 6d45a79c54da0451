"""How a predictor ends, and what it says when it cannot start."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from predictor_process import PredictorProcess, run_with
from served_models import line, published

from perennial_core.bundle import MANIFEST
from perennial_core.identity import ModelKey
from perennial_core.settings import RegistrySettings

REQUEST = (
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n",
    b'{"instances": [[1]]}',
)


@contextmanager
def half_sent_request(process: PredictorProcess) -> Iterator[socket.socket]:
    """Open a connection and send the first half of a request."""
    with socket.create_connection(("127.0.0.1", process.port), timeout=20) as connection:
        connection.sendall(REQUEST[0] + REQUEST[1][:10])
        yield connection


def answer_on(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


@pytest.fixture
def draining(
    registry_settings: RegistrySettings, key: ModelKey, tmp_path: Path
) -> PredictorProcess:
    published(registry_settings, key, line())
    return PredictorProcess(
        tmp_path, registry_settings, model=str(key), drain_min_seconds=0.5, drain_seconds=150
    )


def test_a_drain_lets_requests_in_flight_finish(draining: PredictorProcess) -> None:
    with draining as process, half_sent_request(process.ready()) as connection:
        process.terminate()
        said = process.waits_for(ready=False)
        assert said["reason"].startswith("draining")
        meanwhile = httpx.get(f"{process.url}/?msg=1")
        assert (meanwhile.status_code, meanwhile.headers["connection"]) == (200, "close")
        upgrade = {"Upgrade": "h2c", "Connection": "Upgrade"}
        refused = httpx.post(f"{process.url}/predict", json={}, headers=upgrade)
        assert (refused.status_code, refused.headers["connection"]) == (415, "close")
        assert process.process.poll() is None
        connection.sendall(REQUEST[1][10:])
        answer = answer_on(connection)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer
        process.client.close()
        assert process.exit_code() == 0


def test_a_drain_accepts_new_connections_for_its_shortest_time(
    registry_settings: RegistrySettings, key: ModelKey, tmp_path: Path
) -> None:
    published(registry_settings, key, line())
    with PredictorProcess(
        tmp_path, registry_settings, model=str(key), drain_min_seconds=300, drain_seconds=600
    ) as process:
        process.ready().terminate()
        process.client.close()
        process.waits_for(ready=False)
        for _ in range(5):  # no connection is open in between
            assert httpx.get(f"{process.url}/?msg=1").status_code == 200


def test_a_drain_closes_idle_connections_at_its_end(
    registry_settings: RegistrySettings, key: ModelKey, tmp_path: Path
) -> None:
    published(registry_settings, key, line())
    with (
        PredictorProcess(
            tmp_path, registry_settings, model=str(key), drain_min_seconds=0, drain_seconds=1
        ) as process,
        socket.create_connection(("127.0.0.1", process.ready().port), timeout=20) as idle,
    ):
        process.terminate()
        assert idle.recv(1) == b""
        assert process.exit_code() == 0


def test_the_end_waits_for_no_thread(
    registry_settings: RegistrySettings, key: ModelKey, tmp_path: Path
) -> None:
    process = PredictorProcess(tmp_path, registry_settings, model=str(key), drain_min_seconds=0)
    copy = process.cache / key.namespace / key.name / MANIFEST
    copy.parent.mkdir(parents=True)
    os.mkfifo(copy)  # like a disk that hangs: who reads it waits until somebody writes
    with process:
        process.answers().client.close()
        process.terminate()
        assert process.exit_code() == 0


def test_a_second_signal_ends_at_once(draining: PredictorProcess) -> None:
    with draining as process, half_sent_request(process.ready()):
        process.terminate()
        process.waits_for(ready=False)
        process.terminate()
        assert process.exit_code() == -signal.SIGTERM


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_with(
            PERENNIAL_MODEL="a/b", PERENNIAL_HOST="127.0.0.1", PERENNIAL_PORT=str(port)
        )
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in ended.stdout
    assert (len(ended.stdout.splitlines()), ended.stderr) == (1, "")


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"PERENNIAL_PORT": "many"}, "PERENNIAL_MODEL: this field is required; PERENNIAL_PORT: "),
        ({"PERENNIAL_MODEL": "a/b", "PERENNIAL_TRUSTED_TYPES": "[x"}, "PERENNIAL_TRUSTED_TYPES: "),
        ({"PERENNIAL_MODEL": "a/b", "PERENNIAL_LOG_LEVEL": "loud"}, "PERENNIAL_LOG_LEVEL"),
        (
            {"PERENNIAL_MODEL": "a/b", "PERENNIAL_SHADOW_URL": "points-shadow:5001"},
            "PERENNIAL_SHADOW_URL: 'points-shadow:5001' is not scheme, host and port such as",
        ),
    ],
)
def test_a_wrong_setting_is_one_clear_line(environment: dict[str, str], says: str) -> None:
    ended = run_with(PERENNIAL_HOST="127.0.0.1", **environment)
    assert ended.returncode == 1
    assert says in ended.stdout
    assert (len(ended.stdout.splitlines()), ended.stderr) == (1, "")
