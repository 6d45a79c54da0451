"""Pods that the end-to-end tests run beside the product, within the restricted standard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubectl

Body = dict[str, Any]
_NAME = "load"


@dataclass
class Load:
    """What a client saw; complete once its context has ended."""

    answered: dict[int, int]
    failures: list[str]

    @property
    def total(self) -> int:
        return sum(self.answered.values())


@contextmanager
def load(
    namespace: str,
    service: str,
    image: str,
    *,
    connections: int = 16,
    seconds: int = 900,
    path: str = "/?msg=100",
    requests_per_connection: int = 0,
) -> Iterator[Load]:
    """Keep asking the service for predictions while the context is open.

    Connections are kept, unless they are to be made anew after so many requests.
    """
    script = Path(__file__).with_name("load_client.py").read_text()
    arguments = [service, "5001", connections, seconds, path, requests_per_connection]
    kubectl.apply(_script(script), _pod(image, list(map(str, arguments))), namespace=namespace)
    kubectl.kubectl(
        "wait", "-n", namespace, f"pod/{_NAME}", "--for=condition=Ready", "--timeout=60s"
    )
    seen = Load({}, [])
    try:
        yield seen
    finally:
        kubectl.kubectl("exec", "-n", namespace, _NAME, "--", "touch", "/tmp/stop")
        kubectl.until(
            lambda: kubectl.get("pod", _NAME, namespace)["status"]["phase"],
            lambda phase: phase in ("Succeeded", "Failed"),
            "the client ends",
            60,
        )
        summary = json.loads(kubectl.kubectl("logs", "-n", namespace, _NAME).splitlines()[-1])
        seen.answered = {int(version): count for version, count in summary["answered"].items()}
        seen.failures = summary["failures"]
        kubectl.kubectl("delete", "-n", namespace, f"pod/{_NAME}", f"configmap/{_NAME}")


def _script(text: str) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _NAME},
        "data": {"load_client.py": text},
    }


def _pod(image: str, arguments: list[str]) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _NAME},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "volumes": [
                {"name": "script", "configMap": {"name": _NAME}},
                {"name": "tmp", "emptyDir": {}},
            ],
            "containers": [
                {
                    "name": "load",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python", "/script/load_client.py", *arguments],
                    "volumeMounts": [
                        {"name": "script", "mountPath": "/script"},
                        {"name": "tmp", "mountPath": "/tmp"},
                    ],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                }
            ],
        },
    }
