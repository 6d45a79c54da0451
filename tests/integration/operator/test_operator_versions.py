"""ModelVersions on a real API server: the mirror of the registry, and people's decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kubectl
import pytest
import yaml
from chart_rendering import needs_helm
from operator_bench import IDLE, Bench, Kubelet, condition
from operator_models import Body
from prometheus_client import REGISTRY

from perennial_core.identity import Version
from perennial_core.registry import Answer
from perennial_operator.cluster import ClusterRefused, ObjectInvalid
from perennial_operator.kinds import (
    DEPLOYMENT,
    EVENT,
    MODEL_VERSION,
    PREDICTION_MODEL,
    ObjectRef,
)

pytestmark = [needs_helm, pytest.mark.usefixtures("policy")]

MANUAL: Body = {**IDLE, "rollout": {"approval": "Manual"}}
STRICT: Body = {**IDLE, "gate": {"metrics": [{"name": "r2", "min": "0.95"}]}}
"""A gate that the artifacts of these tests do not pass: they have 0.9."""


def decide(
    bench: Bench, user: str, version: int = 1, verdict: str = "Approved", by: str | None = None
) -> None:
    """Decide as a person does."""
    decision = {"verdict": verdict, "by": by or user, "reason": "looked at it"}
    kubectl.kubectl(
        *("patch", "mv", f"points-v{version}", "-n", bench.namespace, "--as", user),
        *("--type=merge", "-p", yaml.safe_dump({"spec": {"decision": decision}})),
    )


async def version(bench: Bench, number: int = 1) -> Body | None:
    ref = ObjectRef(MODEL_VERSION.name, bench.namespace, f"points-v{number}")
    return await bench.cluster.get(MODEL_VERSION, ref.namespace, ref.name)


async def state(bench: Bench, number: int = 1) -> Any:
    body = await version(bench, number)
    return body and body.get("status", {}).get("state")


def serves(number: int) -> Callable[[Body], bool]:
    return lambda model: model["status"].get("serving", {}).get("version") == number


async def events(bench: Bench) -> list[tuple[str, str]]:
    posted, _ = await bench.cluster.list_all(EVENT, bench.namespace)
    return [(event["reason"], event["message"]) for event in posted]


async def test_retained_versions_are_mirrored_and_those_that_are_gone_are_not(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply({**IDLE, "rollout": {"historyLimit": 1}})
    for number in (1, 2, 3):
        await bench.publish()
        await bench.until(serves(number), f"version {number} serves")
    await bench.settle()
    bodies, _ = await bench.cluster.list_all(MODEL_VERSION, bench.namespace)
    assert [body["metadata"]["name"] for body in bodies] == ["points-v3"]
    assert bodies[0]["status"]["state"] == "Serving"
    assert bodies[0]["status"]["decidedBy"] == "the gate"


async def test_what_somebody_deletes_comes_back_and_nothing_is_forgotten(
    bench: Bench, users: None
) -> None:
    await bench.apply(MANUAL)
    await bench.publish()
    await bench.settle()
    decide(bench, "alice", verdict="Denied")
    await bench.settle()
    assert await state(bench) == "Denied"
    kubectl.kubectl("delete", "mv", "points-v1", "-n", bench.namespace, "--as", "eve")
    await bench.settle()
    body = await version(bench)
    assert body is not None
    assert (body["status"]["state"], body["status"]["decidedBy"]) == ("Denied", "alice")
    with pytest.raises(kubectl.CommandFailed, match="only a version that awaits approval"):
        decide(bench, "alice")


async def test_a_version_waits_for_a_person_and_bears_their_name(
    bench: Bench, kubelet: Kubelet, users: None
) -> None:
    await bench.apply(MANUAL)
    await bench.publish()
    model = await bench.settle()
    assert await state(bench) == "AwaitingApproval"
    assert "serving" not in model["status"]
    assert awaiting(bench) == 1
    command = f"`perennial approve points --version 1 -n {bench.namespace}` lets it serve"
    assert condition(model, "Gated")["message"].endswith(command)
    body = await version(bench)
    assert body is not None
    assert body["status"]["message"].endswith(command)
    assert any(message.endswith(command) for _, message in await events(bench))
    decide(bench, "alice")
    await bench.until(serves(1), "version 1 serves")
    await bench.settle()
    body = await version(bench)
    assert body is not None
    assert (body["status"]["state"], body["status"]["decidedBy"]) == ("Serving", "alice")
    decisions = (await bench.registry.snapshot(bench.key())).decisions
    assert decisions[Version(1)].by == "alice"
    told = await events(bench)
    assert ("Approved", "version 1: approved by alice: looked at it") in told
    assert any(reason == "AwaitingApproval" for reason, _ in told)
    assert awaiting(bench) == 0
    await bench.cluster.remove(PREDICTION_MODEL, bench.ref(PREDICTION_MODEL))
    while await bench.model():
        await bench.reconcile()
    await bench.reconcile()
    assert awaiting(bench) is None


def awaiting(bench: Bench) -> float | None:
    """Return the metric of versions that await approval."""
    labels = {"namespace": bench.namespace, "model": "points"}
    return REGISTRY.get_sample_value("perennial_versions_awaiting_approval", labels)


async def test_only_who_may_approve_decides_and_in_their_own_name(
    bench: Bench, users: None
) -> None:
    await bench.apply(MANUAL)
    await bench.publish()
    await bench.settle()
    with pytest.raises(kubectl.CommandFailed, match="deciding needs the verb approve"):
        decide(bench, "eve")
    with pytest.raises(kubectl.CommandFailed, match="has to be your own name, alice"):
        decide(bench, "alice", by="bob")
    with pytest.raises(kubectl.CommandFailed, match=r"(verdict|Unsupported value)"):
        decide(bench, "alice", verdict="Maybe")
    await bench.settle()
    assert await state(bench) == "AwaitingApproval"
    decide(bench, "alice", verdict="Denied")
    with pytest.raises(kubectl.CommandFailed, match="alice decided, and a decision does not"):
        decide(bench, "alice")
    await bench.settle()
    decisions = (await bench.registry.snapshot(bench.key())).decisions
    assert decisions[Version(1)].verdict is Answer.DENIED


async def test_a_rejected_version_cannot_be_approved_until_the_gate_lets_it_be_reviewed(
    bench: Bench, kubelet: Kubelet, users: None
) -> None:
    await bench.apply(STRICT)
    await bench.publish()
    model = await bench.settle()
    gated = next(item for item in model["status"]["conditions"] if item["type"] == "Gated")
    assert (gated["status"], gated["reason"]) == ("False", "Rejected")
    assert "r2 0.9 is outside min 0.95" in gated["message"]
    with pytest.raises(kubectl.CommandFailed, match="this one is Rejected"):
        decide(bench, "alice")
    await bench.change({"spec": {"gate": {"onFailure": "Review"}}})
    await bench.settle()
    assert await state(bench) == "AwaitingApproval"
    decide(bench, "alice")
    await bench.until(serves(1), "version 1 serves")


async def test_a_changed_gate_lets_a_rejected_version_through_without_a_run(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(STRICT)
    await bench.publish()
    await bench.settle()
    assert await state(bench) == "Rejected"
    await bench.change({"spec": {"gate": {"metrics": [{"name": "r2", "min": "0.8"}]}}})
    await bench.until(serves(1), "version 1 serves")


async def test_a_registry_that_numbers_anew_gives_nobody_the_place_of_the_version_that_serves(
    bench: Bench, kubelet: Kubelet, users: None
) -> None:
    await bench.apply(MANUAL)
    await bench.publish()
    await bench.settle()
    decide(bench, "alice")
    await bench.until(serves(1), "version 1 serves")
    before = await bench.live(DEPLOYMENT)
    assert before is not None
    await bench.registry.purge(bench.key())
    await bench.publish(content=b"anew")

    await bench.settle()

    after = await bench.live(DEPLOYMENT)
    assert after is not None
    assert after["spec"]["template"] == before["spec"]["template"]
    assert (await bench.registry.snapshot(bench.key())).decisions == {}
    assert await state(bench) == "AwaitingApproval"
    decide(bench, "alice")
    manifest = await bench.registry.manifest(bench.key(), Version(1))
    model = await bench.until(serves(1), "what was approved anew serves")
    while model["status"]["serving"]["digest"] != manifest.digest:
        model = await bench.settle()


async def test_a_decision_counts_for_no_other_version_of_the_same_number(
    bench: Bench, users: None
) -> None:
    await bench.apply(MANUAL)
    await bench.publish()
    await bench.settle()
    decide(bench, "alice")
    # before the operator sees it the registry goes back to what it was, and another version comes
    await bench.registry.purge(bench.key())
    await bench.publish(content=b"anew")

    await bench.settle()

    assert (await bench.registry.snapshot(bench.key())).decisions == {}
    assert await state(bench) == "AwaitingApproval"
    body = await version(bench)
    assert body is not None
    assert "decision" not in body["spec"]
    decide(bench, "alice", verdict="Denied")
    await bench.settle()
    assert await state(bench) == "Denied"


@pytest.mark.parametrize(
    "change",
    [
        {"rollout": {"approval": "Automatic"}},
        {"gate": {"metrics": [{"name": "r2", "min": "0.95"}]}},
    ],
    ids=["approval", "gate"],
)
async def test_what_a_person_denied_stays_denied_though_the_rules_changed_before_it_was_seen(
    bench: Bench, users: None, change: Body
) -> None:
    await bench.apply(MANUAL)
    await bench.publish()
    await bench.settle()
    decide(bench, "alice", verdict="Denied")
    await bench.change({"spec": change})

    await bench.settle()

    assert await state(bench) == "Denied"


async def test_which_version_it_is_never_changes(bench: Bench) -> None:
    await bench.apply(MANUAL)
    await bench.publish()
    await bench.settle()
    ref = ObjectRef(MODEL_VERSION.name, bench.namespace, "points-v1")
    with pytest.raises((ObjectInvalid, ClusterRefused), match="never change"):
        await bench.cluster.merge(MODEL_VERSION, ref, {"spec": {"version": 2}})


async def test_a_settled_model_writes_nothing(bench: Bench, kubelet: Kubelet) -> None:
    await bench.apply(IDLE)
    await bench.publish()
    await bench.until(serves(1), "version 1 serves")
    await bench.settle()
    bench.cluster.writes.clear()
    await bench.reconcile()
    assert bench.cluster.writes == []
