"""Reads what the registry says of a model, and what follows from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from perennial_core.decisions import choose
from perennial_core.errors import Outage
from perennial_core.identity import Version
from perennial_core.registry import Registry
from perennial_core.resource import PredictionModel
from perennial_operator.build.deployment import Release
from perennial_operator.state import RegistryState


class RegistryReader:
    """Reads the registry, and knows for how long it has answered."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._answering_since = datetime.now(UTC)

    def answered_for(self, seconds: float) -> bool:
        """Return whether the registry has answered all the time for so long."""
        return datetime.now(UTC) - self._answering_since >= timedelta(seconds=seconds)

    async def read(self, model: PredictionModel, incumbent: Version | None) -> RegistryState:
        """Return the state of a model's registry.

        Raises:
            RegistryUnavailable: Redis does not answer.
            RegistryRefused: Redis refuses.
        """
        try:
            return await self._read(model, incumbent)
        except Outage:
            self._answering_since = datetime.now(UTC)
            raise

    async def _read(self, model: PredictionModel, incumbent: Version | None) -> RegistryState:
        snapshot = await self._registry.snapshot(model.key)
        pinned = model.spec.rollout.pinned_version
        choice = choose(
            retained=snapshot.versions,
            failures=snapshot.failures,
            incumbent=incumbent,
            pinned=None if pinned is None else Version(pinned),
            generation=model.metadata.generation,
        )
        wanted = {version for version in (choice.version, snapshot.latest) if version is not None}
        manifests = await self._registry.manifests(model.key, wanted)
        target = manifests.get(choice.version) if choice.version else None
        return RegistryState(
            snapshot=snapshot,
            choice=choice,
            latest=manifests.get(snapshot.latest) if snapshot.latest else None,
            target=Release(target.version, target.digest) if target else None,
        )
