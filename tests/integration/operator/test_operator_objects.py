"""What the operator makes of a model, and what it does about objects that are not so."""

from __future__ import annotations

from typing import Any

import pytest
from operator_bench import (
    IDLE,
    NOWHERE,
    Bench,
    Kubelet,
    condition,
    eventually,
    is_true,
    serves,
)
from operator_models import MINIMAL, Body, merged, redis_settings

from perennial_operator.kinds import (
    CONFIG_MAP,
    CRON_JOB,
    DEPLOYMENT,
    JOB,
    MANAGED_BY,
    MODEL_LABEL,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Kind,
)

SCHEDULED = merged(IDLE, training={"schedule": "0 0 1 1 *"})


async def test_a_model_gets_its_objects_owned_and_labelled(bench: Bench) -> None:
    await bench.apply(merged(MINIMAL, training={"schedule": "@daily"}, serving=NOWHERE))
    await bench.publish()
    await bench.settle()

    model = await bench.model()
    made = await bench.everything()
    assert sorted(body["kind"] for body in made) == sorted(
        [
            *("ConfigMap", "CronJob", "Deployment", "Job", "ModelVersion"),
            *("Secret", "Service", "ServiceAccount"),
        ]
    )
    for body in made:
        (owner,) = body["metadata"]["ownerReferences"]
        assert owner["uid"] == model["metadata"]["uid"]
        assert owner["controller"]
        assert body["metadata"]["labels"].items() >= MANAGED_BY.items()


@pytest.mark.parametrize("component", ["trainer", "predictor"])
async def test_pods_are_admitted_where_the_restricted_standard_is_enforced(
    bench: Bench, component: str
) -> None:
    await bench.apply(merged(MINIMAL, serving=NOWHERE))
    await bench.publish()
    await bench.settle()
    selector = f"app.kubernetes.io/name=perennial-{component}"

    await eventually(lambda: bench.cluster.pods(bench.namespace, selector), bool)


async def test_a_port_for_grpc_comes_and_goes_with_its_field(
    bench: Bench, kubelet: Kubelet
) -> None:
    async def ports() -> dict[str, set[str]]:
        """Return the names of all ports of Service and pods."""
        service = await bench.live(SERVICE, "points")
        deployment = await bench.live(DEPLOYMENT, "points")
        assert service is not None
        assert deployment is not None
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        of_each = {"service": service["spec"]["ports"], "pods": container["ports"]}
        return {owner: {port["name"] for port in those} for owner, those in of_each.items()}

    spec = merged(SCHEDULED, serving=NOWHERE)
    await bench.apply(merged(spec, serving={"grpcPort": 8001}))
    await bench.publish()
    await bench.until(serves(1), "it serves")
    assert await ports() == {"service": {"http", "grpc"}, "pods": {"http", "grpc"}}
    await bench.apply(spec)
    await bench.settle()
    assert await ports() == {"service": {"http"}, "pods": {"http"}}


async def test_a_settled_model_costs_no_write(bench: Bench, kubelet: Kubelet) -> None:
    limits = {"resources": {"limits": {"cpu": 1}}}  # which the API server writes as a text
    await bench.apply(merged(SCHEDULED, serving={**NOWHERE, **limits}))
    await bench.publish()
    await bench.until(serves(1), "it serves")
    await bench.settle()
    bench.cluster.writes.clear()

    for _ in range(3):
        await bench.reconcile()

    assert bench.cluster.writes == []


async def test_an_operator_that_starts_anew_writes_nothing_that_is_there(
    bench: Bench, kubelet: Kubelet
) -> None:
    await bench.apply(SCHEDULED)
    await bench.publish()
    await bench.until(serves(1), "it serves")
    await bench.settle()
    bench.cluster.writes.clear()
    bench.start_anew()

    await bench.reconcile()

    assert bench.cluster.writes == []


FOREIGN: list[tuple[Kind, str, Body]] = [
    (SERVICE, "points", {"spec": {"ports": [{"port": 80}], "selector": {"app": "shop"}}}),
    (SERVICE_ACCOUNT, "points", {}),
    (CONFIG_MAP, "points-training", {"data": {"mine": "yes"}}),
    (SECRET, "points-registry", {"data": {"mine": "eWVz"}}),
    (
        DEPLOYMENT,
        "points",
        {
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"app": "shop"}},
                "template": {
                    "metadata": {"labels": {"app": "shop"}},
                    "spec": {"containers": [{"name": "shop", "image": "shop"}]},
                },
            }
        },
    ),
]


@pytest.mark.parametrize(
    ("kind", "name", "content"), FOREIGN, ids=lambda value: str(getattr(value, "name", ""))
)
async def test_a_foreign_object_of_the_same_name_is_reported_and_left_alone(
    bench: Bench, kind: Kind, name: str, content: Body
) -> None:
    metadata = {"name": name, "namespace": bench.namespace}
    body = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **content}
    before = await bench.cluster.create(kind, body)
    await bench.apply(SCHEDULED)
    await bench.publish()

    model = await bench.settle()

    degraded = condition(model, "Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "ApiRefused")
    assert f"{kind.name} {bench.namespace}/{name} exists" in degraded["message"]
    after = await bench.live(kind, name)
    assert after is not None
    assert after["metadata"].get("ownerReferences") == before["metadata"].get("ownerReferences")
    assert after.get("data") == before.get("data")
    assert MODEL_LABEL not in after["metadata"].get("labels", {})

    await bench.cluster.delete(kind, bench.ref(kind, name))
    await bench.until(lambda model: not is_true("Degraded")(model), "the object is made")

    assert [body["metadata"]["name"] for body in await bench.owned(kind)] == [name]


EDITS: list[list[tuple[Kind, str, Body]]] = [
    [
        (DEPLOYMENT, "points", {"spec": {"replicas": 4}}),
        (SERVICE, "points", {"spec": {"selector": {"app": "shop"}}}),
        (SERVICE_ACCOUNT, "points", {"automountServiceAccountToken": True}),
        (CONFIG_MAP, "points-training", {"data": {"training.json": "{}"}}),
        (CRON_JOB, "points", {"spec": {"schedule": "* * * * *"}}),
    ],
    [
        (
            DEPLOYMENT,
            "points",
            {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}},
        ),
        (SERVICE, "points", {"spec": {"type": "NodePort"}}),
        (CRON_JOB, "points", {"spec": {"suspend": False}}),
    ],
    [
        (DEPLOYMENT, "points", {"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}}),
        (SERVICE, "points", {"metadata": {"labels": {"app.kubernetes.io/instance": "other"}}}),
    ],
    [
        (DEPLOYMENT, "points", {"metadata": {"annotations": {"perennial.dev/template": None}}}),
        (SERVICE, "points", {"metadata": {"ownerReferences": None}}),
    ],
]


@pytest.mark.parametrize("edits", EDITS, ids=["content", "more content", "additions", "metadata"])
async def test_what_somebody_edits_is_made_as_it_was(
    bench: Bench, edits: list[tuple[Kind, str, Body]]
) -> None:
    await bench.apply(SCHEDULED)
    await bench.publish()
    await bench.settle()
    before = [content(await bench.live(kind, name)) for kind, name, _ in edits]
    for kind, name, patch in edits:
        await bench.cluster.merge(kind, bench.ref(kind, name), patch)

    await bench.reconcile()

    assert [content(await bench.live(kind, name)) for kind, name, _ in edits] == before


def content(body: Body | None) -> Any:
    """Return what people may edit."""
    assert body is not None
    metadata = body["metadata"]
    kept = {name: metadata.get(name) for name in ("labels", "ownerReferences")}
    annotations = {k: v for k, v in metadata["annotations"].items() if k.startswith("perennial")}
    spec = {k: v for k, v in body.get("spec", {}).items() if k != "externalTrafficPolicy"}
    return kept, annotations, spec, body.get("data"), body.get("automountServiceAccountToken")


@pytest.mark.parametrize(
    "kind", [DEPLOYMENT, SERVICE, CRON_JOB, SERVICE_ACCOUNT], ids=lambda k: k.name
)
async def test_what_somebody_deletes_is_made_anew(bench: Bench, kind: Kind) -> None:
    await bench.apply(SCHEDULED)
    await bench.publish()
    await bench.settle()
    before = await bench.live(kind)
    assert before is not None
    await bench.cluster.delete(kind, bench.ref(kind))
    await eventually(lambda: bench.live(kind), lambda body: body is None)

    await bench.settle()

    after = await bench.live(kind)
    assert after is not None
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


async def test_a_restart_of_the_pods_by_a_person_is_not_undone(bench: Bench) -> None:
    await bench.apply(SCHEDULED)
    await bench.publish()
    await bench.settle()
    mark = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    patch = {"spec": {"template": {"metadata": {"annotations": mark}}}}
    await bench.cluster.merge(DEPLOYMENT, bench.ref(DEPLOYMENT), patch)

    await bench.settle()

    deployment = await bench.live(DEPLOYMENT)
    assert deployment is not None
    assert deployment["spec"]["template"]["metadata"]["annotations"].items() >= mark.items()


async def test_a_schedule_that_is_removed_leaves_no_cron_job(bench: Bench) -> None:
    await bench.apply(SCHEDULED)
    await bench.settle()
    await bench.change({"spec": {"training": {"schedule": None}}})

    await bench.settle()

    await eventually(lambda: bench.owned(CRON_JOB), lambda found: not found)


async def test_suspend_holds_the_schedule(bench: Bench) -> None:
    await bench.apply(SCHEDULED)
    await bench.settle()
    (suspended,) = await bench.owned(CRON_JOB)
    await bench.change({"spec": {"training": {"suspend": False}}})
    await bench.settle()
    (resumed,) = await bench.owned(CRON_JOB)

    assert suspended["spec"]["suspend"] is True
    assert resumed["spec"]["suspend"] is False


@pytest.mark.parametrize(
    ("field", "value"),
    [("schedule", "99 * * * *"), ("timeZone", "Etc/Nowhere"), ("schedule", "0 0 31 FOO *")],
)
async def test_a_schedule_that_is_none_is_reported_and_nothing_else_suffers(
    bench: Bench, field: str, value: str
) -> None:
    training = {"schedule": "@daily", "suspend": False, field: value}
    await bench.apply(merged(IDLE, training=training))
    await bench.publish()

    model = await bench.settle()

    degraded = condition(model, "Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "ApiRefused")
    assert f"spec.{field}" in degraded["message"]
    assert await bench.owned(JOB)
    assert await bench.deployed() == 1

    await bench.change({"spec": {"training": {"schedule": "@daily", "timeZone": "Etc/UTC"}}})
    await bench.until(lambda model: not is_true("Degraded")(model), "the schedule is taken")


async def test_a_service_that_is_refused_keeps_no_version_from_serving(bench: Bench) -> None:
    service = {"annotations": {"not a key!": "x"}}
    await bench.apply(merged(IDLE, serving={**NOWHERE, "service": service}))
    await bench.publish()

    model = await bench.settle()

    assert condition(model, "Degraded")["reason"] == "ApiRefused"
    assert "not a key!" in condition(model, "Degraded")["message"]
    assert await bench.deployed() == 1


async def test_a_new_password_reaches_a_model_that_never_served(bench: Bench) -> None:
    await bench.apply(IDLE)
    await bench.settle()
    (before,) = await bench.owned(SECRET)
    bench.registry_settings = redis_settings("a new one")
    bench.start_anew()

    await bench.reconcile()

    (after,) = await bench.owned(SECRET)
    assert after["data"] != before["data"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"annotations": {"perennial.dev/train": "now"}}},
        {"spec": {"serving": {"podTemplate": {"annotations": {"a": "b"}}}}},
        {"spec": {"training": {"schedule": "@daily"}}},
    ],
    ids=["a run", "other settings", "a schedule"],
)
async def test_a_lost_secret_comes_back_with_whatever_needs_it(bench: Bench, change: Body) -> None:
    await bench.apply(IDLE)
    await bench.publish()
    await bench.settle()
    await bench.cluster.delete(SECRET, bench.ref(SECRET, "points-registry"))
    await bench.change(change)

    await bench.reconcile()

    assert len(await bench.owned(SECRET)) == 1


async def test_a_paused_deployment_goes_on(bench: Bench, kubelet: Kubelet) -> None:
    await bench.apply(IDLE)
    await bench.publish()
    await bench.until(is_true("Ready"), "version 1 serves")
    await bench.cluster.merge(DEPLOYMENT, bench.ref(DEPLOYMENT), {"spec": {"paused": True}})
    await bench.publish()
    await bench.until(
        lambda model: model["status"]["serving"]["version"] == 2, "version 2 serves", seconds=30
    )


async def test_a_lost_secret_comes_back_once_the_model_suffers_from_it(bench: Bench) -> None:
    await bench.apply(merged(IDLE, rollout={"pinnedVersion": 7}))
    await bench.publish()
    model = await bench.settle()
    assert is_true("Degraded")(model)
    await bench.cluster.delete(SECRET, bench.ref(SECRET, "points-registry"))

    await bench.reconcile()

    assert len(await bench.owned(SECRET)) == 1
