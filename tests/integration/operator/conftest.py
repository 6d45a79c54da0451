"""A namespace, a cluster connection and an operator's parts for each test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kubernetes.aio import client, config
from operator_bench import Bench, CountingCluster, Kubelet, running

from perennial_cli.local.redis_server import RedisServer
from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture
async def api(crd: None) -> AsyncIterator[CountingCluster]:
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


@pytest.fixture
async def kubelet(bench: Bench) -> AsyncIterator[Kubelet]:
    kubelet = Kubelet(bench.cluster, bench.namespace)
    async with running(kubelet.run()):
        yield kubelet


@pytest.fixture
async def own_registry(own_redis: RedisServer) -> AsyncIterator[Registry]:
    """The registry in a Redis of the test's own."""
    settings = RegistrySettings.model_validate({"url": own_redis.url})
    async with Registry.from_settings(settings) as registry:
        yield registry
