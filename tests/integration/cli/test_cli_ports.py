"""A ``perennial run`` whose file names the port: edits move it, and wait for what is taken."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import command
import pytest
from builders import spec_hash
from local_run import LocalRun, suspended
from raw_connection import RawConnection, request
from served_models import line, published

from perennial_cli.local.redis_server import RedisServer, free_port
from perennial_core.identity import ModelKey
from perennial_core.resource import PredictionModel
from perennial_core.settings import RegistrySettings

KEY = ModelKey("tests", "points")
SPEC_HASH = spec_hash(PredictionModel.parse(suspended()))
"""Of the spec that the file holds: a version of another one comes too late to serve."""


@pytest.fixture
def running(tmp_path: Path, own_redis: RedisServer) -> Iterator[LocalRun]:
    """A run that serves version 1 on the port of its file."""
    settings = RegistrySettings.of({"url": own_redis.url})
    published(settings, KEY, line(), serve=False, training_spec_hash=SPEC_HASH)
    run = LocalRun(tmp_path, {}, "--redis-url", own_redis.url, port_in_file=True)
    name_port(run, run.port)
    with run:
        run.serves(1)
        yield run


@pytest.fixture
def other() -> Iterator[socket.socket]:
    """Something else that has a port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def name_port(run: LocalRun, port: int) -> None:
    run.edit(suspended(serving={"port": port}))


def port_of(listening: socket.socket) -> int:
    port: int = listening.getsockname()[1]
    return port


def test_status_asks_the_port_in_use_while_the_file_names_another(
    running: LocalRun, other: socket.socket
) -> None:
    name_port(running, port_of(other))
    running.prints("spec.serving.port or --port, or free it; going on with what the file said")
    here = ("--local", str(running.directory / "model.yaml"), "--directory", str(running.state))
    (model,) = command.answer("status", *here)["items"]
    assert (model["ready"], model["serving"], model["message"]) == (True, 1, "")


def test_an_edit_back_to_the_port_that_is_still_drained_is_no_edit_to_a_taken_one(
    running: LocalRun,
) -> None:
    with RawConnection(running.port) as client:
        client.send(request("POST", "/predict", content_length="100"))  # which keeps it from ending
        name_port(running, free_port())
        running.prints("model.yaml was changed")
        name_port(running, running.port)
        running.prints("model.yaml was changed", times=2)
    running.prints(f"serving version 1 at http://127.0.0.1:{running.port}/", times=2)
    assert "in use" not in running.output()
    assert "moving" not in running.output()


def test_an_edit_to_a_taken_port_is_taken_over_once_that_is_free(
    running: LocalRun, other: socket.socket
) -> None:
    refusal = f"port {port_of(other)}: Address already in use; name another with"
    name_port(running, port_of(other))
    running.prints(refusal)
    time.sleep(1.0)  # in which the file is looked at some three times
    assert running.output().count(refusal) == 1
    running.port = port_of(other)
    other.close()
    running.serves(1)
    assert running.output().count("model.yaml was changed") == 1


def test_an_edit_that_waits_for_a_port_is_given_up_for_the_next(
    running: LocalRun, other: socket.socket
) -> None:
    taken = port_of(other)
    name_port(running, taken)
    running.prints("going on with what the file said before until then")
    name_port(running, running.port)
    running.prints("the model is as before")
    other.close()
    time.sleep(1.0)
    assert running.version() == 1
    assert f"to port {taken}" not in running.output()
