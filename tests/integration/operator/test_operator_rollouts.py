"""Rollouts on the real Deployment controller; the tests play the kubelet."""

from __future__ import annotations

import pytest
import redis.asyncio
from operator_bench import (
    IDLE,
    Bench,
    Kubelet,
    condition,
    eventually,
    has_ready,
    is_true,
    serves,
    version_of,
)
from operator_models import Body, merged

from perennial_cli.local.redis_server import RedisServer
from perennial_core.errors import Outage
from perennial_core.registry import Registry
from perennial_operator.kinds import DEPLOYMENT, JOB

IMPATIENT = {"progressDeadlineSeconds": 10}
TWO_PODS = merged(IDLE, serving={"replicas": 2}, rollout=IMPATIENT)


async def test_a_published_version_serves_and_the_next_one_follows(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(TWO_PODS)
    first = await bench.settle()
    await bench.publish()
    second = await bench.until(serves(1), "version 1 serves")
    await bench.publish()
    third = await bench.until(serves(2), "version 2 serves")

    assert condition(first, "Ready")["reason"] == "NoVersion"
    assert condition(second, "Ready")["message"] == "version 1 answers from 2 of 2 pods"
    assert third["status"]["latest"]["version"] == 2
    serving = await bench.registry.serving(bench.key())
    assert serving is not None
    assert serving.version == 2
    told = await bench.events()
    assert told.count(("Normal", "RolledOut")) == 2


async def test_ready_is_false_until_all_pods_have_the_version(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(TWO_PODS)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    kubelet.is_broken = lambda pod: version_of(pod) == 2
    await bench.publish()

    model = await bench.until(lambda model: not is_true("Ready")(model), "it rolls out")

    assert condition(model, "Ready")["reason"] == "RollingOut"
    assert model["status"]["serving"]["version"] == 1
    assert model["status"]["readyReplicas"] == 2, "the old pods stay"


async def test_a_version_that_does_not_start_goes_back_by_itself_and_is_not_tried_again(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(TWO_PODS)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    kubelet.is_broken = lambda pod: version_of(pod) == 2
    await bench.publish()
    await bench.until(is_true("Degraded"), "the deadline passes")
    model = await bench.until(serves(1), "version 1 serves again")

    degraded = condition(model, "Degraded")
    assert degraded["reason"] == "RolloutFailed"
    assert "version 2 failed to roll out: not all pods became ready" in degraded["message"]
    assert list((await bench.registry.snapshot(bench.key())).failures) == [2]
    bench.start_anew()
    await bench.settle()
    assert await bench.deployed() == 1

    await bench.publish()
    model = await bench.until(serves(3), "the next version serves")
    assert not is_true("Degraded")(model)


async def test_settings_that_do_not_start_go_back_and_versions_go_on(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(TWO_PODS)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    kubelet.is_broken = lambda pod: port_of(pod) == 6001
    await bench.change({"spec": {"serving": {"port": 6001}}})
    await bench.until(is_true("Degraded"), "the deadline passes")
    await bench.publish()
    model = await bench.until(serves(2), "version 2 serves with the old settings")

    assert condition(model, "RolledOut")["reason"] == "SettingsFailed"
    assert condition(model, "Degraded")["message"].startswith(
        "spec.serving: not all pods became ready"
    )
    kubelet.is_broken = lambda pod: False
    await bench.change({"spec": {"serving": {"port": 6002}}})
    model = await bench.until(is_true("RolledOut"), "other settings roll out")
    assert not is_true("Degraded")(model)


def port_of(pod: Body) -> int:
    port: int = pod["spec"]["containers"][0]["ports"][0]["containerPort"]
    return port


@pytest.mark.parametrize(
    ("serving", "words"),
    [
        ({"podTemplate": {"affinity": {"nodeAfinity": {}}}}, "nodeAfinity"),
        ({"podTemplate": {"tolerations": [{"operator": "Maybe"}]}}, "Maybe"),
        ({"podTemplate": {"nodeSelector": {"no key!": "x"}}}, "no key!"),
        ({"resources": {"limits": {"cpu": "much"}}}, "quantities"),
        ({"resources": {"requests": {"cpu": 2}, "limits": {"cpu": 1}}}, "cpu limit"),
    ],
    ids=str,
)
async def test_settings_that_the_api_server_refuses_keep_no_version_back(
    bench: Bench, kubelet: Kubelet, serving: Body, words: str
) -> None:
    await bench.apply(IDLE)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    await bench.change({"spec": {"serving": serving}})
    await bench.settle()
    await bench.publish()

    model = await bench.until(serves(2), "version 2 serves with the old settings")

    assert condition(model, "Degraded")["reason"] == "RolloutFailed"
    assert "spec.serving: the API server refuses" in condition(model, "Degraded")["message"]
    assert words in condition(model, "Degraded")["message"]
    await bench.settle()
    bench.cluster.writes.clear()
    await bench.reconcile()
    assert [write for write in bench.cluster.writes if "secrets" not in write] == []


async def test_first_settings_that_the_api_server_refuses_are_reported(bench: Bench) -> None:
    await bench.apply(merged(IDLE, serving={"podTemplate": {"affinity": {"a": {}}}}))
    await bench.publish()

    model = await bench.settle()

    assert condition(model, "Degraded")["reason"] == "ApiRefused"
    assert ".affinity.a" in condition(model, "Degraded")["message"]
    assert not is_true("Ready")(model)


async def test_a_pin_holds_its_version_and_is_the_way_back(bench: Bench, kubelet: Kubelet) -> None:
    await bench.apply(IDLE)
    for version in (1, 2):
        await bench.publish()
        await bench.until(serves(version), f"version {version} serves")

    await bench.change({"spec": {"rollout": {"pinnedVersion": 1}}})
    await bench.until(serves(1), "the pinned version serves")
    await bench.publish()
    await bench.settle()
    assert await bench.deployed() == 1

    await bench.change({"spec": {"rollout": {"pinnedVersion": None}}})
    await bench.until(serves(3), "the newest serves again")


async def test_a_pin_of_a_version_that_is_not_there_is_reported(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(merged(IDLE, rollout={"pinnedVersion": 9}))
    await bench.publish()

    model = await bench.settle()

    for kind in ("Ready", "Degraded"):
        assert (
            "spec.rollout.pinnedVersion: version 9 is not retained"
            in (condition(model, kind)["message"])
        )


async def test_without_replicas_nothing_is_ready_and_versions_wait(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(IDLE)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    await bench.change({"spec": {"serving": {"replicas": 0}}})
    await bench.publish()
    model = await bench.settle()

    assert condition(model, "Ready")["reason"] == "ScaledToZero"
    assert model["status"]["serving"]["version"] == 1

    await bench.change({"spec": {"serving": {"replicas": 1}}})
    await bench.until(serves(2), "version 2 serves")


async def test_a_pod_that_is_lost_is_no_rollout(bench: Bench, kubelet: Kubelet) -> None:
    await bench.apply(TWO_PODS)
    await bench.publish()
    before = await bench.until(serves(1), "version 1 serves")
    sick = (await bench.cluster.pods(bench.namespace, before["status"]["selector"]))[0]
    name = sick["metadata"]["name"]
    kubelet.is_broken = lambda pod: bool(pod["metadata"]["name"] == name)

    model = await bench.until(has_ready(1), "one pod is ready")

    assert condition(model, "Ready")["message"] == "version 1 answers from 1 of 2 pods"
    assert is_true("Ready")(model)
    assert is_true("RolledOut")(model)

    kubelet.is_broken = lambda pod: True
    model = await bench.until(has_ready(0), "no pod is ready")
    assert condition(model, "Ready")["reason"] == "NoReadyPods"


async def test_an_operator_that_is_killed_in_the_middle_goes_on_where_it_was(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(TWO_PODS)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    kubelet.is_broken = lambda pod: version_of(pod) == 2
    await bench.publish()
    await bench.until(lambda model: not is_true("Ready")(model), "version 2 rolls out")
    bench.start_anew()
    kubelet.is_broken = lambda pod: False

    model = await bench.until(serves(2), "version 2 serves")

    assert (await bench.registry.snapshot(bench.key())).failures == {}
    assert not is_true("Degraded")(model)


async def test_history_keeps_what_serves_and_what_is_pinned(bench: Bench, kubelet: Kubelet) -> None:
    await bench.apply(merged(IDLE, rollout={"historyLimit": 2, "pinnedVersion": 1}))
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    for _ in range(4):
        await bench.publish()

    await bench.settle()

    assert (await bench.registry.snapshot(bench.key())).versions == (1, 4, 5)


def is_not_held(model: Body) -> bool:
    return bool(condition(model, "Degraded").get("reason") == "PinNotHeld")


async def test_history_keeps_what_is_pinned_also_where_the_pin_is_not_held(
    bench: Bench, kubelet: Kubelet
) -> None:
    kubelet.is_broken = lambda pod: version_of(pod) == 2
    short = {"historyLimit": 1, "progressDeadlineSeconds": 10}
    await bench.apply(merged(IDLE, rollout=short))
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    await bench.publish()
    await bench.change({"spec": {"rollout": {"pinnedVersion": 2}}})
    await bench.until(is_not_held, "version 2 is given up", seconds=60)
    for _ in range(2):
        await bench.publish()

    await bench.settle()

    assert (await bench.registry.snapshot(bench.key())).versions == (1, 2, 4)


async def test_a_registry_that_lost_its_data_is_reported_and_filled_again(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(merged(IDLE, training={"suspend": False}))
    for version in (1, 2):
        await bench.publish()
        await bench.until(serves(version), f"version {version} serves")
    runs = len(await bench.owned(JOB))
    await bench.registry.purge(bench.key())

    model = await bench.settle()

    assert is_true("Ready")(model)
    assert await bench.deployed() == 2
    assert condition(model, "Degraded")["reason"] == "VersionLost"
    assert len(await bench.owned(JOB)) == runs + 1

    await bench.publish(content=b"anew")
    model = await bench.until(serves(1), "what is published anew serves")
    assert not is_true("Degraded")(model)


async def test_while_redis_is_down_what_serves_goes_on_and_all_is_caught_up_after(
    bench: Bench, kubelet: Kubelet, own_redis: RedisServer, own_registry: Registry
) -> None:
    bench.registry = own_registry
    bench.start_anew()
    await bench.apply(IDLE)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    own_redis.stop()

    with pytest.raises(Outage):
        await bench.reconcile()

    model = await bench.model()
    assert is_true("Ready")(model)
    assert condition(model, "Degraded")["reason"] == "RegistryUnavailable"
    assert await bench.deployed() == 1

    own_redis.start()
    await bench.publish()
    model = await bench.until(serves(2), "all is caught up")
    assert not is_true("Degraded")(model)


async def test_a_redis_that_is_full_is_reported_and_what_is_published_serves_once_it_is_not(
    bench: Bench, kubelet: Kubelet, own_redis: RedisServer, own_registry: Registry
) -> None:
    bench.registry = own_registry
    bench.start_anew()
    await bench.apply(IDLE)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    await bench.publish()
    async with redis.asyncio.from_url(own_redis.url) as admin:
        await admin.config_set("maxmemory", "1")
        model = await bench.settle()
        assert serves(1)(model)
        assert condition(model, "Degraded")["reason"] == "RegistryRefused"
        assert "Redis is full" in condition(model, "Degraded")["message"]

        await admin.config_set("maxmemory", "0")
    await bench.until(serves(2), "version 2 serves")
    model = await bench.settle()
    assert not is_true("Degraded")(model)
    serving = await own_registry.serving(bench.key())
    assert serving is not None
    assert serving.version == 2


async def test_a_rollout_that_stands_still_while_redis_is_down_is_not_blamed(
    bench: Bench, kubelet: Kubelet, own_redis: RedisServer, own_registry: Registry
) -> None:
    bench.registry = own_registry
    bench.start_anew()
    await bench.apply(merged(IDLE, rollout=IMPATIENT))
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    kubelet.is_broken = lambda pod: version_of(pod) == 2
    await bench.publish()
    await bench.reconcile()
    own_redis.stop()
    await eventually(lambda: bench.live(DEPLOYMENT), is_late)
    with pytest.raises(Outage):
        await bench.reconcile()
    own_redis.start()
    await bench.reconcile()

    assert (await bench.registry.snapshot(bench.key())).failures == {}
    assert await bench.deployed() == 2

    kubelet.is_broken = lambda pod: False
    await bench.until(serves(2), "it goes on")


def is_late(deployment: Body | None) -> bool:
    assert deployment is not None
    conditions = deployment["status"].get("conditions", [])
    return any(c["type"] == "Progressing" and c["status"] == "False" for c in conditions)
