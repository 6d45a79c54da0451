"""Promotion on a real API server: when runs take versions over, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from builders import NOW, manifest_body, spec_hash
from operator_bench import (
    IDLE,
    NOWHERE,
    Bench,
    Kubelet,
    condition,
    eventually,
    is_true,
    running,
    serves,
)
from operator_models import Body, model_body, operator_settings
from serving import APPROVAL

from perennial_core.identity import Version
from perennial_core.promotion import evidence_from, provenance, taken_over
from perennial_core.resource import PredictionModel
from perennial_operator.kinds import EVENT, JOB, MODEL_VERSION
from perennial_operator.operation import operate

STAGED, LIVE = "staged", "points"


def source(bench: Bench, **fields: Any) -> Body:
    """Return the spec of a model that takes over what is staged."""
    origin = {"namespace": bench.namespace, "name": STAGED, **fields}
    return {"promotion": {"from": origin}, "serving": NOWHERE}


def staged(bench: Bench, *names: str) -> Body:
    """Return the spec of a model that starts no run, and lets the named ones take over."""
    targets = [{"namespace": bench.namespace, "name": name} for name in names]
    return {**IDLE, "promotion": {"allowTo": targets}}


@pytest.fixture
async def staging(bench: Bench, kubelet: Kubelet) -> str:
    """A model that serves version 1 and lets another take it over."""
    await bench.apply(staged(bench, LIVE), STAGED)
    await bench.publish(STAGED)
    await bench.until(serves(1), "version 1 is staged", STAGED)
    return STAGED


async def jobs(bench: Bench) -> int:
    return len(await bench.owned(JOB, LIVE))


async def take_over(bench: Bench, version: int) -> Version:
    """Take a version over as a run does."""
    model = PredictionModel.parse(
        model_body((await bench.model())["spec"], name=LIVE, namespace=bench.namespace)
    )
    manifest = await bench.registry.manifest(bench.key(STAGED), Version(version))
    origin = provenance(manifest, APPROVAL)
    body = taken_over(
        manifest,
        model.key,
        origin,
        evidence_from(manifest, None, origin, None, []),
        run_id=f"takes-{version}",
        spec_hash=spec_hash(model),
        created=NOW,
    )
    artifact = await bench.registry.artifact(bench.key(STAGED), manifest.digest)
    return (await bench.registry.publish(model.key, body, artifact, started=NOW)).version


async def test_who_may_take_over_is_told_to_the_registry_and_withdrawn(bench: Bench) -> None:
    await bench.apply(staged(bench, "one", "two"), STAGED)
    await bench.settle(STAGED)
    allowed = (await bench.registry.snapshot(bench.key(STAGED))).allowed
    await bench.apply(IDLE, STAGED)
    await bench.settle(STAGED)

    assert [target.name for target in allowed] == ["one", "two"]
    assert (await bench.registry.snapshot(bench.key(STAGED))).allowed == ()


async def test_a_run_starts_for_each_version_that_serves_in_the_source_and_once(
    bench: Bench, staging: str
) -> None:
    await bench.apply(source(bench))
    started = []
    for number in (1, 2):
        if number > 1:
            await bench.publish(STAGED)
            await bench.until(serves(number), f"version {number} is staged", STAGED)
        await bench.settle()
        bench.start_anew()
        await bench.settle()
        started.append(await jobs(bench))

    assert started == [1, 2]
    training = (await bench.model())["status"]["training"]
    assert training["offered"].startswith("2 sha256:")


async def test_nothing_starts_while_the_source_serves_nothing(bench: Bench) -> None:
    await bench.apply(staged(bench, LIVE), STAGED)
    await bench.settle(STAGED)
    await bench.apply(source(bench))
    model = await bench.settle()

    assert await jobs(bench) == 0
    assert condition(model, "Trained")["reason"] == "WaitsForSource"
    assert f"{bench.key(STAGED)} serves no version yet" in condition(model, "Ready")["message"]
    assert not is_true("Degraded")(model)


async def test_what_is_not_allowed_is_told_until_it_is(bench: Bench, kubelet: Kubelet) -> None:
    await bench.apply(staged(bench, "another"), STAGED)
    await bench.publish(STAGED)
    await bench.until(serves(1), "version 1 is staged", STAGED)
    await bench.apply(source(bench))
    model = await bench.settle()

    degraded = condition(model, "Degraded")
    assert degraded["reason"] == "PromotionRefused"
    assert degraded["message"] == (
        f"spec.promotion.from: {bench.key(STAGED)} does not allow {bench.key()}; add it to"
        " spec.promotion.allowTo there"
    )
    assert await jobs(bench) == 0
    await bench.apply(staged(bench, "another", LIVE), STAGED)
    await bench.settle(STAGED)
    model = await bench.settle()
    assert not is_true("Degraded")(model)
    assert await jobs(bench) == 1


async def test_a_named_version_is_waited_for_until_it_is_approved(
    bench: Bench, staging: str
) -> None:
    await bench.apply({**staged(bench, LIVE), "rollout": {"approval": "Manual"}}, STAGED)
    await bench.publish(STAGED)
    await bench.settle(STAGED)
    await bench.apply(source(bench, version=2))
    model = await bench.settle()
    waits = condition(model, "Trained")["message"]
    before = await jobs(bench)
    await bench.registry.decide(bench.key(STAGED), Version(2), APPROVAL)
    await bench.settle()

    assert waits == f"version 2 of {bench.key(STAGED)} is not approved there yet"
    assert (before, await jobs(bench)) == (0, 1)


async def test_what_is_taken_over_is_told_with_where_from_and_by_whom(
    bench: Bench, staging: str
) -> None:
    await bench.apply(source(bench, version=1, versionChangedBy="bob"))
    await bench.settle()
    assert await take_over(bench, 1) == 1
    await bench.until(serves(1), "what was taken over serves")

    (version,) = await bench.owned(MODEL_VERSION)
    assert version["status"]["promotedFrom"] == f"{bench.key(STAGED)} v1"
    found, _ = await bench.cluster.list_all(EVENT, bench.namespace)
    texts = [event["message"] for event in found if event["reason"] == "Promoted"]
    assert texts == [
        f"version 1 is version 1 of {bench.key(STAGED)}, approved there by the gate;"
        " promoted by bob"
    ]


async def test_the_gate_and_the_approval_of_the_target_decide_on_what_is_taken_over(
    bench: Bench, staging: str
) -> None:
    strict = {"metrics": [{"name": "r2", "min": "0.95"}]}
    await bench.apply({**source(bench), "gate": strict})
    await bench.settle()
    await take_over(bench, 1)
    rejected = condition(await bench.settle(), "Gated")["reason"]
    await bench.apply({**source(bench), "rollout": {"approval": "Manual"}})
    waiting = condition(await bench.settle(), "Gated")["reason"]

    assert (rejected, waiting) == ("Rejected", "AwaitingApproval")
    assert await bench.deployed() is None


async def test_another_registry_is_looked_at_once_and_it_is_told_that_a_schedule_is_missing(
    bench: Bench,
) -> None:
    await bench.apply(source(bench, registrySecret="far"))
    model = await bench.until(
        lambda it: condition(it, "Degraded").get("reason") == "RunWaits", "it says"
    )

    assert await jobs(bench) == 1
    assert (
        "spec.promotion.from.registrySecret: there is no Secret far"
        in (condition(model, "Degraded")["message"])
    )
    await take_over_unseen(bench)
    model = await bench.settle()
    assert "set spec.promotion.from.schedule" in condition(model, "Trained")["message"]


async def take_over_unseen(bench: Bench) -> None:
    """Publish what a run took over from a registry that is not looked at here."""
    spec = (await bench.model())["spec"]
    model = PredictionModel.parse(model_body(spec, name=LIVE, namespace=bench.namespace))
    body = manifest_body(bench.key(), b"artifact")
    body = body.changed(training_spec_hash=spec_hash(model))
    await bench.registry.publish(bench.key(), body, b"artifact", started=NOW)


async def test_the_operator_hears_of_it(bench: Bench, kubelet: Kubelet) -> None:
    settings = operator_settings(watch_namespaces=[bench.namespace], resync_seconds=3600.0)
    work = operate(settings, bench.registry_settings, bench.cluster, bench.registry)
    async with running(work):
        await bench.apply(source(bench))
        await eventually(
            bench.model, lambda it: condition(it, "Degraded").get("reason") == "PromotionRefused"
        )
        await bench.apply(staged(bench, LIVE), STAGED)
        await eventually(
            bench.model, lambda it: condition(it, "Trained").get("reason") == "WaitsForSource"
        )
        await bench.publish(STAGED)
        await eventually(lambda: jobs(bench), lambda count: count == 1)
