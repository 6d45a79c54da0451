"""The end-to-end tests: Perennial on a real cluster, installed once for all of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kubectl
import pytest
from e2e import expectations, models
from e2e.installation import NAMESPACE, Installation, install, is_installed, load_images, uninstall

OURS = "perennial.dev/test=e2e"
"""Label of the namespaces that these tests make."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests last: the operator that they install acts on every model of the cluster."""
    items.sort(key=_is_here)
    for item in filter(_is_here, items):
        item.add_marker(pytest.mark.cluster)
        item.add_marker(pytest.mark.timeout(900))


def _is_here(item: pytest.Item) -> bool:
    return Path(__file__).parent in item.path.parents


@pytest.fixture(scope="session")
def perennial(cluster: Any) -> Iterator[Installation]:
    """The chart, installed as a user does; uninstalled at the end unless it was there before."""
    was_there = is_installed()
    load_images()
    yield install()
    # The operator lets go of the models, so it stays until all are gone.
    kubectl.kubectl(
        *("wait", "namespace", "-l", OURS, "--for=delete", "--timeout=300s"), seconds=320
    )
    if not was_there:
        uninstall()
        kubectl.kubectl("delete", "namespace", NAMESPACE, "--timeout=120s")


@contextmanager
def _own_namespace() -> Iterator[str]:
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    kubectl.kubectl("create", "namespace", name)
    labels = [f"{key}={value}" for key, value in kubectl.RESTRICTED.items()]
    kubectl.kubectl("label", "namespace", name, OURS, *labels)
    yield name
    kubectl.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def namespace(perennial: Installation) -> Iterator[str]:
    """A namespace of the test's own, under the restricted Pod Security Standard."""
    with _own_namespace() as name:
        yield name


@pytest.fixture
def other_namespace(perennial: Installation) -> Iterator[str]:
    """Another one."""
    with _own_namespace() as name:
        yield name


@pytest.fixture
def served(namespace: str) -> str:
    """A namespace in which version 1 serves."""
    kubectl.apply(models.feed(models.points()), models.model(), namespace=namespace)
    expectations.serves(namespace, 1)
    return namespace
