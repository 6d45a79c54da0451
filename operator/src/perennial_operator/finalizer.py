"""What a model leaves behind: nothing, or by its deletion policy the registry's data."""

from __future__ import annotations

from contextlib import suppress

from perennial_core.identity import ModelKey
from perennial_core.registry import Registry
from perennial_core.resource import DeletionPolicy
from perennial_operator.applier import Applier
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster, NotFound
from perennial_operator.kinds import CRON_JOB, JOB, Body

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

    async def hold(self, model: Body, policy: DeletionPolicy) -> None:
        """Set or remove the finalizer, as the deletion policy asks."""
        wanted = policy is DeletionPolicy.DELETE
        if wanted != (FINALIZER in model["metadata"].get("finalizers", [])):
            self._cache.put_model(await self._set(model, wanted))

    async def finalize(self, key: ModelKey, model: Body) -> None:
        """Remove the model's keys once no trainer can publish any more, and let the model go.

        Nothing else of the spec is looked at: a model that cannot be read can still be deleted.
        """
        if FINALIZER not in model["metadata"].get("finalizers", []):
            return
        if model.get("spec", {}).get("deletionPolicy") != DeletionPolicy.RETAIN:
            trainers = self._cache.owned_of_kind(key, CRON_JOB.name)
            trainers += self._cache.owned_of_kind(key, JOB.name)
            for body in trainers:
                await self._applier.delete(key, body)
            if trainers:
                return  # their disappearance asks for this model again
            await self._registry.purge(key)
        with suppress(NotFound):  # nothing held it any more
            await self._set(model, False)

    async def _set(self, model: Body, wanted: bool) -> Body:
        finalizers = model["metadata"].get("finalizers", [])
        others = [finalizer for finalizer in finalizers if finalizer != FINALIZER]
        return await self._cluster.set_finalizers(model, others + [FINALIZER] * wanted)
