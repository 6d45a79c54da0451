"""What is served while Redis is down, and from which copy."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from predictor_process import PredictorProcess
from served_models import line, published

from perennial_cli.local.redis_server import RedisServer
from perennial_core.identity import ModelKey
from perennial_core.settings import RegistrySettings
from perennial_predictor.cache import VersionCache


@pytest.fixture
def registry_at(own_redis: RedisServer) -> RegistrySettings:
    return RegistrySettings.of({"url": own_redis.url})


def test_redis_going_down_and_up_changes_nothing_for_clients(
    own_redis: RedisServer, registry_at: RegistrySettings, key: ModelKey, tmp_path: Path
) -> None:
    published(registry_at, key, line(1))
    with PredictorProcess(tmp_path / "p", registry_at, model=str(key)) as process:
        process.ready()
        own_redis.kill()
        while "problem" not in (said := process.readiness()):
            assert process.client.get("/?msg=1").json()["version"] == 1
        assert said["ready"]
        assert "Redis does not answer" in said["problem"]
        own_redis.start()
        while "problem" in process.readiness():
            assert process.client.get("/?msg=1").json()["version"] == 1
        published(registry_at, key, line(2))
        process.ready(2)
    assert not [entry for entry in process.log() if "exception" in entry]


def kept(process: PredictorProcess, key: ModelKey) -> None:
    """Wait until there is a copy, which is made once the version serves."""
    cache = VersionCache(process.cache, key)
    deadline = time.monotonic() + 20
    while cache.read() is None:
        assert time.monotonic() < deadline, "there is no copy"
        time.sleep(0.05)


def test_a_follower_serves_its_copy_when_redis_is_down_at_start(
    own_redis: RedisServer, registry_at: RegistrySettings, key: ModelKey, tmp_path: Path
) -> None:
    published(registry_at, key, line(1))
    with PredictorProcess(tmp_path / "p", registry_at, model=str(key)) as first:
        kept(first.ready(), key)
    own_redis.kill()
    with PredictorProcess(tmp_path / "p", registry_at, model=str(key)) as second:
        said = second.ready(1).readiness()
        assert "Redis does not answer" in said["problem"]
        assert second.client.get("/?msg=100").json()["prediction"] == pytest.approx(103)
        own_redis.start()
        published(registry_at, key, line(2))
        assert "problem" not in second.ready(2).readiness()
