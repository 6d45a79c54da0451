"""HotSwap: versions change within the pods. The test plays the kubelet and what pods answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import pytest
from operator_bench import IDLE, Bench, Kubelet, condition, is_true, serves
from operator_models import Body, merged
from played_predictors import PROBLEM

from perennial_cli.local.redis_server import RedisServer
from perennial_core.errors import Outage
from perennial_core.identity import Version
from perennial_core.registry import Registry, Serving
from perennial_operator.cluster import ClusterRefused
from perennial_operator.kinds import DEPLOYMENT, VERSION_LABEL
from perennial_operator.pod_report import PodReport

IMPATIENT = {"strategy": "HotSwap", "progressDeadlineSeconds": 10}
HOT = merged(IDLE, serving={"replicas": 2}, rollout=IMPATIENT)


async def uids(bench: Bench) -> set[str]:
    model = await bench.model()
    pods = await bench.cluster.pods(bench.namespace, model["status"]["selector"])
    return {pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}


async def named(bench: Bench) -> int | None:
    serving = await bench.registry.serving(bench.key())
    return serving.version if serving else None


def cannot_load(version: int, *, uid: str | None = None) -> Callable[[Body, Serving], bool]:
    def can_load(pod: Body, wanted: Serving) -> bool:
        here = uid in (None, pod["metadata"]["uid"])
        return not (here and wanted.version == version)

    return can_load


async def test_versions_change_without_new_pods(bench: Bench, kubelet: Kubelet) -> None:
    await bench.apply(HOT)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    pods, deployment = await uids(bench), await bench.live(DEPLOYMENT)
    for version in (2, 3, 4):
        await bench.publish()
        model = await bench.until(serves(version), f"version {version} serves")
        assert condition(model, "RolledOut")["message"] == f"version {version} is rolled out"

    assert await uids(bench) == pods
    assert len(pods) == 2
    assert await bench.live(DEPLOYMENT) == deployment
    assert deployment is not None
    template = deployment["spec"]["template"]
    assert VERSION_LABEL not in template["metadata"]["labels"]
    names = [variable["name"] for variable in template["spec"]["containers"][0]["env"]]
    assert not {"PERENNIAL_VERSION", "PERENNIAL_DIGEST"} & set(names)
    assert (await bench.events()).count(("Normal", "RolledOut")) == 4


async def test_a_version_is_rolled_out_only_when_all_ready_pods_answer_with_it(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(HOT)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    slow = min(await uids(bench))
    bench.predictors.can_load = cannot_load(2, uid=slow)
    await bench.publish()
    model = await bench.settle()

    assert await named(bench) == 2
    assert condition(model, "RolledOut")["reason"] == "RollingOut"
    assert condition(model, "Ready")["message"] == "rolling out version 2"
    assert model["status"]["serving"]["version"] == 1
    assert model["status"]["rollout"]["swapping"]["version"] == 2
    assert await bench.reconcile() is not None, "it looks again by itself"

    bench.predictors.can_load = cannot_load(9)
    model = await bench.until(serves(2), "version 2 serves")
    assert "swapping" not in model["status"]["rollout"]
    assert await bench.reconcile() is None


async def test_a_version_that_does_not_load_goes_back_by_itself_and_is_not_tried_again(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(HOT)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    pods = await uids(bench)
    bench.predictors.can_load = cannot_load(2, uid=min(pods))
    await bench.publish()
    await bench.until(is_true("Degraded"), "the deadline passes")
    model = await bench.until(serves(1), "version 1 serves again")

    degraded = condition(model, "Degraded")
    assert degraded["reason"] == "RolloutFailed"
    assert degraded["message"] == (
        "version 2 failed to roll out: not all pods answered with version 2 within 10 s: " + PROBLEM
    )
    assert await named(bench) == 1
    bench.start_anew()
    await bench.settle()
    assert await named(bench) == 1

    await bench.publish()
    model = await bench.until(serves(3), "the next version serves")
    assert not is_true("Degraded")(model)
    assert await uids(bench) == pods


async def test_a_first_version_that_does_not_load_is_reported_and_the_next_one_serves(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(HOT)
    kubelet.is_broken = lambda pod: True  # without a version no pod is ready
    await bench.publish()
    model = await bench.until(is_true("Degraded"), "the deadline passes")

    assert condition(model, "Ready")["reason"] == "RolloutFailed"
    assert "not all pods answered with version 1" in condition(model, "Degraded")["message"]

    kubelet.is_broken = lambda pod: False
    await bench.publish()
    model = await bench.until(serves(2), "version 2 serves")
    assert not is_true("Degraded")(model)


async def test_an_operator_that_is_killed_in_the_middle_goes_on_and_keeps_the_time(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(HOT)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    bench.predictors.can_load = cannot_load(2)
    await bench.publish()
    before = (await bench.settle())["status"]["rollout"]["swapping"]
    bench.start_anew()
    after = (await bench.settle())["status"]["rollout"]["swapping"]

    assert (before["version"], after) == (2, before)

    await bench.until(is_true("Degraded"), "the deadline passes")
    await bench.until(serves(1), "version 1 serves again")


async def test_a_pin_goes_back_and_a_newer_version_overtakes_one_that_is_on_its_way(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(HOT)
    for version in (1, 2):
        await bench.publish()
        await bench.until(serves(version), f"version {version} serves")
    pods = await uids(bench)

    await bench.change({"spec": {"rollout": {"pinnedVersion": 1}}})
    await bench.until(serves(1), "the pinned version serves")
    assert await named(bench) == 1

    bench.predictors.can_load = cannot_load(3)
    await bench.publish()
    await bench.change({"spec": {"rollout": {"pinnedVersion": None}}})
    await bench.until(lambda model: not is_true("Ready")(model), "version 3 is on its way")
    await bench.publish()
    await bench.until(serves(4), "version 4 serves")

    assert (await bench.registry.snapshot(bench.key())).failures == {}
    assert await uids(bench) == pods


async def test_settings_that_change_in_the_middle_go_first(bench: Bench, kubelet: Kubelet) -> None:
    await bench.apply(HOT)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    pods = await uids(bench)
    bench.predictors.can_load = cannot_load(2)
    await bench.publish()
    await bench.settle()
    await bench.change({"spec": {"serving": {"port": 6001}}})
    await bench.reconcile()

    assert await named(bench) == 1, "one thing at a time"

    bench.predictors.can_load = cannot_load(9)
    model = await bench.until(serves(2), "version 2 serves")
    assert is_true("RolledOut")(model)
    assert not await uids(bench) & pods


async def test_settings_that_do_not_start_go_back_and_versions_go_on(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(HOT)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    pods = await uids(bench)
    kubelet.is_broken = lambda pod: pod["metadata"]["uid"] not in pods
    await bench.change({"spec": {"serving": {"port": 6001}}})
    await bench.until(is_true("Degraded"), "the deadline passes")
    await bench.publish()
    model = await bench.until(serves(2), "version 2 serves with the old settings")

    assert condition(model, "RolledOut")["reason"] == "SettingsFailed"
    assert await uids(bench) == pods


async def test_the_strategy_changes_back_and_forth_and_what_serves_stays(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(merged(HOT, rollout={"strategy": "RollingUpdate"}))
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    assert await bench.deployed() == 1

    async def change(strategy: str) -> None:
        await bench.change({"spec": {"rollout": {"strategy": strategy}}})
        version = (await bench.model())["status"]["serving"]["version"]
        await bench.settle()
        model = await bench.until(serves(version), f"the same version serves, by {strategy}")
        assert is_true("RolledOut")(model)

    await change("HotSwap")
    pods = await uids(bench)
    await bench.publish()
    await bench.until(serves(2), "version 2 serves")
    assert await uids(bench) == pods

    await change("RollingUpdate")
    assert await bench.deployed() == 2
    await bench.publish()
    await bench.until(serves(3), "version 3 serves")
    assert await bench.deployed() == 3
    assert not is_true("Degraded")(await bench.model())


async def test_without_replicas_versions_wait(bench: Bench, kubelet: Kubelet) -> None:
    await bench.apply(HOT)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    await bench.change({"spec": {"serving": {"replicas": 0}}})
    await bench.publish()
    model = await bench.settle()

    assert condition(model, "Ready")["reason"] == "ScaledToZero"
    assert await named(bench) == 1

    await bench.change({"spec": {"serving": {"replicas": 1}}})
    await bench.until(serves(2), "version 2 serves")


async def test_a_registry_that_lost_its_data_changes_nothing_until_it_is_filled_again(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(HOT)
    for version in (1, 2):
        await bench.publish()
        await bench.until(serves(version), f"version {version} serves")
    pods = await uids(bench)
    await bench.registry.purge(bench.key())
    model = await bench.settle()

    assert serves(2)(model)
    assert condition(model, "Degraded")["reason"] == "VersionLost"

    await bench.publish(content=b"anew")
    model = await bench.until(serves(1), "what is published anew serves")
    assert not is_true("Degraded")(model)
    assert await uids(bench) == pods
    serving = await bench.registry.serving(bench.key())
    manifest = await bench.registry.manifest(bench.key(), Version(1))
    assert serving == Serving(version=manifest.version, digest=manifest.digest)


async def test_a_registry_that_gets_the_same_again_names_it_again(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(HOT)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    await bench.registry.purge(bench.key())
    await bench.publish()

    await bench.settle()

    assert await named(bench) == 1


async def test_a_swap_that_stands_still_while_redis_is_down_is_not_blamed(
    bench: Bench, kubelet: Kubelet, own_redis: RedisServer, own_registry: Registry
) -> None:
    bench.registry = own_registry
    bench.start_anew()
    await bench.apply(HOT)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    bench.predictors.can_load = cannot_load(2)
    await bench.publish()
    await bench.settle()
    own_redis.stop()
    await asyncio.sleep(10)  # the deadline
    with pytest.raises(Outage):
        await bench.reconcile()
    own_redis.start()
    await bench.reconcile()

    assert (await bench.registry.snapshot(bench.key())).failures == {}
    assert await named(bench) == 2


async def test_pods_that_the_operator_may_not_list_are_reported_and_what_serves_stays(
    bench: Bench, kubelet: Kubelet, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.apply(HOT)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")

    async def refuse(pods: Iterable[Body]) -> tuple[PodReport, ...]:
        raise ClusterRefused("the API server refuses: pods is forbidden")

    monkeypatch.setattr(bench.predictors, "reports", refuse)
    model = await bench.settle()

    assert serves(1)(model)
    assert condition(model, "Degraded")["message"] == "the API server refuses: pods is forbidden"
