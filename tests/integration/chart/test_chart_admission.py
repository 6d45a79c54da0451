"""The API server takes what the chart renders."""

from __future__ import annotations

import json
from pathlib import Path

import kubectl
import pytest
import yaml
from chart_rendering import ROOT, VARIANTS, Body, needs_helm, pods, render

pytestmark = [pytest.mark.cluster, needs_helm, pytest.mark.usefixtures("crd")]

EXAMPLES = sorted((ROOT / "manifests" / "examples").glob("*.yaml"))
OF_OTHERS = {"ServiceMonitor"}
"""Kinds that are the Prometheus operator's."""


def admitted(objects: list[Body], namespace: str) -> str:
    """Return what the API server says to these objects; it stores none."""
    return kubectl.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server"),
        *("--field-manager=test", "-n", namespace, "-f", "-"),
        stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
    )


@pytest.mark.parametrize("arguments", VARIANTS.values(), ids=VARIANTS)
def test_every_object_is_valid_and_without_unknown_fields(
    arguments: list[str], restricted: str
) -> None:
    watched = ["--set", f"operator.watchNamespaces={{{restricted}}}"]
    arguments = [*arguments, *(watched if "watchNamespaces" in str(arguments) else [])]
    objects = render(*arguments, release="test", namespace=restricted)
    objects = [body for body in objects if body["kind"] not in OF_OTHERS]

    said = admitted(objects, restricted)

    assert said.count("(server dry run)") == len(objects)


@pytest.mark.parametrize("arguments", VARIANTS.values(), ids=VARIANTS)
def test_every_pod_is_admitted_under_the_restricted_standard(
    arguments: list[str], restricted: str
) -> None:
    specs = pods(render(*arguments, namespace=restricted))
    bare = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name.lower().replace("/", "-")},
            "spec": without_what_a_controller_adds(spec),
        }
        for name, spec in specs.items()
    ]

    assert admitted(bare, restricted).count("(server dry run)") == len(specs)


def without_what_a_controller_adds(spec: Body) -> Body:
    """Return a pod that can stand alone: its account, and volumes of a claim, are not there."""
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    mounts = [mount for item in spec["containers"] for mount in item.get("volumeMounts", [])]
    claimed = {mount["name"] for mount in mounts} - volumes
    added = [{"name": name, "emptyDir": {}} for name in sorted(claimed)]
    return {
        **{key: value for key, value in spec.items() if key != "serviceAccountName"},
        "volumes": [*spec.get("volumes", []), *added],
    }


def test_a_pod_with_privileges_would_not_be_admitted(restricted: str) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "privileged"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }

    with pytest.raises(kubectl.CommandFailed, match="PodSecurity"):
        admitted([pod], restricted)


def written(path: Path, namespace: str) -> list[Body]:
    """Return a file's objects, in a namespace that exists: a dry run needs one."""
    objects = [body for body in yaml.safe_load_all(path.read_text()) if body]
    for body in objects:
        if "namespace" in body["metadata"]:
            body["metadata"]["namespace"] = namespace
    return objects


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_every_example_can_be_applied(example: Path, restricted: str) -> None:
    objects = written(example, restricted)

    assert admitted(objects, restricted).count("(server dry run)") == len(objects)


def test_install_yaml_can_be_applied(restricted: str) -> None:
    objects = written(ROOT / "manifests" / "install.yaml", restricted)

    assert admitted(objects, restricted).count("(server dry run)") == len(objects)
