"""What people do: they get roles, and decide on versions in their own name."""

from __future__ import annotations

import json

import kubectl
from e2e import models


def bind(namespace: str, user: str, role: str) -> None:
    kubectl.kubectl(
        *("create", "rolebinding", user, "-n", namespace),
        *(f"--user={user}", f"--clusterrole={role}"),
    )


def decide(
    namespace: str, user: str, version: int, *, by: str | None = None, verdict: str = "Approved"
) -> None:
    decision = {"verdict": verdict, "by": by or user, "reason": "looked at it"}
    kubectl.kubectl(
        *("patch", "mv", f"{models.NAME}-v{version}", "-n", namespace, "--as", user),
        *("--type=merge", "-p", json.dumps({"spec": {"decision": decision}})),
    )
