"""Renders the chart as helm does, and finds the pods in what comes of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

Body = dict[str, Any]

ROOT = Path(__file__).parents[1]
CHART = ROOT / "helm" / "perennial"
EKS = CHART / "values-eks.yaml"
KUBERNETES = "1.30.0"
"""The oldest version that the chart admits."""

needs_helm = pytest.mark.skipif(
    shutil.which("helm") is None,
    reason="helm is not on PATH: see https://helm.sh/docs/intro/install",
)

VARIANTS: dict[str, list[str]] = {
    "defaults": [],
    "eks": ["-f", str(EKS)],
    "crds go too": ["--set", "crds.keep=false"],
    "no volume": ["--set", "redis.persistence.enabled=false"],
    "pull secrets": ["--set", "images.pullSecrets={ecr,other}"],
    "two namespaces": ["--set", "operator.watchNamespaces={a,b}"],
    "monitored": ["--set", "serviceMonitor.enabled=true"],
}
"""Arguments of helm that between them reach every template."""


class ChartRefused(Exception):
    """Helm does not render the chart with these values; the text is what it says to the user."""


def render(*arguments: str, release: str = "perennial", namespace: str = "perennial") -> list[Body]:
    """Return the objects of ``helm template``, hooks included.

    Raises:
        ChartRefused: The values are not accepted.
    """
    command = ["helm", "template", release, str(CHART), "-n", namespace]
    done = subprocess.run(
        [*command, "--kube-version", KUBERNETES, *arguments],
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise ChartRefused(done.stderr)
    return [body for body in yaml.safe_load_all(done.stdout) if body]


def of_kind(objects: list[Body], kind: str) -> list[Body]:
    return [body for body in objects if body["kind"] == kind]


def pods(objects: list[Body]) -> dict[str, Body]:
    """Return the spec of each pod that the objects are or make, by ``Kind/name``."""
    found = {}
    for body in objects:
        if body["kind"] == "Pod":
            found[f"Pod/{body['metadata']['name']}"] = body["spec"]
        elif body["kind"] in {"Deployment", "StatefulSet", "Job"}:
            spec = body["spec"]["template"]["spec"]
            found[f"{body['kind']}/{body['metadata']['name']}"] = spec
    return found
