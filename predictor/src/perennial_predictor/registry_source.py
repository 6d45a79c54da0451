"""Versions of the registry, and the copy of the last one on disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.registry import EventKind, Registry
from perennial_core.settings import PredictorSettings
from perennial_predictor.cache import VersionCache
from perennial_predictor.served import StoredVersion
from perennial_predictor.source import NothingToServe, Target, WrongVersion


class RegistrySource:
    """The versions of one model.

    Args:
        settings: Name the model and, for a fixed version, version and digest.
        registry: Where all versions are.
        cache: Where the last one is.
    """

    def __init__(
        self, settings: PredictorSettings, registry: Registry, cache: VersionCache
    ) -> None:
        self.key = ModelKey.parse(settings.model)
        self.fixed = _fixed_target(settings)
        self.copy: StoredVersion | None = None
        self._registry = registry
        self._cache = cache

    async def open(self) -> None:
        """Read the copy on disk."""
        self.copy = await asyncio.to_thread(self._cache.read)

    async def target(self) -> Target:
        """Return what should serve.

        Raises:
            NothingToServe: The registry does not say yet.
        """
        if self.fixed is not None:
            return self.fixed
        serving = await self._registry.serving(self.key)
        if serving is None:
            raise NothingToServe("the registry names no version to serve yet: none is approved")
        return Target(serving.version, serving.digest)

    async def get(self, target: Target) -> StoredVersion:
        """Return a version with its verified artifact: the copy if it is that, or the registry's.

        Raises:
            WrongVersion: The registry's version has another digest.
            VersionNotFound: The registry does not have it.
            ArtifactCorrupt: The artifact is not what its digest names.
        """
        if self.copy is not None and target.is_met_by(self.copy.manifest):
            return self.copy
        manifest = await self._registry.manifest(self.key, target.version)
        if not target.is_met_by(manifest):
            raise WrongVersion(
                f"{self.key}: version {target.version} should have the digest {target.digest}, but"
                f" the registry's version {manifest.version} has {manifest.digest}"
            )
        return StoredVersion(manifest, await self._registry.artifact(self.key, manifest.digest))

    def keep(self, stored: StoredVersion) -> None:
        """Keep a version that serves as the copy on disk; to be called in a thread."""
        if stored is not self.copy:
            self._cache.write(stored)
        self.copy = None

    async def hints(self) -> AsyncIterator[None]:
        """Yield whenever another version may be the one that should serve.

        Raises:
            RegistryUnavailable: Redis does not answer; the caller starts again.
        """
        async for event in self._registry.events():
            if event is None or (event.model == self.key and event.kind is EventKind.SERVING):
                yield


def _fixed_target(settings: PredictorSettings) -> Target | None:
    if settings.version is None:
        return None
    digest = None if settings.digest is None else Digest(settings.digest)
    return Target(Version(settings.version), digest)
