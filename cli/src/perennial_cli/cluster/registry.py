"""Reaches the registry of a cluster's model as its pods do: by the Secret that they read."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from perennial_cli.cluster.kubectl import Body, Kubectl
from perennial_cli.cluster.refusals import Forbidden, NotFound, refusal
from perennial_core.errors import Outage, UserError
from perennial_core.identity import ModelKey
from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings, Secret

_FORWARD_SECONDS = 30.0
_FORWARDED = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
_PREFIX = "PERENNIAL_REDIS_"


def registry_secret_name(model: str) -> str:
    """Return the name of the Secret that tells a model's pods where the registry is."""
    return f"{model}-registry"


@dataclass(frozen=True)
class Service:
    """A Service of the cluster, and one of its ports."""

    namespace: str
    name: str
    port: int


def service_of(url: str, namespace: str) -> Service | None:
    """Return the Service that a Redis URL names; None: a host outside of the cluster.

    Args:
        url: The URL, as pods use it.
        namespace: That of the pods, in which a bare name is one of a Service.
    """
    parts = urlsplit(url)
    labels = (parts.hostname or "").split(".")
    port = parts.port or 6379
    if len(labels) == 1 and labels[0] not in ("", "localhost"):
        return Service(namespace, labels[0], port)
    if len(labels) == 2 or (len(labels) > 2 and labels[2] == "svc"):
        return Service(labels[1], labels[0], port)
    return None


def forwarded(url: str, port: int) -> str:
    """Return a Redis URL with its host and port replaced by a forwarded port of this machine."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}127.0.0.1:{port}").geturl()


@asynccontextmanager
async def cluster_registry(kubectl: Kubectl, key: ModelKey) -> AsyncIterator[Registry]:
    """Open the registry of a model while the context is open.

    Raises:
        Forbidden: The user may not read the model's Secret, or not forward the port.
        UserError: The model has no Secret.
        Outage: The registry does not answer.
    """
    settings = await _settings(kubectl.within(key.namespace), key)
    async with _reachable(kubectl, settings, key) as here, Registry.from_settings(here) as registry:
        await registry.ping()
        yield registry


@asynccontextmanager
async def _reachable(
    kubectl: Kubectl, settings: RegistrySettings, key: ModelKey
) -> AsyncIterator[RegistrySettings]:
    """Yield the settings by which the registry is reached from this machine."""
    url = settings.url.get_secret_value()
    service = service_of(url, key.namespace)
    if service is None or not await _is_there(kubectl.within(service.namespace), service):
        yield settings
        return
    async with _port_forward(kubectl.within(service.namespace), service) as port:
        yield settings.changed(url=Secret(forwarded(url, port)))


async def _is_there(kubectl: Kubectl, service: Service) -> bool:
    """Say whether there is such a Service; who may not look may still be let through."""
    try:
        await kubectl.call("get", "service", service.name, "-o", "name")
    except NotFound:
        return False
    except Forbidden:
        pass
    return True


async def _settings(kubectl: Kubectl, key: ModelKey) -> RegistrySettings:
    name = registry_secret_name(key.name)
    try:
        secret = await kubectl.read("get", "secret", name)
    except NotFound:
        raise UserError(f"{key}: there is no Secret {name} yet; does the operator run?") from None
    except Forbidden:
        raise Forbidden(
            f"{key}: the registry cannot be reached: you may not read the Secret {name}"
        ) from None
    return _read(secret)


def _read(secret: Body) -> RegistrySettings:
    values = {
        name.removeprefix(_PREFIX).lower(): base64.b64decode(value).decode()
        for name, value in secret.get("data", {}).items()
        if name.startswith(_PREFIX)
    }
    return RegistrySettings.of(values)  # nothing of our own environment


@asynccontextmanager
async def _port_forward(kubectl: Kubectl, service: Service) -> AsyncIterator[int]:
    """Forward a free port of this machine to a Service while the context is open."""
    command = ("port-forward", f"service/{service.name}", f":{service.port}")
    async with kubectl.started(*command, "--address=127.0.0.1") as process:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_FORWARD_SECONDS):
                line = (await process.stdout.readline()).decode()
        except TimeoutError:
            raise Outage(f"no port is forwarded to the Service {service.name}") from None
        if (found := _FORWARDED.search(line)) is None:
            _, complaint = await process.communicate()
            raise refusal(complaint.decode(errors="replace"))
        yield int(found[1])
