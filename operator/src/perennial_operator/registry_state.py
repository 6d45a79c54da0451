"""Reads what the registry says of a model, and what follows from it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from perennial_core.approval import Asked, incumbent_among, judge
from perennial_core.decisions import Rules, choose
from perennial_core.errors import Outage, UserError
from perennial_core.identity import Version
from perennial_core.registry import Registry
from perennial_core.resource import PredictionModel
from perennial_operator.build.deployment import Release
from perennial_operator.decide.rollout import RolloutMemory
from perennial_operator.report.versions import told_how_to_decide
from perennial_operator.state import RegistryState


class RegistryReader:
    """Reads the registry, and knows for how long it has answered."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._answering_since = time.monotonic()

    def answered_for(self, seconds: float) -> bool:
        """Return whether the registry has answered all the time for so long."""
        return time.monotonic() - self._answering_since >= seconds

    async def read(
        self, model: PredictionModel, memory: RolloutMemory, asked: Mapping[Version, Asked]
    ) -> RegistryState:
        """Return the state of a model's registry, in which what people decided is recorded.

        Raises:
            RegistryUnavailable: Redis does not answer.
            RegistryRefused: Redis refuses.
        """
        try:
            return await self._read(model, memory, asked)
        except (Outage, UserError):
            self._answering_since = time.monotonic()
            raise

    async def _read(
        self, model: PredictionModel, memory: RolloutMemory, asked: Mapping[Version, Asked]
    ) -> RegistryState:
        key, pin = model.key, memory.pin
        snapshot = await self._registry.snapshot(key)
        manifests = await self._registry.manifests(key, snapshot.versions)
        proven = memory.proven.release if memory.proven else None
        serves = (proven.version, proven.digest) if proven else None
        incumbent = incumbent_among(manifests, snapshot.decisions, serves)
        rules = Rules.of(model.spec)
        judgement = await judge(self._registry, key, snapshot, manifests, incumbent, rules, asked)
        choice = choose(
            retained=manifests,
            decisions=judgement.decisions,
            failures=snapshot.failures,
            incumbent=incumbent,
            pinned=pin.version if pin else None,
            generation=pin.generation if pin else 0,
        )
        target = manifests.get(choice.version) if choice.version else None
        return RegistryState(
            snapshot=snapshot,
            judgement=told_how_to_decide(judgement, key),
            choice=choice,
            latest=manifests.get(snapshot.latest) if snapshot.latest else None,
            target=Release(target.version, target.digest) if target else None,
        )
