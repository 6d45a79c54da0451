"""The registry: the versions, artifacts and runs of all models, in Redis."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Self

from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Decision
from perennial_core.registry.connection import (
    ANSWER_SECONDS,
    TRANSFER_SECONDS,
    connect,
    translated_errors,
)
from perennial_core.registry.errors import NotApproved, RegistryUnavailable, VersionNotFound
from perennial_core.registry.keys import ModelKeys
from perennial_core.registry.publishing import ATTEMPTS, Publishing
from perennial_core.registry.reading import script
from perennial_core.registry.records import EventKind, Failure, Serving, read
from perennial_core.registry.retention import expired, orphans
from perennial_core.settings import RegistrySettings

if TYPE_CHECKING:
    from perennial_core.resource.promotion import PromotionTarget


class Registry(Publishing):
    """Reads the registry, publishes to it, and writes what a controller decides.

    Every method may raise RegistryUnavailable or RegistryRefused.
    """

    def __init__(self, client: Any, transfers: Any, max_artifact_bytes: int) -> None:
        super().__init__(client, transfers, max_artifact_bytes)
        self._decide_script = script(client, "decide.lua")
        self._serve_script = script(client, "serve.lua")
        self._retain_script = script(client, "retain.lua")
        self._purge_script = script(client, "purge.lua")

    @classmethod
    def from_settings(cls, settings: RegistrySettings) -> Self:
        client, transfers = connect(settings, ANSWER_SECONDS), connect(settings, TRANSFER_SECONDS)
        return cls(client, transfers, settings.max_artifact_bytes)

    async def decide(self, key: ModelKey, version: Version, decision: Decision) -> Decision:
        """Record who let a version serve, or not, unless that was decided before.

        Returns:
            The decision that stands.

        Raises:
            VersionNotFound: The version was never published, or is no longer retained.
        """
        keys = ModelKeys(key)
        with translated_errors():
            standing = await self._decide_script(
                keys=[keys.versions, keys.decisions], args=[version, decision.to_bytes()]
            )
        if standing is None:
            raise VersionNotFound(f"{key}: version {version} is not in the registry")
        await self._hint(key, EventKind.DECIDED, version)
        return read(Decision, standing, keys.decisions)

    async def set_serving(self, key: ModelKey, serving: Serving) -> None:
        """Say which version should serve.

        Raises:
            NotApproved: It was not approved; nothing was written.
        """
        keys = ModelKeys(key)
        with translated_errors():
            done = await self._serve_script(
                keys=[keys.decisions, keys.serving], args=[serving.version, serving.to_bytes()]
            )
        if not done:
            raise NotApproved(f"{key}: version {serving.version} is not approved")
        await self._hint(key, EventKind.SERVING, serving.version)

    async def record_failure(self, key: ModelKey, version: Version, failure: Failure) -> None:
        """Record that the rollout of a version failed."""
        with translated_errors():
            await self._redis.hset(ModelKeys(key).failures, str(version), failure.to_bytes())

    async def allow(self, key: ModelKey, targets: Sequence[PromotionTarget]) -> None:
        """Say who may take the model's versions over, be it from another cluster."""
        from perennial_core.registry.allowed import allowed_to  # takes time, and few need it

        keys = ModelKeys(key)
        with translated_errors():
            if targets:
                await self._redis.set(keys.allowed, allowed_to(targets))
            else:
                await self._redis.delete(keys.allowed)
        await self._hint(key, EventKind.ALLOWED, None)

    async def retain(
        self, key: ModelKey, *, limit: int, protected: Collection[Version]
    ) -> list[Version]:
        """Remove all but the newest ``limit`` versions and those that serve or are protected.

        Returns:
            The removed versions, ascending; none when versions came or went or another began to
            serve meanwhile, for the caller comes again.
        """
        keys = ModelKeys(key)
        with translated_errors():
            serving = await self._redis.get(keys.serving)
            members = await self._redis.zrange(keys.versions, 0, -1)
        versions = [Version(int(member)) for member in members]
        safe = set(protected)
        if serving is not None:
            safe.add(read(Serving, serving, keys.serving).version)
        removed = expired(versions, limit=limit, protected=safe)
        if not removed:
            return []
        manifests = await self.manifests(key, versions)
        digests = {version: manifest.digest for version, manifest in manifests.items()}
        with translated_errors():
            done = await self._retain_script(
                keys=[
                    *(keys.versions, keys.serving, keys.decisions, keys.failures),
                    *(keys.manifest(version) for version in removed),
                    *(keys.artifact(digest) for digest in orphans(digests, removed)),
                ],
                args=[b" ".join(members), serving or "", *removed],
            )
        return removed if done else []

    async def purge(self, key: ModelKey) -> None:
        """Remove every key of a model, in one step.

        End the model's runs first: one that still goes on brings keys back.
        """
        for _ in range(ATTEMPTS):
            latest = await self.latest(key)
            keys = await self._all_keys(key)
            with translated_errors():
                if await self._purge_script(keys=keys, args=[latest or ""]):
                    return
        raise RegistryUnavailable(f"{key}: runs published again and again; end them first")

    async def _all_keys(self, key: ModelKey) -> list[str]:
        """Return the version key, then all others: those that anyone may write at any time, and
        those that are found."""
        keys = ModelKeys(key)
        named = [
            *(keys.version, keys.versions, keys.serving),
            *(keys.decisions, keys.failures, keys.runs, keys.allowed),
        ]
        with translated_errors():
            found = [
                name.decode() async for name in self._redis.scan_iter(f"{keys.prefix}*", count=1000)
            ]
        return named + sorted(set(found) - set(named))
