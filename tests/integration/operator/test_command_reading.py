"""``perennial status``, ``versions``, ``show`` and ``diff`` against a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import command
import kubectl
import pytest
from operator_bench import IDLE, Bench, Kubelet, eventually
from operator_models import Body

MANUAL: Body = {**IDLE, "rollout": {"approval": "Manual"}}


def serves(number: int) -> Callable[[Body], bool]:
    return lambda model: model["status"].get("serving", {}).get("version") == number


@pytest.fixture
async def two_versions(bench: Bench, kubelet: Kubelet) -> str:
    """The namespace of a model that serves version 1, with version 2 awaiting approval."""
    await bench.apply(IDLE)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    await bench.change({"spec": {"rollout": {"approval": "Manual"}}})
    await bench.publish()
    await bench.settle()
    return bench.namespace


async def test_what_serves_what_waits_and_what_differs(two_versions: str) -> None:
    where = ("-n", two_versions)

    (listed,) = command.answer("status", *where)["items"]
    assert (listed["name"], listed["ready"], listed["serving"]) == ("points", True, 1)
    assert (listed["latest"], listed["awaitingApproval"]) == (2, [2])

    details = command.answer("status", "points", *where)
    assert {item["type"] for item in details["conditions"]} >= {"Ready", "Gated", "RolledOut"}
    assert [item["version"] for item in details["versions"]] == [2]
    assert [(pod["ready"], pod["version"]) for pod in details["pods"]] == [(True, 1)]
    assert "On their way" in command.perennial("status", "points", *where)

    history = command.answer("versions", "points", *where)["items"]
    states = [(item["version"], item["state"], item.get("decidedBy")) for item in history]
    assert states == [(2, "AwaitingApproval", None), (1, "Serving", "the gate")]

    shown = command.answer("show", "points", "--version", "2", *where)
    assert (shown["state"], shown["manifest"]["version"]) == ("AwaitingApproval", 2)
    assert command.answer("show", *where)["version"] == 1, "by default what serves, of the only one"

    differing = command.answer("diff", "points", "1", "2", *where)["differences"]
    assert "digest" in {item["field"] for item in differing}


def pods(namespace: str) -> list[tuple[str, int | None, bool]]:
    told = command.answer("status", "points", "-n", namespace)["pods"]
    return [(pod["role"], pod.get("version"), pod["follows"]) for pod in told]


async def test_pods_on_trial_are_told_apart(bench: Bench, kubelet: Kubelet) -> None:
    step = {"weight": 50, "pauseSeconds": 600}
    await bench.apply({**IDLE, "rollout": {"strategy": "Canary", "canary": {"steps": [step]}}})
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    await bench.publish()
    await bench.until(lambda it: "trial" in it["status"]["rollout"], "version 2 is on trial")
    await eventually(
        lambda: asyncio.to_thread(pods, bench.namespace),
        lambda found: set(found) == {("predictor", 1, False), ("canary", 2, False)},
    )


async def test_pods_that_follow_the_registry_have_the_version_that_serves(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply({**IDLE, "rollout": {"strategy": "HotSwap"}})
    for number in (1, 2):
        await bench.publish()
        await bench.until(serves(number), f"version {number} serves")
        await bench.settle()
        assert pods(bench.namespace) == [("predictor", number, True)]


async def test_without_the_right_to_the_registry_the_cluster_tells_what_it_can(
    two_versions: str,
) -> None:
    kubectl.kubectl(
        *("create", "role", "reader", "-n", two_versions, "--verb=get,list"),
        "--resource=predictionmodels.perennial.dev,modelversions.perennial.dev",
    )
    kubectl.kubectl("create", "rolebinding", "b", "-n", two_versions, "--role=reader", "--user=bob")
    ended = command.call("show", "points", "-n", two_versions, "--as", "bob", "-o", "json")
    assert ended.code == 0
    assert "you may not read the Secret points-registry" in ended.told
    assert '"manifest"' not in ended.printed


async def test_what_is_not_there_is_said_plainly(bench: Bench) -> None:
    where = ("-n", bench.namespace)
    assert command.call("status", *where).told.startswith("there are no models here")
    told = command.refused("versions", "points", *where)
    assert f"there is no model points in namespace {bench.namespace}" in told
    assert "there is no model in namespace" in command.refused("show", *where)
    told = command.refused("status", "points", "--as", "eve", *where)
    assert 'User "eve" cannot get resource "predictionmodels"' in told
    assert "nowhere" in command.refused("status", "--context", "nowhere")
