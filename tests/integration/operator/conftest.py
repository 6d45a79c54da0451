"""A namespace, a cluster connection and an operator's parts for each test."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import kubectl
import pytest
import yaml
from chart_rendering import of_kind, render
from kubernetes.aio import client, config
from operator_bench import Bench, CountingCluster, Kubelet, running
from operator_models import MINIMAL, Body, model_body

from perennial_cli.local.redis_server import RedisServer
from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings
from perennial_operator.main import LEASE_NAME

HERE = Path(__file__).parent
PATIENCE_SECONDS = 20.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def alone(crd: None) -> None:
    """No other operator acts on the models of these tests, as an installed one would."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (namespaces := leading()) and time.monotonic() < deadline:
        time.sleep(1)  # one that is being removed
    if namespaces:
        text = f"another operator leads in {', '.join(namespaces)}, and acts on all models"
        if os.environ.get("PERENNIAL_REQUIRE_CLUSTER") == "1":
            pytest.fail(text)
        pytest.skip(text)


def leading() -> list[str]:
    """Return the namespaces in which operators lead."""
    leases = json.loads(kubectl.kubectl("get", "leases", "--all-namespaces", "-o", "json"))
    return [
        lease["metadata"]["namespace"]
        for lease in leases["items"]
        if lease["metadata"]["name"] == LEASE_NAME and is_held(lease.get("spec", {}))
    ]


def is_held(spec: dict[str, Any]) -> bool:
    if not spec.get("holderIdentity"):
        return False
    age = datetime.now(UTC) - datetime.fromisoformat(spec["renewTime"])
    return age < timedelta(seconds=spec["leaseDurationSeconds"])


@pytest.fixture
async def api(alone: None) -> AsyncIterator[CountingCluster]:
    await config.load_kube_config()
    async with CountingCluster(client.ApiClient()) as cluster:
        yield cluster


@pytest.fixture
async def namespace(api: CountingCluster) -> AsyncIterator[str]:
    """A namespace of the test's own, under the restricted Pod Security Standard."""
    name = f"operator-test-{uuid.uuid4().hex[:8]}"
    await api.make_namespace(name)
    yield name
    await api.remove_namespace(name)


@pytest.fixture
def bench(
    api: CountingCluster, registry: Registry, registry_settings: RegistrySettings, namespace: str
) -> Bench:
    return Bench(api, registry, registry_settings, namespace)


@pytest.fixture(scope="module")
def policy(alone: None) -> Iterator[None]:
    """The chart's policies and the roles that go with it."""
    objects = render("--set", "rbac.userRoles=true")
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    wanted = [body for kind in kinds for body in of_kind(objects, kind)]
    wanted += [
        body
        for body in of_kind(objects, "ClusterRole")
        if body["metadata"]["name"] in ("perennial-approve", "perennial-edit", "perennial-view")
    ]
    text = yaml.safe_dump_all(wanted)
    kubectl.kubectl("apply", "-f", "-", stdin=text)
    try:  # a policy is in force, and is no more, a little after that is stored
        for body in ANOTHERS_NAME:
            kubectl.until(partial(refusal, body), is_denied, "it is denied")
        yield
    finally:
        kubectl.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=text)
        for body in ANOTHERS_NAME:
            kubectl.until(
                partial(refusal, body), lambda text: not is_denied(text), "it is denied no more"
            )


ANOTHERS_NAME = (
    model_body({**MINIMAL, "rollout": {"pinnedVersion": 1, "pinChangedBy": "nobody"}}),
    {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {"name": "points-v1"},
        "spec": {
            "model": "points",
            "version": 1,
            "decision": {"verdict": "Approved", "by": "nobody"},
        },
    },
)
"""What each of the chart's policies refuses."""


def refusal(body: Body) -> str:
    """Return why the API server would not create an object; it stores none."""
    body = {**body, "metadata": {**body["metadata"], "namespace": "default"}}
    try:
        kubectl.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(body))
    except kubectl.CommandFailed as error:
        return str(error)
    return ""


def is_denied(refusal: str) -> bool:
    return "denied request" in refusal


@pytest.fixture
def users(bench: Bench) -> None:
    """Alice may approve in the test's namespace, eve may edit there."""
    for user, role in (("alice", "perennial-approve"), ("eve", "edit"), ("eve", "perennial-edit")):
        kubectl.kubectl(
            *("create", "rolebinding", f"{user}-{role}", "-n", bench.namespace),
            *(f"--user={user}", f"--clusterrole={role}"),
        )
    # Eve may change ModelVersions too: only the verb approve is what she lacks.
    rule = ["--verb=get,list,update,patch,create,delete", "--resource=modelversions.perennial.dev"]
    kubectl.kubectl("create", "role", "versions", "-n", bench.namespace, *rule)
    for user in ("alice", "eve"):
        binding = ["--role=versions", f"--user={user}"]
        kubectl.kubectl("create", "rolebinding", f"{user}-v", "-n", bench.namespace, *binding)


@pytest.fixture
async def kubelet(bench: Bench) -> AsyncIterator[Kubelet]:
    kubelet = Kubelet(bench.cluster, bench.namespace)
    async with running(kubelet.run()):
        yield kubelet


@pytest.fixture
async def own_registry(own_redis: RedisServer) -> AsyncIterator[Registry]:
    """The registry in a Redis of the test's own."""
    settings = RegistrySettings.of({"url": own_redis.url})
    async with Registry.from_settings(settings) as registry:
        yield registry
