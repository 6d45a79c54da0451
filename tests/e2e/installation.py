"""Perennial as a user installs it: images built and loaded, the chart installed by helm."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import kubectl
import yaml

from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings

REPOSITORY = Path(__file__).parents[2]
RELEASE = NAMESPACE = "perennial"
"""As in README.md; a CustomResourceDefinition belongs to one release in one namespace."""


@dataclass(frozen=True)
class Installation:
    """The chart, installed."""

    tag: str
    namespace: str = NAMESPACE

    @property
    def predictor_image(self) -> str:
        return f"{image_prefix()}/predictor:{self.tag}"

    @asynccontextmanager
    async def registry(self) -> AsyncIterator[Registry]:
        """Open the chart's Redis through a forwarded port."""
        secret = kubectl.get("secret", f"{RELEASE}-redis", self.namespace)
        password = base64.b64decode(secret["data"]["password"]).decode()
        with kubectl.port_forward(f"service/{RELEASE}-redis", 6379, self.namespace) as address:
            settings = RegistrySettings.of({"url": f"redis://{address}/0", "password": password})
            async with Registry.from_settings(settings) as registry:
                yield registry


def image_prefix() -> str:
    return os.environ.get("IMAGE_PREFIX", "localhost/perennial")


def app_version() -> str:
    chart = yaml.safe_load((REPOSITORY / "helm/perennial/Chart.yaml").read_text())
    return str(chart["appVersion"])


def load_images() -> None:
    """Build and load the images; PERENNIAL_IMAGES_LOADED=1 says that they are loaded."""
    if os.environ.get("PERENNIAL_IMAGES_LOADED") != "1":
        kubectl.run("make", "-C", str(REPOSITORY), "images", "load", seconds=1800)


def is_installed() -> bool:
    found = kubectl.run("helm", "list", "--namespace", NAMESPACE, "--all", "--short")
    return RELEASE in found.split()


def install() -> Installation:
    """Install the chart, in a namespace under the restricted Pod Security Standard."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": kubectl.RESTRICTED},
    }
    kubectl.apply(namespace, namespace=NAMESPACE)
    kubectl.run(
        *("helm", "upgrade", "--install", RELEASE, str(REPOSITORY / "helm/perennial")),
        # Other tests apply the CustomResourceDefinition by hand.
        *("--namespace", NAMESPACE, "--take-ownership", "--wait", "--timeout", "3m"),
        seconds=240,
    )
    return Installation(app_version())


def uninstall() -> None:
    kubectl.run("helm", "uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", seconds=240)
