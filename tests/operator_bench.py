"""The operator's parts on a real API server and a real Redis, moved on by the test step by step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import kubectl
from builders import NOW, manifest_body, spec_hash
from kubernetes.aio import client
from operator_models import MINIMAL, Body, model_body, operator_settings
from played_predictors import PlayedPredictors

from perennial_core.identity import ModelKey, Version
from perennial_core.registry import Registry
from perennial_core.resource import PredictionModel
from perennial_core.settings import RegistrySettings
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster, NotFound
from perennial_operator.kinds import (
    BY_NAME,
    DEPLOYMENT,
    EVENT,
    POD,
    PREDICTION_MODEL,
    VERSION_LABEL,
    Kind,
    ObjectRef,
)
from perennial_operator.queue import ModelQueue
from perennial_operator.reconciler import Reconciler
from perennial_operator.resync import Resync
from perennial_operator.settings import OperatorSettings

Seen = TypeVar("Seen")

NOWHERE = {"podTemplate": {"nodeSelector": {"perennial.dev/tests": "nowhere"}}}
"""Pods that no node takes: a test plays the kubelet for them."""

NAMESPACE = Kind("", "v1", "Namespace", "namespaces")

IDLE: Body = {**MINIMAL, "training": {**MINIMAL["training"], "suspend": True}, "serving": NOWHERE}
"""A model that starts no run by itself."""


PREDICTORS = "app.kubernetes.io/name in (perennial-predictor, perennial-canary, perennial-shadow)"


class CountingCluster(Cluster):
    """The real API, and what was written to it."""

    def __init__(self, api: client.ApiClient) -> None:
        super().__init__(api)
        self.writes: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def _request(self, method: str, path: str, *args: Any, **options: Any) -> Body:
        if method != "GET":
            self.writes.append(f"{method} {path}")
        return await super()._request(method, path, *args, **options)

    async def merge_status(self, key: ModelKey, patch: Body) -> Body:
        ref = ObjectRef(PREDICTION_MODEL.name, key.namespace, key.name)
        return await self.merge(PREDICTION_MODEL, ref, {"status": patch}, "/status")

    async def remove(self, kind: Kind, ref: ObjectRef) -> None:
        """Delete an object as kubectl does: it goes first, what it owns follows."""
        path = f"{kind.root}/namespaces/{ref.namespace}/{kind.plural}/{ref.name}"
        await super()._request("DELETE", path, {"propagationPolicy": "Background"})

    async def make_namespace(self, name: str) -> None:
        metadata = {"name": name, "labels": kubectl.RESTRICTED}
        await self.create(NAMESPACE, {"metadata": metadata})

    async def remove_namespace(self, name: str) -> None:
        """Remove a namespace with its models, which no operator is left to let go."""
        models, _ = await self.list_all(PREDICTION_MODEL, name)
        for model in models:
            patch = {"metadata": {"finalizers": None}}
            await self.merge(PREDICTION_MODEL, ObjectRef.of(model), patch)
        await super()._request("DELETE", f"/api/v1/namespaces/{name}")

    async def check(self, model: Body) -> None:
        """Ask the API server whether it would take a model, as strictly as kubectl does."""
        path = f"{PREDICTION_MODEL.root}/namespaces/{model['metadata']['namespace']}"
        query = [("dryRun", "All"), ("fieldValidation", "Strict")]
        await super()._request("POST", f"{path}/{PREDICTION_MODEL.plural}", model, query=query)

    async def apply_as(self, manager: str, kind: Kind, body: Body) -> Body:
        ref = ObjectRef.of(body)
        path = f"{kind.root}/namespaces/{ref.namespace}/{kind.plural}/{ref.name}"
        return await self._apply(path, body, manager)

    async def merge(self, kind: Kind, ref: ObjectRef, patch: Body, part: str = "") -> Body:
        """Change an object as a person or another controller does."""
        path = f"{kind.root}/namespaces/{ref.namespace}/{kind.plural}/{ref.name}{part}"
        return await super()._request(
            "PATCH", path, patch, content_type="application/merge-patch+json"
        )


class Kubelet:
    """Makes the predictors' pods ready, but for those that it is told are broken."""

    def __init__(self, cluster: CountingCluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self.is_broken: Callable[[Body], bool] = lambda pod: False

    async def run(self) -> None:
        while True:
            for pod in await self._cluster.pods(self._namespace, PREDICTORS):
                with suppress(NotFound):  # it went meanwhile
                    await self._tend(pod)
            await asyncio.sleep(0.1)

    async def _tend(self, pod: Body) -> None:
        conditions = pod["status"].get("conditions", [])
        is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        wanted = not self.is_broken(pod)
        if is_ready == wanted:
            return
        then = "2026-01-01T00:00:00Z"
        ready = {"type": "Ready", "status": str(wanted), "lastTransitionTime": then}
        await self.set_status(pod, {"phase": "Running", "conditions": [ready]})

    async def set_status(self, pod: Body, status: Body) -> None:
        ref = ObjectRef(POD.name, self._namespace, pod["metadata"]["name"])
        await self._cluster.merge(POD, ref, {"status": status}, "/status")


def version_of(pod: Body) -> int:
    return int(pod["metadata"]["labels"][VERSION_LABEL])


@dataclass
class Bench:
    """One operator, whose every reconcile the test asks for."""

    cluster: CountingCluster
    registry: Registry
    registry_settings: RegistrySettings
    namespace: str
    settings: OperatorSettings = field(default_factory=operator_settings)

    def __post_init__(self) -> None:
        self.predictors = PlayedPredictors(self.registry)
        self.start_anew()

    def start_anew(self) -> None:
        """Forget everything, as an operator that was killed and started again."""
        self.cache, self.queue = Cache(), ModelQueue()
        self.predictors.registry = self.registry
        self.reconciler = Reconciler(
            self.cluster,
            self.cache,
            self.registry,
            self.predictors,
            self.settings,
            self.registry_settings,
        )
        self.resync = Resync(self.cluster, self.cache, self.queue, [self.namespace])

    def key(self, name: str = "points") -> ModelKey:
        return ModelKey(self.namespace, name)

    def ref(self, kind: Kind, name: str = "points") -> ObjectRef:
        return ObjectRef(kind.name, self.namespace, name)

    async def apply(self, spec: Body = IDLE, name: str = "points", **metadata: Any) -> None:
        """Apply a model as a person does."""
        body = model_body(spec, name=name, namespace=self.namespace, **metadata)
        await self.cluster.apply_as("tests", PREDICTION_MODEL, body)

    async def change(self, patch: Body, name: str = "points") -> None:
        await self.cluster.merge(PREDICTION_MODEL, self.ref(PREDICTION_MODEL, name), patch)

    async def publish(self, name: str = "points", content: bytes = b"artifact") -> Version:
        key = self.key(name)
        number = (await self.registry.latest(key) or 0) + 1
        body = manifest_body(key, content + str(number).encode(), f"run-{content!r}-{number}")
        spec = (await self.model(name)).get("spec", IDLE)
        model = PredictionModel.parse(model_body(spec, name=name, namespace=self.namespace))
        body = body.changed(training_spec_hash=spec_hash(model))
        artifact = content + str(number).encode()
        return (await self.registry.publish(key, body, artifact, started=NOW)).version

    async def reconcile(self, name: str = "points") -> float | None:
        """See everything as it is now, and reconcile the model once.

        Returns: In how many seconds it wants to come again by itself.
        """
        await self.resync.once()
        return await self.reconciler.reconcile(self.key(name))

    async def settle(self, name: str = "points") -> Body:
        """Reconcile until nothing of the model changes any more."""
        before: Body = {}
        while True:
            await self.reconcile(name)
            now = await self.model(name)
            if now.get("status") == before.get("status"):
                return now
            before = now

    async def until(
        self,
        is_so: Callable[[Body], object],
        what: str,
        name: str = "points",
        seconds: float = 30,
    ) -> Body:
        """Reconcile again and again until it is so, and return the model."""
        deadline = time.monotonic() + seconds
        while True:
            await self.reconcile(name)
            model = await self.model(name)
            if is_so(model):
                return model
            assert time.monotonic() < deadline, f"not in time: {what}; {model.get('status')}"
            await asyncio.sleep(0.2)

    async def model(self, name: str = "points") -> Body:
        return await self.live(PREDICTION_MODEL, name) or {}

    async def live(self, kind: Kind, name: str = "points") -> Body | None:
        return await self.cluster.get(kind, self.namespace, name)

    async def owned(self, kind: Kind, name: str = "points") -> list[Body]:
        found, _ = await self.cluster.list_all(kind, self.namespace, f"perennial.dev/model={name}")
        return found

    async def everything(self, name: str = "points") -> list[Body]:
        """Return all objects with the model's label."""
        return [body for kind in BY_NAME.values() for body in await self.owned(kind, name)]

    async def events(self, name: str = "points") -> list[tuple[str, str]]:
        found, _ = await self.cluster.list_all(EVENT, self.namespace)
        mine = [event for event in found if event["involvedObject"]["name"] == name]
        mine = [event for event in mine if event["involvedObject"]["kind"] == PREDICTION_MODEL.name]
        return [(event["type"], event["reason"]) for event in mine]

    async def deployed(self, name: str = "points") -> int | None:
        """Return the version that the Deployment's pods are told to serve."""
        body = await self.live(DEPLOYMENT, name)
        return None if body is None else version_of(body["spec"]["template"])


async def eventually(
    look: Callable[[], Awaitable[Seen]], is_so: Callable[[Seen], object], seconds: float = 30
) -> Seen:
    """Look until it is so, and return what was seen."""
    async with asyncio.timeout(seconds):
        while True:
            if is_so(seen := await look()):
                return seen
            await asyncio.sleep(0.1)


def condition(model: Body, kind: str) -> Body:
    return kubectl.condition(model, kind)


def is_true(kind: str) -> Callable[[Body], bool]:
    return lambda model: condition(model, kind).get("status") == "True"


def has_ready(pods: int) -> Callable[[Body], bool]:
    return lambda model: model.get("status", {}).get("readyReplicas") == pods


def serves(version: int) -> Callable[[Body], bool]:
    def check(model: Body) -> bool:
        serving = model.get("status", {}).get("serving", {})
        return is_true("Ready")(model) and serving.get("version") == version

    return check


@asynccontextmanager
async def running(work: Any) -> AsyncIterator[asyncio.Task[Any]]:
    """Run in the background while the context is open; what it raises is raised."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled() and task.exception() is not None:
            raise task.exception()
