"""What all tests share: a real Redis for each that asks, and the cluster that KUBECONFIG names."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import kubectl
import pytest
from hypothesis import settings

from perennial_cli.local.redis_server import RedisServer
from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings

settings.register_profile("perennial", deadline=None)  # a slow machine fails no test
settings.load_profile("perennial")


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for all tests of a process; each uses a model of its own."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, to stop, kill and start again."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def registry_settings(shared_redis: RedisServer) -> RegistrySettings:
    return RegistrySettings.of({"url": shared_redis.url})


@pytest.fixture
async def registry(registry_settings: RegistrySettings) -> AsyncIterator[Registry]:
    async with Registry.from_settings(registry_settings) as registry:
        yield registry


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-golden",
        action="store_true",
        help="write the golden files from what the code makes now; look at the difference",
    )


@pytest.fixture(scope="session")
def regenerate_golden(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--regenerate-golden"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """End-to-end tests come last: the operator that they install acts on every model."""
    items.sort(key=lambda item: "e2e" in item.path.parts)


@pytest.fixture(autouse=True)
def _cluster_where_needed(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("cluster") is not None:
        request.getfixturevalue("cluster")


@pytest.fixture(scope="session")
def cluster() -> None:
    """The cluster that KUBECONFIG names; without one the tests that need it are skipped.

    With PERENNIAL_REQUIRE_CLUSTER=1, as CI sets it, they fail instead.
    """
    problem = _unreachable()
    if problem is None:
        return
    how = "set KUBECONFIG to one, with kubectl on PATH, and run pytest -m cluster"
    text = f"no cluster is reachable ({problem}); {how}"
    if os.environ.get("PERENNIAL_REQUIRE_CLUSTER") == "1":
        pytest.fail(text)
    pytest.skip(text)


def _unreachable() -> str | None:
    """Return why no cluster is reachable; None when one is."""
    try:
        kubectl.kubectl("get", "--raw", "/readyz", "--request-timeout=10s")
    except (kubectl.CommandFailed, FileNotFoundError, subprocess.TimeoutExpired) as error:
        return " ".join(str(error).split())
    return None


@pytest.fixture(scope="session")
def crd(cluster: None) -> None:
    """The CustomResourceDefinitions as the code makes them; they stay, for other tests use them."""
    definition = kubectl.run(sys.executable, "-m", "perennial_core.resource.crd")
    kubectl.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=definition)
    names = [f"crd/{name}.perennial.dev" for name in ("predictionmodels", "modelversions")]
    kubectl.kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")
    for _ in range(20):  # a little later it can be stored too
        with contextlib.suppress(kubectl.CommandFailed):
            kubectl.kubectl("get", "pm,mv", "--all-namespaces")
            return
        time.sleep(0.5)
