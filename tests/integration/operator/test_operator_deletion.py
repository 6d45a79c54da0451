"""What a deleted model leaves behind."""

from __future__ import annotations

import asyncio
from unittest.mock import ANY

import pytest
from operator_bench import (
    IDLE,
    NOWHERE,
    Bench,
    CountingCluster,
    Kubelet,
    condition,
    eventually,
    running,
    serves,
)
from operator_models import MINIMAL, Body, merged

from perennial_cli.local.redis_server import RedisServer
from perennial_core.errors import Outage
from perennial_core.registry import Registry
from perennial_operator.cluster import Conflict
from perennial_operator.finalizer import FINALIZER
from perennial_operator.kinds import JOB, PREDICTION_MODEL, Kind
from perennial_operator.uninstall import delete_all_models

RETAINED = {**IDLE, "deletionPolicy": "Retain"}
TRAINING = merged(MINIMAL, training={"schedule": "* * * * *"}, serving=NOWHERE)


async def delete(bench: Bench) -> None:
    await bench.cluster.remove(PREDICTION_MODEL, bench.ref(PREDICTION_MODEL))


async def is_gone(bench: Bench) -> None:
    async def look() -> Body | None:
        await bench.reconcile()
        return await bench.live(PREDICTION_MODEL)

    await eventually(look, lambda body: body is None)


async def test_a_model_leaves_no_object_and_no_key(bench: Bench) -> None:
    await bench.apply(TRAINING)
    await bench.publish()
    await bench.settle()
    assert FINALIZER in (await bench.model())["metadata"]["finalizers"]
    await delete(bench)

    await is_gone(bench)

    assert (await bench.registry.snapshot(bench.key())).versions == ()
    assert await bench.registry.runs(bench.key()) == []
    await eventually(bench.everything, lambda found: not found)


async def test_no_trainer_is_left_that_could_publish_when_the_keys_are_removed(
    bench: Bench,
) -> None:
    await bench.apply(TRAINING)
    await bench.publish()
    await bench.settle()
    jobs = await bench.owned(JOB)
    await delete(bench)

    await bench.reconcile()

    assert jobs
    assert (await bench.registry.snapshot(bench.key())).versions == (1,)
    assert FINALIZER in (await bench.model())["metadata"]["finalizers"]
    await is_gone(bench)
    assert await bench.owned(JOB) == []


async def test_a_retained_model_leaves_its_versions(bench: Bench) -> None:
    await bench.apply(RETAINED)
    await bench.publish()
    await bench.settle()
    assert FINALIZER not in (await bench.model())["metadata"].get("finalizers", [])
    await delete(bench)

    await is_gone(bench)

    assert (await bench.registry.snapshot(bench.key())).versions == (1,)
    await eventually(bench.everything, lambda found: not found)


async def test_the_policy_may_change(bench: Bench) -> None:
    await bench.apply(RETAINED)
    await bench.publish()
    await bench.settle()
    await bench.change({"spec": {"deletionPolicy": "Delete"}})
    await bench.settle()
    held = (await bench.model())["metadata"]["finalizers"]
    await bench.change({"spec": {"deletionPolicy": "Retain"}})
    await bench.settle()
    let_go = (await bench.model())["metadata"].get("finalizers", [])

    assert FINALIZER in held
    assert FINALIZER not in let_go


async def test_a_policy_that_changes_while_the_model_is_deleted_counts(bench: Bench) -> None:
    await bench.apply(IDLE)
    await bench.publish()
    await bench.settle()
    await delete(bench)
    await bench.change({"spec": {"deletionPolicy": "Retain"}})

    await is_gone(bench)

    assert (await bench.registry.snapshot(bench.key())).versions == (1,)


async def test_a_deletion_while_the_operator_is_down_changes_nothing_about_that(
    bench: Bench,
) -> None:
    await bench.apply(IDLE)
    await bench.publish()
    await bench.settle()
    await delete(bench)
    bench.start_anew()

    await is_gone(bench)

    assert (await bench.registry.snapshot(bench.key())).versions == ()


async def test_a_deletion_while_redis_is_down_waits_and_says_so(
    bench: Bench, own_redis: RedisServer, own_registry: Registry
) -> None:
    bench.registry = own_registry
    bench.start_anew()
    await bench.apply(IDLE)
    await bench.publish()
    await bench.settle()
    own_redis.stop()
    await delete(bench)

    with pytest.raises(Outage):
        await bench.reconcile()

    message = condition(await bench.model(), "Degraded")["message"]
    assert message.startswith("the deletion waits for the registry")
    own_redis.start()
    await is_gone(bench)
    assert (await bench.registry.snapshot(bench.key())).versions == ()


async def test_other_finalizers_are_left_alone(bench: Bench) -> None:
    await bench.apply(IDLE, finalizers=["example.com/mine"])
    await bench.settle()
    await delete(bench)

    await bench.settle()

    assert (await bench.model())["metadata"]["finalizers"] == ["example.com/mine"]


async def test_a_finalizer_that_a_person_wrote_too_does_not_hold_the_model(bench: Bench) -> None:
    """As after kubectl replace, or from a backup."""
    await bench.apply(IDLE)
    await bench.settle()
    await bench.apply(IDLE, finalizers=[FINALIZER])
    await delete(bench)

    await is_gone(bench)


async def test_a_model_that_cannot_be_read_can_be_deleted(bench: Bench) -> None:
    await bench.apply(IDLE)
    await bench.publish()
    await bench.settle()
    await delete(bench)
    await bench.resync.once()
    raw = bench.cache.model(bench.key())
    assert raw is not None
    raw["spec"] = {"deletionPolicy": "Delete", "training": "not as today's schema has it"}

    await bench.reconciler.reconcile(bench.key())

    assert await bench.live(PREDICTION_MODEL) is None
    assert (await bench.registry.snapshot(bench.key())).versions == ()


async def test_a_model_that_cannot_be_read_is_reported_and_what_serves_stays(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(IDLE)
    await bench.publish()
    before = await bench.until(serves(1), "it serves")
    raw = bench.cache.model(bench.key())
    assert raw is not None
    raw["spec"] = {**raw["spec"], "rollout": {"pinnedVersion": "seven"}}

    await bench.reconciler.reconcile(bench.key())

    model = await bench.model()
    assert condition(model, "Degraded")["reason"] == "InvalidSpec"
    assert "spec.rollout.pinnedVersion" in condition(model, "Degraded")["message"]
    assert model["status"]["rollout"] == before["status"]["rollout"]
    assert await bench.deployed() == 1


async def test_a_model_of_the_same_name_trains_anew_and_gets_no_other_s_status(
    bench: Bench,
) -> None:
    await bench.apply(merged(RETAINED, training={"suspend": False}))
    await bench.settle()
    old = bench.cache.model(bench.key())
    assert old is not None
    (first,) = await bench.owned(JOB)
    await delete(bench)
    await eventually(lambda: bench.live(PREDICTION_MODEL), lambda body: body is None)
    await bench.apply(merged(RETAINED, training={"suspend": False}))

    with pytest.raises(Conflict):
        await bench.cluster.report(PREDICTION_MODEL, old, old["status"])
    await bench.settle()

    jobs = {job["metadata"]["name"] for job in await bench.owned(JOB)}
    assert jobs - {first["metadata"]["name"]}


async def test_a_deletion_that_no_watch_told_is_found_by_comparing(bench: Bench) -> None:
    await bench.apply(RETAINED)
    await bench.settle()
    assert bench.cache.models() == [bench.key()]
    await delete(bench)
    await eventually(lambda: bench.live(PREDICTION_MODEL), lambda body: body is None)
    await eventually(bench.everything, lambda found: not found)

    await bench.resync.once()

    assert bench.cache.models() == []
    assert bench.cache.owned_of_kind(bench.key(), "Service") == []
    await bench.reconcile()
    assert await bench.everything() == []


class OneNamespace(CountingCluster):
    """Sees the models of one namespace alone, for others use the cluster too."""

    def __init__(self, bench: Bench) -> None:
        self.__dict__ = bench.cluster.__dict__
        self._namespace = bench.namespace

    async def list_all(
        self, kind: Kind, namespace: str | None = None, selector: str = ""
    ) -> tuple[list[Body], int]:
        return await super().list_all(kind, namespace or self._namespace, selector)


async def test_uninstalling_deletes_all_models_and_waits_until_they_are_gone(
    bench: Bench,
) -> None:
    for name in ("one", "two"):
        await bench.apply(IDLE, name)
        await bench.settle(name)
    cluster = OneNamespace(bench)

    async with running(delete_all_models(cluster)) as uninstalling:
        await eventually(lambda: bench.model("two"), is_being_deleted)
        assert not uninstalling.done()
        for name in ("one", "two"):
            await bench.reconcile(name)
        async with asyncio.timeout(20):
            await uninstalling

    assert await cluster.list_all(PREDICTION_MODEL) == ([], ANY)


def is_being_deleted(model: Body) -> bool:
    return "deletionTimestamp" in model["metadata"]
