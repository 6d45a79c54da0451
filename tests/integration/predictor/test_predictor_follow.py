"""Which version a predictor holds, as the registry and the copy on disk change."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from served_models import FittedModel, line, mixed, publish, without_onnx
from serving import approve_and_serve, serve_unchecked

from perennial_cli.local.redis_server import RedisServer
from perennial_core.identity import ModelKey, Version, digest_of
from perennial_core.registry import Registry, Serving
from perennial_core.settings import PredictorSettings, RegistrySettings
from perennial_predictor.cache import VersionCache
from perennial_predictor.follow import Follower
from perennial_predictor.metrics import Metrics
from perennial_predictor.readiness import Readiness
from perennial_predictor.registry_source import RegistrySource
from perennial_predictor.served import ServedVersion, StoredVersion, load


@asynccontextmanager
async def following(
    registry: Registry, key: ModelKey, directory: Path, **settings: Any
) -> AsyncIterator[Follower]:
    """Run a follower with a copy in this directory."""
    given = PredictorSettings(model=str(key), **settings)
    source = RegistrySource(given, registry, VersionCache(directory, key))
    follower = Follower(given, source, Metrics())
    task = asyncio.create_task(follower.run())
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def said(follower: Follower, is_so: Callable[[Readiness], bool]) -> Readiness:
    """Wait until the follower's readiness is so, and return it."""
    async with asyncio.timeout(30):
        while not is_so(readiness := follower.readiness(draining=False)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return readiness


async def serves(follower: Follower, version: int) -> Readiness:
    return await said(follower, lambda readiness: readiness.version == version)


async def test_a_fixed_version_is_served_whatever_the_registry_says_should_serve(
    registry: Registry, key: ModelKey, tmp_path: Path
) -> None:
    first = await publish(registry, key, line(1))
    await publish(registry, key, line(2))
    fixed = {"version": first.version, "digest": first.digest}
    async with following(registry, key, tmp_path, **fixed) as follower:
        assert await serves(follower, 1) == Readiness(
            ready=True,
            model=str(key),
            version=first.version,
            digest=first.digest,
            expected_version=first.version,
        )


async def test_a_version_with_another_digest_is_never_ready(
    registry: Registry, key: ModelKey, tmp_path: Path
) -> None:
    serving = await publish(registry, key, line())
    wrong = digest_of(b"something else")
    fixed = {"version": serving.version, "digest": wrong}
    async with following(registry, key, tmp_path, **fixed) as follower:
        readiness = await said(follower, lambda it: wrong in str(it.reason))
        assert serving.digest in str(readiness.reason)
        assert not readiness.ready
        assert follower.current is None


async def test_a_version_that_fails_its_warm_up_is_never_ready(
    registry: Registry, key: ModelKey, tmp_path: Path
) -> None:
    unknown = [1.0, 2, True, "red", "unknown"]
    serving = await publish(registry, key, mixed(), example=unknown)
    async with following(registry, key, tmp_path, version=serving.version) as follower:
        readiness = await said(follower, lambda it: "cannot be served" in str(it.reason))
        assert not readiness.ready
        assert follower.current is None


async def test_a_version_that_is_not_there_is_named_and_served_once_it_is(
    registry: Registry, registry_settings: RegistrySettings, key: ModelKey, tmp_path: Path
) -> None:
    lost = Serving(version=Version(1), digest=digest_of(b"not there"))
    async with following(registry, key, tmp_path) as follower:
        await said(follower, lambda it: "names no version to serve yet" in str(it.reason))
        await serve_unchecked(registry_settings, key, lost)
        await said(follower, lambda it: "version 1 is not in the registry" in str(it.reason))
        await publish(registry, key, line(1))
        await said(follower, lambda it: it.version == 1 and it.problem is None)


async def test_serving_goes_back_when_the_registry_says_so(
    registry: Registry, key: ModelKey, tmp_path: Path
) -> None:
    first = await publish(registry, key, line(1))
    await publish(registry, key, line(2))
    async with following(registry, key, tmp_path) as follower:
        await serves(follower, 2)
        await registry.set_serving(key, first)
        await serves(follower, 1)


async def test_a_version_with_another_digest_than_it_should_have_is_not_swapped_in(
    registry: Registry, key: ModelKey, tmp_path: Path
) -> None:
    first = await publish(registry, key, line(1))
    second = await publish(registry, key, line(2), serve=False)
    async with following(registry, key, tmp_path) as follower:
        await serves(follower, 1)
        await approve_and_serve(registry, key, second.version, first.digest)
        readiness = await said(follower, lambda it: it.problem is not None)
        assert (readiness.ready, readiness.version, readiness.expected_version) == (True, 1, 2)
        assert second.digest in str(readiness.problem)


async def test_the_old_model_is_freed(registry: Registry, key: ModelKey, tmp_path: Path) -> None:
    await publish(registry, key, line(1))
    async with following(registry, key, tmp_path) as follower:
        await serves(follower, 1)
        assert follower.current is not None
        old = weakref.ref(follower.current.model)
        await publish(registry, key, line(2))
        await serves(follower, 2)
        gc.collect()
        assert old() is None


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "damaged"])
@pytest.mark.parametrize("kept", [1, 2])
@pytest.mark.parametrize("fixed", [1, None])
async def test_without_redis_only_a_whole_copy_of_the_right_version_is_served(
    own_redis: RedisServer, key: ModelKey, tmp_path: Path, whole: bool, kept: int, fixed: int | None
) -> None:
    async with Registry.from_settings(RegistrySettings.of({"url": own_redis.url})) as registry:
        versions = [await publish(registry, key, line(slope)) for slope in (1, 2)]
        async with following(registry, key, tmp_path / "p", version=kept) as first:
            await serves(first, kept)
            await said(first, lambda _: any((tmp_path / "p").rglob("manifest.json")))
        if not whole:
            (artifact,) = (tmp_path / "p").rglob("sha256-*")
            artifact.write_bytes(artifact.read_bytes()[:-1] + b"?")
        own_redis.kill()
        digest = None if fixed is None else versions[fixed - 1].digest
        async with following(registry, key, tmp_path / "p", version=fixed, digest=digest) as second:
            if whole and fixed in (kept, None):
                assert (await serves(second, kept)).ready
            else:
                readiness = await said(second, lambda it: "does not answer" in str(it.reason))
                assert readiness.version is None
            own_redis.start()
            await serves(second, fixed or 2)


async def test_a_follower_ends_when_told_to_even_as_a_hint_arrives(
    registry: Registry, key: ModelKey, tmp_path: Path
) -> None:
    serving = await publish(registry, key, line())
    for turns in range(60):
        async with asyncio.timeout(20), following(registry, key, tmp_path) as follower:
            await serves(follower, 1)
            await registry.set_serving(key, serving)
            for _ in range(turns % 12):
                await asyncio.sleep(0)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
@pytest.mark.parametrize("threads", [1, 2])
async def test_what_answers_comes_before_what_is_loaded_unless_the_model_has_threads_of_its_own(
    registry: Registry, key: ModelKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    gave_way: dict[str, bool] = {}

    def noted(what: str, stored: StoredVersion) -> None:
        gave_way[f"{what} {stored.manifest.version}"] = gives_way()

    def noted_load(stored: StoredVersion, *given: Any) -> ServedVersion:
        noted("load", stored)
        return load(stored, *given)

    monkeypatch.setattr("perennial_predictor.follow.load", noted_load)

    def noted_trim() -> None:
        trims.append(gives_way())

    trims: list[bool] = []
    monkeypatch.setattr("perennial_predictor.follow.return_freed", noted_trim)
    monkeypatch.setattr(VersionCache, "write", lambda _, stored: noted("keep", stored))
    await publish(registry, key, line(1))
    async with following(registry, key, tmp_path, threads=threads) as follower:
        await serves(follower, 1)
        await publish(registry, key, line(2))
        async with asyncio.timeout(30):
            while len(trims) < 4:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert not gave_way["load 1"]
    assert gave_way["load 2"] is gave_way["keep 2"] is (threads == 1)
    before, *others = trims
    assert not before
    assert set(others) == {threads == 1}


def gives_way() -> bool:
    """Return whether the thread that calls has a lower priority than the process."""
    is_nicer = os.getpriority(os.PRIO_PROCESS, 0) > os.getpriority(os.PRIO_PROCESS, os.getpid())
    return is_nicer or os.sched_getscheduler(0) == os.SCHED_IDLE


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
@pytest.mark.parametrize(
    ("left", "make", "policy"),
    [
        (0.9, line, "SCHED_IDLE"),
        (0.5, line, "SCHED_OTHER"),
        (0.9, without_onnx, "SCHED_OTHER"),
    ],
)
async def test_a_follower_sees_what_others_leave_of_the_cpus(
    registry: Registry,
    key: ModelKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    left: float,
    make: Callable[[], FittedModel],
    policy: str,
) -> None:
    policies: list[int] = []

    def noted(*given: Any) -> ServedVersion:
        policies.append(os.sched_getscheduler(0))
        return load(*given)

    module = "perennial_predictor.background"
    monkeypatch.setattr(f"{module}.idle_seconds", lambda: left * time.monotonic())
    monkeypatch.setattr(f"{module}._PATIENCE", 60)  # else a busy machine would have it begun anew
    monkeypatch.setattr("perennial_predictor.follow.load", noted)
    await publish(registry, key, line(1))
    async with following(registry, key, tmp_path) as follower:
        await serves(follower, 1)
        await asyncio.sleep(1.5)
        await publish(registry, key, make())
        await serves(follower, 2)
    assert policies[-1] == getattr(os, policy)
