"""Hints: every one after the start is heard, and an end of Redis is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from builders import NOW, manifest_body
from serving import approve_and_serve

from perennial_cli.local.redis_server import RedisServer
from perennial_core.identity import ModelKey, Version, digest_of
from perennial_core.registry import (
    Event,
    EventKind,
    Registry,
    RegistryUnavailable,
    Run,
    RunOutcome,
    hints,
)
from perennial_core.registry.keys import EVENTS
from perennial_core.settings import RegistrySettings

KEY = ModelKey("tests", "events")
RUN = Run(run_id="r", outcome=RunOutcome.SKIPPED, started=NOW, ended=NOW, message="unchanged")
OTHER = ModelKey("tests", "events-other")


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "BLOCK_MILLISECONDS", 20)


@pytest.fixture
async def events(registry: Registry) -> AsyncIterator[Event | None]:
    """The hints from now on."""
    events = registry.events()
    assert await anext(events) is None  # from here on, nothing is missed
    return events


async def next_hint(events: AsyncIterator[Event | None]) -> Event:
    while True:
        if (event := await anext(events)) is not None:
            return event


async def idle(events: AsyncIterator[Event | None]) -> None:
    """Wait until nothing was heard for a while."""
    assert await anext(events) is None


async def test_every_change_gives_a_hint(
    registry: Registry, events: AsyncIterator[Event | None]
) -> None:
    await registry.purge(KEY)
    await registry.publish(KEY, manifest_body(KEY, b"a"), b"a", started=NOW)
    await registry.record_run(KEY, RUN)
    await approve_and_serve(registry, KEY, 1, digest_of(b"a"))
    await registry.record_run(OTHER, RUN)
    assert [await next_hint(events) for _ in range(5)] == [
        Event(KEY, EventKind.PUBLISHED, Version(1)),
        Event(KEY, EventKind.RUN, None),
        Event(KEY, EventKind.DECIDED, Version(1)),
        Event(KEY, EventKind.SERVING, Version(1)),
        Event(OTHER, EventKind.RUN, None),
    ]


async def test_a_repeated_publish_tells_again_for_the_first_may_have_died_before_it_told(
    registry: Registry, events: AsyncIterator[Event | None]
) -> None:
    await registry.purge(KEY)
    for _ in range(2):
        await registry.publish(KEY, manifest_body(KEY, b"a"), b"a", started=NOW)
    told = [await next_hint(events) for _ in range(2)]
    assert told == [Event(KEY, EventKind.PUBLISHED, Version(1))] * 2


async def test_hints_are_heard_in_order_over_idle_times(
    registry: Registry, events: AsyncIterator[Event | None]
) -> None:
    await registry.purge(KEY)
    for version in range(1, 13):
        body = manifest_body(KEY, b"a", f"run-{version}")
        await registry.publish(KEY, body, b"a", started=NOW)
        if version % 3 == 0:
            heard = [await next_hint(events) for _ in range(3)]
            assert [event.version for event in heard] == [version - 2, version - 1, version]
            await idle(events)


async def test_what_nobody_understands_is_passed_over(
    registry: Registry, client: Any, events: AsyncIterator[Event | None]
) -> None:
    whole = {"model": "tests/events", "kind": "run", "version": ""}
    for strange in (
        {"other": "fields"},
        {**whole, "model": "no-slash"},
        {**whole, "model": "tests/two/slashes"},
        {**whole, "model": b"\xff/\xff"},
        {**whole, "kind": "of-a-newer-release"},
        {**whole, "version": "one"},
    ):
        await client.xadd(EVENTS, strange)
    await client.xadd(EVENTS, {**whole, "of-a-newer-release": "field"})
    assert await next_hint(events) == Event(KEY, EventKind.RUN, None)


async def test_only_hints_from_now_on_are_heard(registry: Registry) -> None:
    await registry.record_run(KEY, RUN)
    events = registry.events()
    await anext(events)
    await registry.record_run(OTHER, RUN)
    assert (await next_hint(events)).model == OTHER


async def test_the_first_hint_of_all_is_heard(own_redis: RedisServer) -> None:
    async with Registry.from_settings(RegistrySettings.of({"url": own_redis.url})) as registry:
        events = registry.events()
        await anext(events)
        await registry.record_run(KEY, RUN)
        assert (await next_hint(events)).model == KEY


async def test_the_end_of_redis_is_an_outage_and_the_next_start_hears_again(
    own_redis: RedisServer,
) -> None:
    async with Registry.from_settings(RegistrySettings.of({"url": own_redis.url})) as registry:
        events = registry.events()
        await anext(events)
        listening = asyncio.create_task(next_hint(events))
        await asyncio.sleep(0.05)
        own_redis.kill()
        with pytest.raises(RegistryUnavailable):
            await listening
        own_redis.start()
        events = registry.events()
        await anext(events)
        await registry.record_run(KEY, RUN)
        assert (await next_hint(events)).model == KEY


async def test_listening_ends_when_it_is_cancelled_and_leaves_the_registry_usable(
    registry: Registry, events: AsyncIterator[Event | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "BLOCK_MILLISECONDS", 500)
    for wait in (0, 0.001, 0.05):
        listening = asyncio.create_task(next_hint(registry.events()))
        await asyncio.sleep(wait)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        assert await registry.latest(ModelKey("tests", "events-none")) is None
    await registry.record_run(KEY, RUN)
    assert (await next_hint(events)).model == KEY
