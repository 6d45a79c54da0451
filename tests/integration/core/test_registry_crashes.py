"""Redis is killed at any point of a publish: the old state stays or the new one is there."""

from __future__ import annotations

import asyncio
import random

import pytest
import redis.asyncio
from builders import NOW, manifest_body
from registry_audit import registry_faults

from perennial_cli.local.redis_server import RedisServer
from perennial_core.identity import ModelKey, Version, digest_of
from perennial_core.registry import Publication, Registry, RegistryUnavailable
from perennial_core.settings import MEBIBYTE, RegistrySettings

KEY = ModelKey("tests", "crashes")
KILLS = 8
SEED = 20260101


def artifact_of(run: int) -> bytes:
    """Return up to 2 MiB, so that a kill hits the sending, the script or the writing to disk."""
    randomness = random.Random(f"{SEED}-{run}")
    return randomness.randbytes(randomness.choice([1024, 64 * 1024, 2 * MEBIBYTE]))


@pytest.fixture
def registry_settings(own_redis: RedisServer) -> RegistrySettings:
    return RegistrySettings.of({"url": own_redis.url})


async def faults(server: RedisServer) -> list[str]:
    async with redis.asyncio.Redis.from_url(server.url) as client:
        return await registry_faults(client, KEY)


async def publish(registry: Registry, run: int) -> Publication:
    artifact = artifact_of(run)
    return await registry.publish(
        KEY, manifest_body(KEY, artifact, f"run-{run}"), artifact, started=NOW
    )


async def publish_until_it_fails(registry: Registry, published: dict[int, Version]) -> int:
    """Publish run after run, note what was answered, and return the run that failed."""
    while True:
        run = len(published)
        try:
            published[run] = (await publish(registry, run)).version
        except RegistryUnavailable:
            return run


async def test_a_publish_that_a_crash_interrupts_is_whole_or_absent_and_can_be_repeated(
    own_redis: RedisServer, registry: Registry
) -> None:
    randomness = random.Random(SEED)
    published: dict[int, Version] = {}
    for _ in range(KILLS):
        publishing = asyncio.create_task(publish_until_it_fails(registry, published))
        await asyncio.sleep(randomness.uniform(0.001, 0.06))
        own_redis.kill()
        interrupted = await publishing
        own_redis.start()

        assert await faults(own_redis) == []
        latest = await registry.latest(KEY) or 0
        assert latest in (interrupted, interrupted + 1)  # runs count from 0, versions from 1
        publication = await publish(registry, interrupted)
        assert publication.version == interrupted + 1
        assert publication.repeated == (latest == interrupted + 1)
        published[interrupted] = publication.version

    assert list(published.values()) == list(range(1, len(published) + 1))
    for run, version in published.items():
        manifest = await registry.manifest(KEY, version)
        assert (manifest.run_id, manifest.digest) == (f"run-{run}", digest_of(artifact_of(run)))
        assert await registry.artifact(KEY, manifest.digest) == artifact_of(run)


async def test_a_publish_outlives_a_short_restart_of_redis(
    own_redis: RedisServer, registry: Registry
) -> None:
    async def publish_all() -> list[Publication]:
        return [await publish(registry, run) for run in range(30)]

    publishing = asyncio.create_task(publish_all())
    await asyncio.sleep(0.02)
    own_redis.kill()
    own_redis.start()
    versions = [publication.version for publication in await publishing]
    assert versions == list(range(1, 31))
    assert await faults(own_redis) == []
