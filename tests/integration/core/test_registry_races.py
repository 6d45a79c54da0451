"""What happens between the registry's look and its script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from builders import NOW, manifest_body
from registry_audit import registry_faults, registry_keys
from serving import approve_and_serve

from perennial_core.identity import ModelKey, Version, digest_of
from perennial_core.registry import Registry, RegistryUnavailable

Interference = Callable[[Registry, ModelKey], Awaitable[object]]


async def publish(registry: Registry, key: ModelKey, artifact: bytes, run: str) -> Version:
    body = manifest_body(key, artifact, run)
    return (await registry.publish(key, body, artifact, started=NOW)).version


async def serve(registry: Registry, key: ModelKey, version: int) -> None:
    manifest = await registry.manifest(key, Version(version))
    await approve_and_serve(registry, key, version, manifest.digest)


def before_the_script(
    registry: Registry, name: str, interfere: Callable[[], Awaitable[object]]
) -> None:
    """Let something happen each time after the registry looked and before it acts."""
    setattr(registry, name, LateScript(getattr(registry, name), interfere))


class LateScript:
    """A script before which something happens."""

    def __init__(self, script: Any, interfere: Callable[[], Awaitable[object]]) -> None:
        self._script = script
        self._interfere = interfere
        self.script = script.script

    async def __call__(self, **arguments: Any) -> object:
        await self._interfere()
        return await self._script(**arguments)


@pytest.fixture
async def key(request: pytest.FixtureRequest, registry: Registry) -> ModelKey:
    """A model with the versions 1 to 4, of which 1 and 3 are the same artifact."""
    key = ModelKey("races", request.function.__name__.replace("_", "-").removeprefix("test-"))
    await registry.purge(key)
    for number, artifact in enumerate((b"a", b"b", b"a", b"c"), 1):
        await publish(registry, key, artifact, f"run-{number}")
    return key


async def test_retention_lets_go_of_nothing_when_its_artifact_is_published_meanwhile(
    registry: Registry, registry_settings: Any, key: ModelKey, client: Any
) -> None:
    async with Registry.from_settings(registry_settings) as late:
        before_the_script(late, "_retain_script", lambda: publish(registry, key, b"b", "run-5"))
        assert await late.retain(key, limit=1, protected=[]) == []
    assert (await registry.snapshot(key)).versions == (1, 2, 3, 4, 5)
    assert await registry.retain(key, limit=1, protected=[]) == [1, 2, 3, 4]
    assert await registry.artifact(key, digest_of(b"b")) == b"b"
    assert await registry_faults(client, key) == []


async def test_retention_lets_go_of_nothing_when_an_old_version_begins_to_serve_meanwhile(
    registry: Registry, registry_settings: Any, key: ModelKey, client: Any
) -> None:
    await serve(registry, key, 4)
    async with Registry.from_settings(registry_settings) as late:
        before_the_script(late, "_retain_script", lambda: serve(registry, key, 1))
        assert await late.retain(key, limit=1, protected=[]) == []
    assert await registry.retain(key, limit=1, protected=[]) == [2, 3]
    assert await registry.artifact(key, digest_of(b"a")) == b"a"
    assert await registry_faults(client, key) == []


async def test_retention_lets_go_of_nothing_when_another_does_meanwhile(
    registry: Registry, registry_settings: Any, key: ModelKey, client: Any
) -> None:
    async with Registry.from_settings(registry_settings) as late:
        retain = registry.retain
        before_the_script(late, "_retain_script", lambda: retain(key, limit=2, protected=[]))
        assert await late.retain(key, limit=1, protected=[Version(1)]) == []
    assert (await registry.snapshot(key)).versions == (3, 4)
    assert await registry.retain(key, limit=1, protected=[]) == [3]
    assert await registry_faults(client, key) == []


async def test_retention_lets_a_purged_model_be(
    registry: Registry, registry_settings: Any, key: ModelKey, client: Any
) -> None:
    async with Registry.from_settings(registry_settings) as late:
        before_the_script(late, "_retain_script", lambda: registry.purge(key))
        assert await late.retain(key, limit=1, protected=[]) == []
    assert await registry_keys(client, key) == set()


async def test_a_purge_takes_a_version_along_that_is_published_meanwhile(
    registry: Registry, registry_settings: Any, key: ModelKey, client: Any
) -> None:
    missed: list[list[str]] = []
    runs = iter(range(5, 7))

    async def publish_twice() -> None:
        for run in [next(runs, None)]:
            if run is not None:
                await publish(registry, key, b"new %d" % run, f"run-{run}")
                missed.append(await registry_faults(client, key))

    async with Registry.from_settings(registry_settings) as late:
        before_the_script(late, "_purge_script", publish_twice)
        await late.purge(key)
    assert missed == [[], []]
    assert await registry_keys(client, key) == set()


async def test_a_purge_that_cannot_get_ahead_of_the_runs_says_so_and_removes_nothing(
    registry: Registry, registry_settings: Any, key: ModelKey, client: Any
) -> None:
    runs = iter(range(5, 100))
    async with Registry.from_settings(registry_settings) as late:
        before_the_script(
            late, "_purge_script", lambda: publish(registry, key, b"new", f"run-{next(runs)}")
        )
        with pytest.raises(RegistryUnavailable, match="end them first"):
            await late.purge(key)
    assert await registry_faults(client, key) == []
    assert await registry.latest(key) == next(runs) - 1


async def test_a_publish_that_others_precede_comes_after_them(
    registry: Registry, registry_settings: Any, key: ModelKey, client: Any
) -> None:
    others = iter(range(5, 8))

    async def other() -> None:
        for run in [next(others, None)]:
            if run is not None:
                await publish(registry, key, b"other", f"run-{run}")

    async with Registry.from_settings(registry_settings) as late:
        before_the_script(late, "_publish_script", other)
        assert await publish(late, key, b"mine", "run-mine") == 8
    assert (await registry.manifest(key, Version(8))).run_id == "run-mine"
    assert await registry_faults(client, key) == []


async def test_twelve_trainers_at_once_make_twelve_versions_in_order(
    registry: Registry, key: ModelKey, client: Any
) -> None:
    versions = await asyncio.gather(
        *(publish(registry, key, b"artifact %d" % run, f"at-once-{run}") for run in range(12))
    )
    assert sorted(versions) == list(range(5, 17))
    records = [run.version for run in await registry.runs(key, count=12)]
    assert records == list(range(16, 4, -1))
    assert await registry_faults(client, key) == []


async def test_one_run_that_publishes_many_times_at_once_makes_one_version(
    registry: Registry, key: ModelKey
) -> None:
    versions = await asyncio.gather(
        *(publish(registry, key, b"artifact %d" % attempt, "once") for attempt in range(6))
    )
    assert versions == [5] * 6
    assert await registry.latest(key) == 5
