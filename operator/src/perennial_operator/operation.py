"""What the replica that leads does: it watches, compares and reconciles."""

from __future__ import annotations

import asyncio

import kopf

from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster
from perennial_operator.handlers import Watched, handler_registry, kopf_settings
from perennial_operator.metrics import MODELS
from perennial_operator.predictors import HttpPredictors, Predictors
from perennial_operator.queue import ModelQueue
from perennial_operator.reconciler import Reconciler
from perennial_operator.resync import Resync, follow_registry
from perennial_operator.settings import OperatorSettings
from perennial_operator.workers import Workers


async def operate(
    settings: OperatorSettings,
    registry_settings: RegistrySettings,
    cluster: Cluster,
    registry: Registry,
) -> None:
    """Bring the cluster to what all models say, until a signal comes or a part of it fails."""
    async with HttpPredictors() as predictors:
        await _operate(settings, registry_settings, cluster, registry, predictors)


async def _operate(
    settings: OperatorSettings,
    registry_settings: RegistrySettings,
    cluster: Cluster,
    registry: Registry,
    predictors: Predictors,
) -> None:
    cache, queue = Cache(), ModelQueue()
    MODELS.set_function(lambda: len(cache.models()))
    reconciler = Reconciler(cluster, cache, registry, predictors, settings, registry_settings)
    resync = Resync(cluster, cache, queue, settings.watch_namespaces)
    await resync.once()
    tasks = [
        asyncio.create_task(_watch(settings, Watched(cache, queue))),
        asyncio.create_task(Workers(reconciler, queue, settings.concurrent_reconciles).run()),
        asyncio.create_task(resync.run(settings.resync_seconds)),
        asyncio.create_task(follow_registry(registry, cache, queue)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(settings: OperatorSettings, watched: Watched) -> None:
    """Run kopf until a signal stops it."""
    await kopf.operator(
        registry=handler_registry(),
        settings=kopf_settings(),
        memo=watched,
        # kopf would make one of the user's name, and a container's user has none.
        identity=settings.identity,  # type: ignore[arg-type]
        clusterwide=not settings.watch_namespaces,
        namespaces=settings.watch_namespaces,
    )
