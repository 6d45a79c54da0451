"""The models of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perennial_cli.backend import only_name
from perennial_cli.cluster.kubectl import Body, Kubectl
from perennial_cli.cluster.reading import model_view, pod_view, version_views
from perennial_cli.cluster.refusals import NotFound
from perennial_cli.cluster.registry import cluster_registry
from perennial_cli.views import ON_THE_WAY, ModelDetails, ModelView, VersionView
from perennial_core.errors import UserError
from perennial_core.identity import ModelKey
from perennial_core.registry import Registry
from perennial_core.resource import GROUP, PLURAL
from perennial_core.resource.model_version import MODEL_VERSION_KIND, MODEL_VERSION_PLURAL

MODELS = f"{PLURAL}.{GROUP}"
VERSIONS = f"{MODEL_VERSION_PLURAL}.{GROUP}"


class Cluster:
    """A Backend; what it may do is what the user may in the cluster.

    Args:
        kubectl: Which cluster, namespace and user.
        everywhere: Whether models of all namespaces are listed.
    """

    def __init__(self, kubectl: Kubectl, everywhere: bool = False) -> None:
        self._kubectl = kubectl
        self._everywhere = everywhere

    async def models(self) -> list[ModelView]:
        where = ["--all-namespaces"] if self._everywhere else []
        bodies = await self._kubectl.items("get", f"{MODELS},{VERSIONS}", *where)
        versions = version_views(b for b in bodies if b["kind"] == MODEL_VERSION_KIND)
        models = (body for body in bodies if body["kind"] != MODEL_VERSION_KIND)
        views = [model_view(body, versions) for body in models]
        return sorted(views, key=lambda view: (view.namespace, view.name))

    async def model(self, name: str | None) -> ModelView:
        name = await self._named(name)
        body, versions = await asyncio.gather(self._body(name), self._versions(name))
        return model_view(body, versions)

    async def details(self, name: str | None) -> ModelDetails:
        name = await self._named(name)
        body, versions = await asyncio.gather(self._body(name), self._versions(name))
        selector = body.get("status", {}).get("selector")
        pods = await self._kubectl.items("get", "pods", "-l", selector) if selector else []
        return ModelDetails(
            **dict(model_view(body, versions)),
            versions=[view for view in versions if view.state in ON_THE_WAY],
            pods=[pod_view(pod) for pod in pods],
        )

    async def versions(self, name: str | None) -> list[VersionView]:
        name = await self._named(name)
        _, versions = await asyncio.gather(self._body(name), self._versions(name))
        return versions

    @asynccontextmanager
    async def registry(self, name: str | None) -> AsyncIterator[tuple[ModelKey, Registry]]:
        body = await self._body(await self._named(name))
        key = ModelKey(body["metadata"]["namespace"], body["metadata"]["name"])
        async with cluster_registry(self._kubectl, key) as registry:
            yield key, registry

    async def _body(self, name: str) -> Body:
        try:
            return await self._kubectl.read("get", MODELS, name)
        except NotFound:
            where = self._namespace()
            raise UserError(
                f"there is no model {name} in {where}; perennial status lists those there are"
            ) from None

    async def _versions(self, name: str) -> list[VersionView]:
        selector = f"{GROUP}/model={name}"
        return version_views(await self._kubectl.items("get", VERSIONS, "-l", selector))

    async def _named(self, name: str | None) -> str:
        """Return the name, or that of the only model of the namespace."""
        if name is not None:
            return name
        printed = await self._kubectl.call("get", MODELS, "-o", "name")
        names = [line.partition("/")[2] for line in printed.splitlines()]
        return only_name(names, self._namespace())

    def _namespace(self) -> str:
        name = self._kubectl.namespace
        return f"namespace {name}" if name else "the namespace of the context"
