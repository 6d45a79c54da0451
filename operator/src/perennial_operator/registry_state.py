"""Reads what the registry says of a model, and what follows from it."""

from __future__ import annotations

import time

from perennial_core.decisions import choose
from perennial_core.errors import Outage, UserError
from perennial_core.identity import ModelKey
from perennial_core.registry import Registry
from perennial_operator.build.deployment import Release
from perennial_operator.decide.rollout import RolloutMemory
from perennial_operator.state import RegistryState


class RegistryReader:
    """Reads the registry, and knows for how long it has answered."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._answering_since = time.monotonic()

    def answered_for(self, seconds: float) -> bool:
        """Return whether the registry has answered all the time for so long."""
        return time.monotonic() - self._answering_since >= seconds

    async def read(self, key: ModelKey, memory: RolloutMemory) -> RegistryState:
        """Return the state of a model's registry.

        Raises:
            RegistryUnavailable: Redis does not answer.
            RegistryRefused: Redis refuses.
        """
        try:
            return await self._read(key, memory)
        except (Outage, UserError):
            self._answering_since = time.monotonic()
            raise

    async def _read(self, key: ModelKey, memory: RolloutMemory) -> RegistryState:
        snapshot = await self._registry.snapshot(key)
        proven, pin = memory.proven, memory.pin
        choice = choose(
            retained=snapshot.versions,
            failures=snapshot.failures,
            incumbent=proven.release.version if proven else None,
            pinned=pin.version if pin else None,
            generation=pin.generation if pin else 0,
        )
        wanted = {version for version in (choice.version, snapshot.latest) if version is not None}
        manifests = await self._registry.manifests(key, wanted)
        target = manifests.get(choice.version) if choice.version else None
        return RegistryState(
            snapshot=snapshot,
            choice=choice,
            latest=manifests.get(snapshot.latest) if snapshot.latest else None,
            target=Release(target.version, target.digest) if target else None,
        )
