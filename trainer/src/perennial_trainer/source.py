"""The model that versions are taken from, in this registry or in another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from perennial_core.errors import PerennialError
from perennial_core.identity import ModelKey
from perennial_core.manifest import Manifest, PromotedFrom
from perennial_core.promotion import Withheld, offer, provenance
from perennial_core.registry import Registry
from perennial_core.resource.promotion import PromotionSource
from perennial_core.settings import SourceRegistrySettings, from_environment
from perennial_trainer.failure import SpecError

_SECRET = "spec.promotion.from.registrySecret"


@dataclass(frozen=True)
class Found:
    """The version to take over, as its own registry has it."""

    manifest: Manifest
    origin: PromotedFrom
    before: Manifest | None
    """The version that served there when it was measured, where that is still retained."""


@dataclass(frozen=True)
class Source:
    """Reads what a model offers; nothing is written there."""

    spec: PromotionSource
    registry: Registry
    host: str | None
    """Host and port of its registry, when that is not the target's own."""

    async def find(self, target: ModelKey) -> Found | Withheld:
        """Return the version to take over, or why there is none yet.

        Raises:
            SpecError: The source refuses; only a change of a spec, here or there, can repair it.
        """
        with self._named():
            snapshot = await self.registry.snapshot(self.spec.key)
        offered = offer(self.spec, target, snapshot)
        if isinstance(offered, Withheld):
            if offered.refused:
                raise SpecError(offered.reason)
            return offered
        with self._named():
            manifest = await self.registry.manifest(self.spec.key, offered.version)
            origin = provenance(manifest, offered.decision, self.host)
            return Found(manifest, origin, await self._before(manifest))

    async def artifact(self, found: Found) -> bytes:
        """Return the artifact's bytes, verified."""
        with self._named():
            return await self.registry.artifact(self.spec.key, found.manifest.digest)

    async def _before(self, manifest: Manifest) -> Manifest | None:
        version = manifest.metrics.incumbent_version
        if version is None:
            return None
        return (await self.registry.manifests(self.spec.key, [version])).get(version)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say of errors that they are of the other registry, where it is another."""
        try:
            yield
        except PerennialError as error:
            if self.host is not None:
                error.args = (f"{_SECRET} (Redis {self.host}): {error}",)
            raise


@asynccontextmanager
async def open_source(spec: PromotionSource, own: Registry) -> AsyncIterator[Source]:
    """Open the registry of the source, which is the target's own where the spec names no other.

    Raises:
        UserError: What the Secret says of it cannot be used.
    """
    if spec.registry_secret is None:
        yield Source(spec, own, None)
        return
    try:
        settings = from_environment(SourceRegistrySettings)
        other = Registry.from_settings(settings)
    except PerennialError as error:
        raise SpecError(f"{_SECRET} {spec.registry_secret}: {error}") from None
    async with other:
        yield Source(spec, other, settings.host)
