"""What the end-to-end tests wait for, and how they ask."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime
from typing import Any

import kubectl
from e2e.models import NAME

from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Manifest, ManifestBody
from perennial_core.registry import Registry

Body = dict[str, Any]


def model(namespace: str) -> Body:
    return kubectl.get("predictionmodel", NAME, namespace)


def serving(body: Body) -> int | None:
    """Return the version that a model serves, when it is Ready; else None."""
    if kubectl.condition(body, "Ready").get("status") != "True":
        return None
    version: int = body["status"]["serving"]["version"]
    return version


def serves(namespace: str, version: int, seconds: float = 180) -> Body:
    """Wait until the model is Ready with this version."""
    return kubectl.until(
        lambda: model(namespace),
        lambda body: serving(body) == version,
        f"version {version} serves",
        seconds,
    )


def has_condition(namespace: str, kind: str, status: str, text: str, seconds: float = 180) -> Body:
    """Wait for a condition whose reason or message contains the text."""

    def found(body: Body) -> bool:
        condition = kubectl.condition(body, kind)
        said = f"{condition.get('reason')}: {condition.get('message')}"
        return condition.get("status") == status and text in said

    return kubectl.until(lambda: model(namespace), found, f"{kind}={status} with {text!r}", seconds)


def predict(namespace: str, *instances: Any) -> Body:
    """Ask for predictions through a forwarded port."""
    with kubectl.port_forward(f"service/{NAME}", 5001, namespace) as address:
        request = urllib.request.Request(
            f"http://{address}/predict",
            data=json.dumps({"instances": instances}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: Body = json.load(response)
            return answer


def changed(manifest: Manifest, **fields: Any) -> ManifestBody:
    """Return a manifest's body with some fields changed, to be published as a new version."""
    return ManifestBody(**manifest.fields(ManifestBody) | fields)


async def publish_again(registry: Registry, namespace: str, version: int) -> Version:
    """Publish a version once more, as a new one: what a run does, without the training."""
    key = ModelKey(namespace, NAME)
    manifest = await registry.manifest(key, Version(version))
    artifact = await registry.artifact(key, manifest.digest)
    now = datetime.now(UTC)
    body = changed(manifest, run_id=f"again-{now.timestamp()}", created=now)
    publication = await registry.publish(key, body, artifact, started=now)
    return publication.version
