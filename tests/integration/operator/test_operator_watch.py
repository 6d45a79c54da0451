"""The whole operator: what it hears of, it does; what is settled, it leaves alone."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from operator_bench import (
    IDLE,
    NOWHERE,
    Bench,
    Kubelet,
    condition,
    eventually,
    has_ready,
    is_true,
    running,
    serves,
)
from operator_models import MINIMAL, merged, operator_settings

from perennial_cli.local.redis_server import RedisServer
from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings
from perennial_operator.kinds import DEPLOYMENT, PREDICTION_MODEL, SERVICE
from perennial_operator.operation import operate

SELDOM = 3600.0
"""Seconds between comparisons that no test waits for: what happens, happens by events."""


def operator(
    bench: Bench, resync_seconds: float = SELDOM
) -> AbstractAsyncContextManager[asyncio.Task[Any]]:
    """Run the operator for the test's namespace."""
    settings = operator_settings(watch_namespaces=[bench.namespace], resync_seconds=resync_seconds)
    return running(operate(settings, bench.registry_settings, bench.cluster, bench.registry))


async def test_all_happens_by_events(bench: Bench, kubelet: Kubelet) -> None:
    async with operator(bench):
        await bench.apply(merged(MINIMAL, training={"schedule": "@daily"}, serving=NOWHERE))
        await eventually(bench.everything, lambda found: len(found) == 6)
        await bench.publish()
        await eventually(bench.model, serves(1))
        await bench.publish()
        await eventually(bench.model, serves(2))

        await bench.cluster.remove(SERVICE, bench.ref(SERVICE))
        await eventually(lambda: bench.live(SERVICE), bool)
        await bench.cluster.merge(DEPLOYMENT, bench.ref(DEPLOYMENT), {"spec": {"replicas": 3}})
        await eventually(
            lambda: bench.live(DEPLOYMENT), lambda body: body and body["spec"]["replicas"] == 1
        )

        await bench.cluster.remove(PREDICTION_MODEL, bench.ref(PREDICTION_MODEL))
        await eventually(lambda: bench.live(PREDICTION_MODEL), lambda body: body is None)
        assert (await bench.registry.snapshot(bench.key())).versions == ()
        await eventually(bench.everything, lambda found: not found)


async def test_what_happened_while_the_operator_was_away_is_done_at_its_start(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(IDLE)
    await bench.publish()
    async with operator(bench):
        await eventually(bench.model, serves(1))
    await bench.publish()

    async with operator(bench):
        await eventually(bench.model, serves(2))


async def test_settled_models_cost_no_write_however_often_they_are_compared(
    bench: Bench, kubelet: Kubelet
) -> None:
    names = ["one", "two", "three"]
    for name in names:
        await bench.apply(IDLE, name)
        await bench.publish(name)
    async with operator(bench, resync_seconds=0.3):
        for name in names:
            await eventually(partial(bench.model, name), serves(1))
        await asyncio.sleep(1)
        bench.cluster.writes.clear()
        before = [(await bench.model(name))["metadata"]["resourceVersion"] for name in names]

        await asyncio.sleep(2)

        after = [(await bench.model(name))["metadata"]["resourceVersion"] for name in names]
        writes = [write for write in bench.cluster.writes if "/pods/" not in write]
    assert writes == []
    assert after == before


async def test_a_change_of_the_replicas_is_no_rollout(bench: Bench, kubelet: Kubelet) -> None:
    await bench.apply(IDLE)
    await bench.publish()
    async with operator(bench):
        await eventually(bench.model, serves(1))
        for replicas in (2, 3, 1, 2):
            await bench.change({"spec": {"serving": {"replicas": replicas}}})
            await eventually(bench.model, has_ready(replicas))

        told = await bench.events()
    assert told.count(("Normal", "RollingOut")) == 1
    assert told.count(("Normal", "RolledOut")) == 1


async def test_when_redis_comes_back_all_is_caught_up_without_waiting_to_compare(
    bench: Bench, kubelet: Kubelet, own_redis: RedisServer, own_registry: Registry
) -> None:
    bench.registry = own_registry
    bench.registry_settings = RegistrySettings.of({"url": own_redis.url})
    await bench.apply(IDLE)
    await bench.publish()
    async with operator(bench):
        await eventually(bench.model, serves(1))
        own_redis.stop()
        await bench.change({"spec": {"serving": {"replicas": 2}}})
        model = await eventually(bench.model, is_true("Degraded"))
        assert condition(model, "Degraded")["reason"] == "RegistryUnavailable"
        await eventually(bench.model, has_ready(2))

        own_redis.start()
        await bench.publish()
        model = await eventually(bench.model, serves(2))
        await eventually(bench.model, lambda model: not is_true("Degraded")(model))


async def test_an_operator_that_stops_leaves_no_task_behind(bench: Bench) -> None:
    await bench.apply(IDLE)
    async with operator(bench):
        await eventually(bench.model, lambda model: "status" in model)
        assert len(asyncio.all_tasks()) > 2

    left = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    assert [task for task in left if "kubernetes" not in repr(task)] == []
