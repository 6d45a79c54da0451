"""What ModelVersions tell."""

from __future__ import annotations

import kubectl
from e2e import models


def reaches(namespace: str, version: int, state: str) -> models.Body:
    """Wait until a version is in a state, and return its ModelVersion."""

    def look() -> models.Body:
        found = kubectl.items("mv", namespace)
        names = [body for body in found if body["spec"]["version"] == version]
        return names[0] if names else {}

    return kubectl.until(
        look,
        lambda body: body.get("status", {}).get("state") == state,
        f"version {version} is {state}",
    )
