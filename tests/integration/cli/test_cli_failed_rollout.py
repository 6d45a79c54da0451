"""A version that the predictor cannot load goes back by itself, as in the cluster."""

from __future__ import annotations

import asyncio
from pathlib import Path

from builders import NOW, manifest_body
from local_run import PATIENCE_SECONDS, LocalRun, suspended
from served_models import line, publish

from perennial_cli.local.redis_server import RedisServer
from perennial_core.identity import ModelKey
from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings

KEY = ModelKey("tests", "points")


async def only_retains(registry: Registry, version: int) -> None:
    """Wait until all other versions are gone."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await registry.snapshot(KEY)).versions != (version,):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.1)


async def test_a_version_that_does_not_load_goes_back_and_the_next_one_serves(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    rollout = {"progressDeadlineSeconds": 10, "historyLimit": 1}
    run = LocalRun(tmp_path, suspended(rollout=rollout), "--redis-url", own_redis.url)
    async with Registry.from_settings(RegistrySettings(url=own_redis.url)) as registry:
        await publish(registry, KEY, line(), serve=False)
        with run:
            await asyncio.to_thread(run.serves, 1)
            damaged = b"no model"
            await registry.publish(KEY, manifest_body(KEY, damaged, "bad"), damaged, started=NOW)
            await asyncio.to_thread(run.prints, "version 2 does not serve after 10 s")
            assert run.output().rstrip().endswith("; going back to version 1")
            assert run.version() == 1
            snapshot = await registry.snapshot(KEY)
            assert (list(snapshot.failures), snapshot.versions) == ([2], (1, 2))
            await publish(registry, KEY, line(slope=3.0), serve=False)
            await asyncio.to_thread(run.serves, 3)
            await only_retains(registry, 3)
