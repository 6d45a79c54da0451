"""What a model leaves behind: nothing, or by its deletion policy the registry's data."""

from __future__ import annotations

from perennial_core.registry import Registry
from perennial_core.resource import DeletionPolicy, PredictionModel
from perennial_operator.applier import Applier
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster
from perennial_operator.kinds import CRON_JOB, JOB

FINALIZER = "perennial.dev/registry"
"""Holds a model that is being deleted until its keys are removed from the registry."""


class Finalizer:
    """Holds models with deletionPolicy Delete, and removes their keys when they go.

    The objects that a model owns go with it by Kubernetes' garbage collection.
    """

    def __init__(
        self, cluster: Cluster, cache: Cache, registry: Registry, applier: Applier
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._registry = registry
        self._applier = applier

    async def hold(self, model: PredictionModel) -> None:
        """Set or remove the finalizer, as the deletion policy asks."""
        wanted = model.spec.deletion_policy is DeletionPolicy.DELETE
        if wanted != (FINALIZER in model.metadata.finalizers):
            await self._set(model, wanted)

    async def finalize(self, model: PredictionModel) -> None:
        """Remove the model's keys once no trainer can publish any more, and let the model go."""
        if FINALIZER not in model.metadata.finalizers:
            return
        if model.spec.deletion_policy is DeletionPolicy.DELETE:
            trainers = self._cache.owned_of_kind(model.key, CRON_JOB.name)
            trainers += self._cache.owned_of_kind(model.key, JOB.name)
            for body in trainers:
                await self._applier.delete(body)
            if trainers:
                return  # their disappearance asks for this model again
            await self._registry.purge(model.key)
        await self._set(model, False)

    async def _set(self, model: PredictionModel, wanted: bool) -> None:
        finalizers = [FINALIZER] if wanted else []
        raw = await self._cluster.set_finalizers(model.key, model.metadata.uid, finalizers)
        self._cache.put_model(raw)
