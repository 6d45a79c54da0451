"""What makes the operator level-based: all is compared from time to time, whatever was heard."""

from __future__ import annotations

import asyncio

import structlog

from perennial_core.errors import Outage, UserError
from perennial_core.registry import Registry
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster, NotFound
from perennial_operator.kinds import PREDICTION_MODEL, SELECTOR, WATCHED, Body
from perennial_operator.queue import ModelQueue

_log = structlog.get_logger(__name__)
_RETRY_SECONDS = 2.0


class Resync:
    """Fills the caches from lists, and asks for every model."""

    def __init__(
        self, cluster: Cluster, cache: Cache, queue: ModelQueue, namespaces: list[str]
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._queue = queue
        self._namespaces: list[str | None] = [*namespaces] or [None]

    async def run(self, seconds: float) -> None:
        """Compare everything every so many seconds, for ever."""
        pause = seconds
        while True:
            await asyncio.sleep(pause)
            try:
                await self.once()
                pause = seconds
            except Outage as error:
                _log.warning("resync failed", error=str(error))
                pause = _RETRY_SECONDS

    async def once(self) -> None:
        """List the models and what they own, and ask for every model."""
        for namespace in self._namespaces:
            for kind in WATCHED:
                owned, as_of = await self._cluster.list_all(kind, namespace, SELECTOR)
                self._cache.keep_only_owned(kind.name, owned, as_of, namespace)
            models, as_of = await self._models(namespace)
            self._cache.keep_only_models(models, as_of, namespace)
        for key in self._cache.models():
            self._queue.request(key)

    async def _models(self, namespace: str | None) -> tuple[list[Body], int]:
        try:
            return await self._cluster.list_all(PREDICTION_MODEL, namespace)
        except NotFound:
            raise UserError(
                f"the cluster does not know {PREDICTION_MODEL.name}: install its"
                " CustomResourceDefinition (chart value crds.enabled)"
            ) from None


async def follow_registry(registry: Registry, cache: Cache, queue: ModelQueue) -> None:
    """Ask for a model whenever the registry hints that something of it changed, for ever."""
    answering = True
    while True:
        try:
            async for event in registry.events():
                if not answering:
                    answering = True
                    _log.info("the registry answers again")
                    for key in cache.models():
                        queue.request(key)
                for key in cache.concerned(event.model) if event else ():
                    queue.request(key)
        except (Outage, UserError) as error:
            if answering:
                _log.warning("the registry does not answer", error=str(error))
            answering = False
            await asyncio.sleep(_RETRY_SECONDS)
