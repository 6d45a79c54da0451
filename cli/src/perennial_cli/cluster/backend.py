"""The models of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from perennial_cli.backend import no_source, nothing_to_run, only_name
from perennial_cli.cluster.kubectl import Body, Kubectl
from perennial_cli.cluster.reading import (
    is_ending,
    model_view,
    pod_selector,
    pod_view,
    version_views,
)
from perennial_cli.cluster.refusals import Forbidden, NotFound
from perennial_cli.cluster.registry import cluster_registry
from perennial_cli.next_command import next_command
from perennial_cli.progress import Asked
from perennial_cli.views import ON_THE_WAY, ModelDetails, ModelView, VersionView
from perennial_core.errors import UserError
from perennial_core.identity import ModelKey
from perennial_core.registry import Answer, Registry
from perennial_core.resource import GROUP, PLURAL, TRAIN_ANNOTATION, PredictionModel
from perennial_core.resource.model_version import (
    MODEL_VERSION_KIND,
    MODEL_VERSION_PLURAL,
    version_name,
)

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

    @property
    def unattended(self) -> str | None:
        return None  # the operator acts; one that is away for a while catches up

    async def models(self) -> list[ModelView]:
        where = ["--all-namespaces"] if self._everywhere else []
        bodies = await self._kubectl.items("get", f"{MODELS},{VERSIONS}", *where)
        versions = version_views(b for b in bodies if b["kind"] == MODEL_VERSION_KIND)
        models = (body for body in bodies if body["kind"] != MODEL_VERSION_KIND)
        views = [model_view(body, versions) for body in models]
        return sorted(views, key=lambda view: (view.namespace, view.name))

    async def model(self, name: str | None) -> ModelView:
        return model_view(*await self._with_versions(name))

    async def details(self, name: str | None) -> ModelDetails:
        body, versions = await self._with_versions(name)
        selector = pod_selector(body["metadata"]["name"])
        pods = await self._kubectl.items("get", "pods", "-l", selector)
        view = model_view(body, versions)
        return ModelDetails(
            **dict(view),
            versions=[version for version in versions if version.state in ON_THE_WAY],
            pods=[pod_view(pod, view) for pod in pods if not is_ending(pod)],
        )

    async def versions(self, name: str | None) -> list[VersionView]:
        _, versions = await self._with_versions(name)
        return versions

    @asynccontextmanager
    async def registry(self, name: str | None) -> AsyncIterator[tuple[ModelKey, Registry]]:
        body = await self._body(await self._named(name))
        key = ModelKey(body["metadata"]["namespace"], body["metadata"]["name"])
        async with cluster_registry(self._kubectl, key) as registry:
            yield key, registry

    async def resource(self, name: str | None) -> PredictionModel:
        return PredictionModel.parse(await self._body(await self._named(name)))

    async def train(self, name: str | None) -> Asked:
        body = await self._body(await self._named(name))
        if "training" not in body["spec"] and _source(body) is None:
            raise nothing_to_run()
        before = await self._runs(body)
        value = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        change = {"metadata": {"annotations": {TRAIN_ANNOTATION: value}}}
        await self._kubectl.patch(MODELS, body["metadata"]["name"], change)
        return Asked(before, value)

    async def decide(
        self, name: str | None, version: int, verdict: Answer, reason: str
    ) -> VersionView:
        name = await self._named(name)
        decision = {"verdict": str(verdict), "by": await self._kubectl.user(), "reason": reason}
        change = {"spec": {"decision": decision}}
        body = await self._kubectl.patch(VERSIONS, version_name(name, version), change)
        return version_views([body])[0]

    async def pin(self, name: str | None, version: int | None) -> ModelView:
        name = await self._named(name)
        rollout = {"pinnedVersion": version, "pinChangedBy": await self._kubectl.user()}
        body = await self._kubectl.patch(MODELS, name, {"spec": {"rollout": rollout}})
        return model_view(body, [])

    async def promote(self, name: str | None, version: int | None) -> Asked | None:
        body = await self._body(await self._named(name))
        if _required_source(body).get("version") == version:
            return None
        before = await self._runs(body)
        source = {"version": version, "versionChangedBy": await self._kubectl.user()}
        change = {"spec": {"promotion": {"from": source}}}
        await self._kubectl.patch(MODELS, body["metadata"]["name"], change)
        return Asked(before)

    async def source(self, name: str | None) -> ModelView | None:
        source = _required_source(await self._body(await self._named(name)))
        if "registrySecret" in source:
            return None
        there = self._kubectl.within(source["namespace"])
        return model_view(await there.read("get", MODELS, source["name"]), [])

    async def _runs(self, model: Body) -> frozenset[str]:
        """Return the runs that there are; who may not see the Jobs knows the last."""
        last = model.get("status", {}).get("training", {}).get("lastRun", "")
        selector = f"{GROUP}/model={model['metadata']['name']}"
        try:
            jobs = await self._kubectl.items("get", "jobs.batch", "-l", selector)
        except Forbidden:
            jobs = []
        return frozenset({last, *(job["metadata"]["uid"] for job in jobs)})

    async def _body(self, name: str) -> Body:
        try:
            return await self._kubectl.read("get", MODELS, name)
        except NotFound:
            listing = next_command("status", *self._kubectl.where)
            raise UserError(
                f"there is no model {name} in {self._namespace()}; {listing} lists those there are"
            ) from None

    async def _versions(self, name: str) -> list[VersionView]:
        selector = f"{GROUP}/model={name}"
        return version_views(await self._kubectl.items("get", VERSIONS, "-l", selector))

    async def _with_versions(self, name: str | None) -> tuple[Body, list[VersionView]]:
        """Return a model and its versions. Where both are refused, that of the model is told."""
        name = await self._named(name)
        versions = asyncio.ensure_future(self._versions(name))
        try:
            body = await self._body(name)
        except BaseException:
            versions.cancel()
            await asyncio.gather(versions, return_exceptions=True)
            raise
        return body, await versions

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


def _source(model: Body) -> Body | None:
    """Return ``spec.promotion.from`` of a model."""
    source: Body | None = model["spec"].get("promotion", {}).get("from")
    return source


def _required_source(model: Body) -> Body:
    source = _source(model)
    if source is None:
        raise no_source(model["metadata"]["name"])
    return source
