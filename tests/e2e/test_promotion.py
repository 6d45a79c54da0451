"""What was proved in staging gets to production as the same bytes, on a real cluster."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import kubectl
import pytest
from e2e import expectations, models
from e2e.installation import Installation
from e2e.people import bind, decide
from e2e.versions import reaches

from perennial_core.identity import ModelKey, Version
from perennial_core.registry import Answer, Decision, Registry, Serving
from perennial_core.resource.promotion import PromotionTarget
from perennial_core.settings import RegistrySettings

FAR, PASSWORD = "far-redis", "red-apple"


def staged(production: str, csv: str) -> tuple[models.Body, models.Body]:
    """Return data and a model that lets production take over."""
    model = models.model(promotion__allowTo=[{"namespace": production, "name": models.NAME}])
    return models.feed(csv), model


def trained(namespace: str, production: str, csv: str, version: int) -> str:
    """Serve a version that is trained on these data; returns its digest."""
    kubectl.apply(*staged(production, csv), namespace=namespace)
    if version > 1:
        asked = f"perennial.dev/train={version}"
        kubectl.kubectl("annotate", "--overwrite", "pm", models.NAME, asked, "-n", namespace)
    body = expectations.serves(namespace, version)
    digest: str = body["status"]["serving"]["digest"]
    return digest


def test_what_serves_in_staging_gets_to_production_where_its_own_gate_and_people_decide(
    perennial: Installation, namespace: str, other_namespace: str
) -> None:
    staging, production = namespace, other_namespace
    kubectl.apply(models.feed(models.points()), models.model(), namespace=staging)
    kubectl.apply(models.promoted(staging), namespace=production)
    expectations.serves(staging, 1)
    refused = expectations.has_condition(production, "Degraded", "True", "PromotionRefused")
    assert (
        f"{staging}/points does not allow {production}/points; add it to"
        in (kubectl.condition(refused, "Degraded")["message"])
    )

    digest = trained(staging, production, models.points(), 1)
    served = expectations.serves(production, 1)
    assert served["status"]["serving"]["digest"] == digest
    version = reaches(production, 1, "Serving")
    assert version["status"]["promotedFrom"] == f"{staging}/points v1"
    table = kubectl.kubectl("get", "mv", "-n", production, "-o", "wide")
    assert f"{staging}/points v1" in table
    told = [event["message"] for event in kubectl.items("events", production)]
    assert f"version 1 is version 1 of {staging}/points, approved there by the gate" in told
    assert expectations.predict(production, [100.0])["predictions"][0] == pytest.approx(203, abs=2)

    second = trained(staging, production, models.points(slope=4.0), 2)
    assert expectations.serves(production, 2)["status"]["serving"]["digest"] == second

    strict = {"metrics": [{"name": "r2", "min": "1.1"}]}
    kubectl.apply(models.promoted(staging, gate=strict), namespace=production)
    third = trained(staging, production, models.points(slope=6.0), 3)
    assert reaches(production, 3, "Rejected")["status"]["digest"] == third
    assert expectations.serving(expectations.model(production)) == 2

    bind(production, "alice", "perennial-approve")
    kubectl.apply(models.promoted(staging, rollout__approval="Manual"), namespace=production)
    reaches(production, 3, "AwaitingApproval")
    decide(production, "alice", 3)
    assert expectations.serves(production, 3)["status"]["serving"]["digest"] == third


async def test_what_serves_in_another_redis_gets_to_production(
    perennial: Installation, namespace: str, other_namespace: str
) -> None:
    staging, production = namespace, other_namespace
    digest = trained(staging, production, models.points(), 1)
    kubectl.apply(*far_redis(), namespace=production)
    kubectl.kubectl("rollout", "status", f"deployment/{FAR}", "-n", production, "--timeout=120s")
    async with far_registry(production) as far, perennial.registry() as registry:
        await copied(registry, far, staging, production)
    source = {"promotion__from__registrySecret": FAR, "promotion__from__version": 1}
    kubectl.apply(models.promoted("elsewhere", **source), namespace=production)

    served = expectations.serves(production, 1)
    assert served["status"]["serving"]["digest"] == digest
    async with perennial.registry() as registry:
        manifest = await registry.manifest(ModelKey(production, models.NAME), Version(1))
    origin = manifest.promoted_from
    assert origin is not None
    assert (origin.model, origin.registry) == ("elsewhere/points", f"{FAR}:6379")
    assert origin.decision is not None
    assert origin.decision.by == "carol"
    trained_message = kubectl.condition(expectations.model(production), "Trained")["message"]
    assert "set spec.promotion.from.schedule" in trained_message
    seen = kubectl.kubectl("get", "pm,mv,jobs,pods,events,cm", "-o", "yaml", "-n", production)
    assert PASSWORD not in seen


def far_redis() -> list[models.Body]:
    """Return another Redis, and the Secret that tells where it is."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": FAR},
        "stringData": {"url": f"redis://{FAR}:6379/0", "password": PASSWORD},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": FAR},
        "spec": {"selector": {"app": FAR}, "ports": [{"port": 6379}]},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": FAR},
        "spec": {
            "selector": {"matchLabels": {"app": FAR}},
            "template": {"metadata": {"labels": {"app": FAR}}, "spec": far_pod()},
        },
    }
    return [secret, service, deployment]


def far_pod() -> models.Body:
    password = {"secretKeyRef": {"name": FAR, "key": "password"}}
    return {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 999,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "redis",
                "image": "docker.io/library/redis:7-bookworm",
                "imagePullPolicy": "IfNotPresent",
                "command": ["redis-server", "--save", "", "--requirepass", "$(REDISCLI_AUTH)"],
                "env": [{"name": "REDISCLI_AUTH", "valueFrom": password}],
                "readinessProbe": {
                    "exec": {"command": ["sh", "-c", "redis-cli ping | grep -qx PONG"]}
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
            }
        ],
    }


@asynccontextmanager
async def far_registry(namespace: str) -> AsyncIterator[Registry]:
    secret = kubectl.get("secret", FAR, namespace)
    password = base64.b64decode(secret["data"]["password"]).decode()
    with kubectl.port_forward(f"service/{FAR}", 6379, namespace) as address:
        settings = RegistrySettings.of({"url": f"redis://{address}/0", "password": password})
        async with Registry.from_settings(settings) as registry:
            yield registry


async def copied(near: Registry, far: Registry, staging: str, production: str) -> None:
    """Do what the operator of another cluster does: serve a version and let it be taken over."""
    manifest = await near.manifest(ModelKey(staging, models.NAME), Version(1))
    artifact = await near.artifact(ModelKey(staging, models.NAME), manifest.digest)
    key, now = ModelKey("elsewhere", models.NAME), datetime.now(UTC)
    body = expectations.changed(manifest, model=str(key))
    version = (await far.publish(key, body, artifact, started=now)).version
    decision = Decision(verdict=Answer.APPROVED, by="carol", reason="it suits", at=now)
    await far.decide(key, version, decision)
    await far.set_serving(key, Serving(version=version, digest=manifest.digest))
    await far.allow(key, [PromotionTarget(namespace=production)])
