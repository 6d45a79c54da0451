"""A namespace of the chart's own tests, under the restricted Pod Security Standard."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import kubectl
import pytest
from e2e import installation


@pytest.fixture(scope="module")
def restricted(cluster: None) -> Iterator[str]:
    """The name of a new namespace."""
    name = f"chart-{uuid.uuid4().hex[:8]}"
    labels = [f"{key}={value}" for key, value in kubectl.RESTRICTED.items()]
    kubectl.kubectl("create", "namespace", name)
    kubectl.kubectl("label", "namespace", name, *labels)
    yield name
    kubectl.kubectl("delete", "namespace", name, "--timeout=180s", seconds=200)


@pytest.fixture(scope="session")
def images(cluster: None) -> str:
    """The images, loaded into the cluster; returns their tag."""
    installation.load_images()
    return installation.app_version()
