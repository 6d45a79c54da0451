"""Deciding, pinning, going back and training by command, each in the name of who calls: on a real
API server with the chart's policies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import command
import kubectl
import pytest
from chart_rendering import needs_helm
from operator_bench import IDLE, Bench, Kubelet
from operator_models import Body

from perennial_operator.kinds import EVENT

pytestmark = [needs_helm, pytest.mark.usefixtures("policy", "users")]

MANUAL: Body = {**IDLE, "rollout": {"approval": "Manual"}}


def serves(number: int) -> Callable[[Body], bool]:
    return lambda model: model["status"].get("serving", {}).get("version") == number


async def events(bench: Bench, *reasons: str) -> set[tuple[str, str]]:
    posted, _ = await bench.cluster.list_all(EVENT, bench.namespace)
    told = ((event["reason"], event["message"]) for event in posted)
    return {event for event in told if event[0] in reasons}


async def meanwhile(bench: Bench, *arguments: str) -> str:
    """Call the command while the operator goes on."""
    call = asyncio.create_task(asyncio.to_thread(command.perennial, *arguments))
    while not call.done():
        await bench.reconcile()
        await asyncio.sleep(0.2)
    return await call


@pytest.fixture
async def three_versions(bench: Bench, kubelet: Kubelet) -> None:
    await bench.apply(IDLE)
    for number in (1, 2, 3):
        await bench.publish()
        await bench.until(serves(number), f"version {number} serves")


async def test_a_version_is_approved_by_who_may_and_the_command_waits_until_it_serves(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(MANUAL)
    await bench.publish()
    await bench.settle()
    where = ("points", "-n", bench.namespace)
    told = command.refused("approve", *where, "--as", "eve")
    assert "deciding needs the verb approve" in told
    approved = await meanwhile(
        bench, "approve", *where, "--as", "alice", "--reason", "looked at it", "--wait"
    )
    assert approved == f"version 1 of {bench.namespace}/points is approved: version 1 serves\n"
    assert await events(bench, "Approved") == {
        ("Approved", "version 1: approved by alice: looked at it")
    }
    assert "no version awaits approval" in command.refused("approve", *where)


async def test_a_denied_version_never_serves(bench: Bench) -> None:
    await bench.apply({**IDLE, "rollout": {"approval": "Manual", "onNewerCandidate": "Keep"}})
    for _ in range(2):
        await bench.publish()
    await bench.settle()
    where = ("points", "-n", bench.namespace, "--as", "alice")
    assert "versions 1, 2 await approval; name one" in command.refused("deny", *where)
    assert command.answer("deny", *where, "--version", "2")["version"] == 2
    await bench.settle()
    history = command.answer("versions", *where)["items"]
    assert [(item["version"], item["state"]) for item in history] == [
        (2, "Denied"),
        (1, "AwaitingApproval"),
    ]
    assert "it is Denied" in command.refused("approve", *where, "--version", "2")


async def test_going_back_holding_and_letting_go_bear_the_name_of_who_did(
    bench: Bench, three_versions: None
) -> None:
    where = ("points", "-n", bench.namespace, "--as", "eve")
    told = await meanwhile(bench, "rollback", *where, "--wait")
    assert told.startswith("version 2 serves; ")
    assert f"perennial unpin {' '.join(where)} lets go of it" in told
    command.perennial("pin", *where, "--version", "3")
    await bench.until(serves(3), "version 3 serves")
    await meanwhile(bench, "unpin", *where, "--wait")
    assert "no version is pinned" in command.refused("unpin", *where)
    told = command.refused("pin", *where, "--version", "7")
    assert "version 7 is not retained; retained: 1, 2, 3" in told
    assert await events(bench, "Pinned", "RolledBack", "Unpinned") == {
        ("RolledBack", "version 2 was pinned by eve; version 3 served"),
        ("Pinned", "version 3 was pinned by eve; version 2 served"),
        ("Unpinned", "version 3 was unpinned by eve; version 3 served"),
    }
    posted, _ = await bench.cluster.list_all(EVENT, bench.namespace)
    approved = [event["message"] for event in posted if event["reason"] == "Approved"]
    assert sorted(text[:9] for text in approved) == ["version 1", "version 2", "version 3"]


async def test_a_pin_without_a_name_is_somebodys(bench: Bench, three_versions: None) -> None:
    await bench.change({"spec": {"rollout": {"pinnedVersion": 1}}})
    await bench.until(serves(1), "version 1 serves")
    nobody = "somebody who left no name in spec.rollout.pinChangedBy"
    assert await events(bench, "RolledBack") == {
        ("RolledBack", f"version 1 was pinned by {nobody}; version 3 served")
    }


async def test_who_may_not_change_the_model_pins_nothing(
    bench: Bench, three_versions: None
) -> None:
    told = command.refused("pin", "-n", bench.namespace, "--as", "alice", "--version", "1")
    assert 'User "alice" cannot patch resource "predictionmodels"' in told


async def test_a_run_is_asked_for(bench: Bench, kubelet: Kubelet) -> None:
    await bench.apply(IDLE)
    await bench.settle()
    before = kubectl.items("jobs", bench.namespace)
    command.perennial("train", "points", "-n", bench.namespace, "--as", "eve")
    await bench.settle()
    assert len(kubectl.items("jobs", bench.namespace)) == len(before) + 1


async def test_a_model_that_trains_takes_nothing_over(bench: Bench) -> None:
    await bench.apply(IDLE)
    told = command.refused("promote", "points", "-n", bench.namespace, "--version", "1")
    assert "spec.promotion.from: is missing" in told


def patch(bench: Bench, user: str, **spec: Any) -> None:
    kubectl.kubectl(
        *("patch", "pm", "points", "-n", bench.namespace, "--as", user),
        *("--type=merge", "-p", json.dumps({"spec": spec})),
    )


def rollout(pinned: int | None, by: str | None) -> Body:
    return {"pinnedVersion": pinned, "pinChangedBy": by}


async def test_who_leaves_a_name_at_a_pin_leaves_their_own(bench: Bench) -> None:
    await bench.apply(IDLE)
    with pytest.raises(kubectl.CommandFailed, match="pinChangedBy: has to be your own name, eve"):
        patch(bench, "eve", rollout=rollout(3, "alice"))
    patch(bench, "eve", rollout=rollout(3, "eve"))
    with pytest.raises(kubectl.CommandFailed, match="pinChangedBy: has to be your own name, eve"):
        patch(bench, "eve", rollout={"pinChangedBy": "alice"})
    for pinned in (4, None):
        change = {"spec": {"rollout": {"pinnedVersion": pinned}}}
        with pytest.raises(kubectl.CommandFailed, match="or remove it"):
            kubectl.kubectl(
                *("patch", "pm", "points", "-n", bench.namespace),
                *("--type=merge", "-p", json.dumps(change)),
            )


async def test_who_leaves_no_name_or_changes_nothing_is_not_hindered(bench: Bench) -> None:
    await bench.apply(IDLE)
    patch(bench, "eve", rollout=rollout(3, "eve"))
    kubectl.apply(kubectl.get("pm", "points", bench.namespace), namespace=bench.namespace)
    await bench.change({"spec": {"training": {"suspend": False}}})
    await bench.change({"spec": {"rollout": rollout(4, None)}})
    await bench.change({"spec": {"rollout": {"pinnedVersion": None}}})


async def test_who_leaves_a_name_at_what_is_taken_over_leaves_their_own(bench: Bench) -> None:
    source: Body = {"namespace": "staging", "name": "points"}
    await bench.apply({"promotion": {"from": source}, "serving": IDLE["serving"]})
    changed = {"version": 3, "versionChangedBy": "alice"}
    with pytest.raises(kubectl.CommandFailed, match="versionChangedBy: has to be your own name"):
        patch(bench, "eve", promotion={"from": changed})
    where = ("-n", bench.namespace, "--as", "eve")
    command.perennial("promote", "points", "--version", "3", *where)
    taken = kubectl.get("pm", "points", bench.namespace)["spec"]["promotion"]["from"]
    assert (taken["version"], taken["versionChangedBy"]) == (3, "eve")
    told = command.perennial("promote", "points", "--version", "3", *where, "--wait")
    assert told.endswith("takes over version 3 of its source already\n")
    command.perennial("promote", "points", "--follow", *where)
    taken = kubectl.get("pm", "points", bench.namespace)["spec"]["promotion"]["from"]
    assert "version" not in taken
    told = command.refused("promote", "points", *where)
    assert "predictionmodels" in told, "the source, in another namespace, is not eve's to see"
