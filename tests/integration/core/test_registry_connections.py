"""Connections: what is cancelled, slow, large or of another protocol."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from builders import NOW, manifest_body

from perennial_cli.local.redis_server import RedisServer
from perennial_core.identity import ModelKey, Version, digest_of
from perennial_core.registry import Publication, Registry, RegistryUnavailable, connection
from perennial_core.registry import registry as registry_module
from perennial_core.settings import MEBIBYTE, RegistrySettings

KEY = ModelKey("tests", "connections")
ARTIFACT = os.urandom(256 * 1024)


@pytest.fixture
async def published(registry: Registry) -> Registry:
    """A registry with one version of the model."""
    await registry.purge(KEY)
    await publish(registry)
    return registry


async def publish(registry: Registry) -> Publication:
    return await registry.publish(KEY, manifest_body(KEY, ARTIFACT), ARTIFACT, started=NOW)


async def use_without_end(registry: Registry) -> None:
    while True:
        assert await registry.latest(KEY) == 1
        assert (await registry.manifest(KEY, Version(1))).version == 1
        assert (await registry.snapshot(KEY)).versions == (1,)
        assert await registry.artifact(KEY, digest_of(ARTIFACT)) == ARTIFACT
        assert await publish(registry) == Publication(Version(1), repeated=True)
        assert await registry.retain(KEY, limit=1, protected=[]) == []


async def cancel(task: asyncio.Task[None]) -> int:
    """Cancel a task until it ends, and return how often that took."""
    count = 0
    while not task.done():
        task.cancel()
        count += 1
        await asyncio.wait([task], timeout=20)
    return count


async def test_a_cancellation_at_any_moment_is_obeyed_and_mixes_up_no_answers(
    published: Registry,
) -> None:
    for moment in range(0, 400, 3):
        using = asyncio.create_task(use_without_end(published))
        for _ in range(moment):
            await asyncio.sleep(0)
        cancellations = await cancel(using)
        assert using.cancelled(), using.exception()
        assert cancellations == 1, f"the cancellation at moment {moment} was lost"
    answers = [published.snapshot(KEY) for _ in range(20)]
    assert {snapshot.versions for snapshot in await asyncio.gather(*answers)} == {(1,)}


async def test_a_cancelled_caller_may_still_use_the_registry_to_clean_up(
    published: Registry,
) -> None:
    async def wait_then_look() -> Version | None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return await published.latest(KEY)
        return None

    cleaning = asyncio.create_task(wait_then_look())
    await asyncio.sleep(0)
    cleaning.cancel()
    assert await cleaning == 1


@pytest.fixture
async def silent_url() -> AsyncIterator[str]:
    """The URL of something that takes connections and never answers."""
    open_ = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await open_.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    open_.set()
    server.close()


async def test_a_redis_that_never_answers_is_an_outage(
    silent_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "ANSWER_SECONDS", 0.05)
    async with Registry.from_settings(RegistrySettings.of({"url": silent_url})) as registry:
        with pytest.raises(RegistryUnavailable, match="Redis does not answer: Timeout"):
            await registry.latest(KEY)
        with pytest.raises(RegistryUnavailable, match="Redis does not answer: Timeout"):
            await anext(registry.events())


def test_waiting_for_events_ends_before_redis_counts_as_silent() -> None:
    assert connection.BLOCK_MILLISECONDS / 1000 < connection.ANSWER_SECONDS


@pytest.mark.parametrize("protocol", [2, 3])
async def test_both_protocols_of_redis_do(
    registry_settings: RegistrySettings, protocol: int
) -> None:
    url = f"{registry_settings.url.get_secret_value()}?protocol={protocol}"
    async with Registry.from_settings(RegistrySettings.of({"url": url})) as registry:
        await registry.purge(KEY)
        events = registry.events()
        await anext(events)
        await publish(registry)
        snapshot = await registry.snapshot(KEY)
        event = await anext(events)
    assert snapshot.versions == (1,)
    assert snapshot.last_run is not None
    assert event is not None
    assert event.model == KEY


async def test_a_large_artifact_is_published_and_loaded(own_redis: RedisServer) -> None:
    artifact = os.urandom(64 * MEBIBYTE)
    async with Registry.from_settings(RegistrySettings.of({"url": own_redis.url})) as registry:
        body = manifest_body(KEY, artifact)
        assert (await registry.publish(KEY, body, artifact, started=NOW)).version == 1
        assert await registry.artifact(KEY, body.digest) == artifact
