"""What is read from the registry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from importlib import resources
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from perennial_core.identity import ArtifactHash, Digest, ModelKey, Version
from perennial_core.manifest import Decision, Manifest
from perennial_core.registry.connection import translated_errors
from perennial_core.registry.errors import ArtifactCorrupt, VersionNotFound
from perennial_core.registry.hints import Hints
from perennial_core.registry.keys import ModelKeys
from perennial_core.registry.records import Event, Failure, Run, Serving, Snapshot, read

if TYPE_CHECKING:
    from perennial_core.resource.promotion import PromotionTarget

RUNS_KEPT = 100

PIECE_BYTES = 2**18
"""An artifact is read and hashed in pieces of so many bytes. Each keeps the event loop for some
tenths of a millisecond, where the whole would for as long as it takes."""


class Reading:
    """Reads the versions, artifacts and runs of all models.

    Args:
        client: Redis, for short answers.
    """

    def __init__(self, client: Any) -> None:
        self._redis = client
        self._hints = Hints(client)
        self._snapshot_script = script(client, "snapshot.lua")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        await self._redis.aclose()

    async def ping(self) -> None:
        """Raise an error unless Redis answers."""
        with translated_errors():
            await self._redis.ping()

    async def latest(self, key: ModelKey) -> Version | None:
        """Return the latest published version."""
        with translated_errors():
            text = await self._redis.get(ModelKeys(key).version)
        return None if text is None else Version(int(text))

    async def manifest(self, key: ModelKey, version: Version) -> Manifest:
        """Return a version's manifest.

        Raises:
            VersionNotFound: The version was never published, or is no longer retained.
        """
        keys = ModelKeys(key)
        with translated_errors():
            text = await self._redis.get(keys.manifest(version))
        if text is None:
            raise VersionNotFound(f"{key}: version {version} is not in the registry")
        return read(Manifest, text, keys.manifest(version))

    async def latest_manifest(self, key: ModelKey) -> Manifest | None:
        """Return the manifest of the latest published version, where it is retained."""
        version = await self.latest(key)
        if version is None:
            return None
        return (await self.manifests(key, [version])).get(version)

    async def manifests(
        self, key: ModelKey, versions: Collection[Version]
    ) -> dict[Version, Manifest]:
        """Return the manifests of those versions that are retained."""
        if not versions:
            return {}
        keys, wanted = ModelKeys(key), sorted(versions)
        with translated_errors():
            texts = await self._redis.mget([keys.manifest(version) for version in wanted])
        return {
            version: read(Manifest, text, keys.manifest(version))
            for version, text in zip(wanted, texts, strict=True)
            if text is not None
        }

    async def artifact(self, key: ModelKey, digest: Digest) -> bytes:
        """Return an artifact's bytes, verified.

        Raises:
            VersionNotFound: No retained version has this artifact, or not until its end was read.
            ArtifactCorrupt: The bytes are not those that the digest names.
        """
        name, hashed, pieces = ModelKeys(key).artifact(digest), ArtifactHash(), []
        async for piece in self._pieces(name):
            hashed.update(piece)
            pieces.append(piece)
        if not pieces[0] or hashed.digest() != digest:
            if await self._piece(name, 0):  # it has not been removed meanwhile
                raise ArtifactCorrupt(f"{key}: artifact {digest} is damaged in the registry")
            raise VersionNotFound(f"{key}: artifact {digest} is not in the registry")
        # in a thread: to copy a large artifact takes a while, in which predictions go on
        return await asyncio.to_thread(b"".join, pieces)

    async def _pieces(self, name: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a key, piece by piece; none of what Redis does not have."""
        begin, length = 0, PIECE_BYTES
        while length == PIECE_BYTES:
            piece = await self._piece(name, begin)
            yield piece
            length = len(piece)
            begin += length

    async def _piece(self, name: str, begin: int) -> bytes:
        """Return the bytes of a key from there on; none if that is its end, or there is no key."""
        with translated_errors():
            piece: bytes = await self._redis.getrange(name, begin, begin + PIECE_BYTES - 1)
        return piece

    async def snapshot(self, key: ModelKey) -> Snapshot:
        """Return what a controller needs to know of a model, as of one moment."""
        keys = ModelKeys(key)
        with translated_errors():
            answer = await self._snapshot_script(
                keys=[
                    *(keys.version, keys.versions, keys.serving),
                    *(keys.decisions, keys.failures, keys.runs, keys.allowed),
                ]
            )
        latest, versions, serving, decisions, failures, runs, allowed = answer
        return Snapshot(
            latest=None if latest is None else Version(int(latest)),
            versions=tuple(Version(int(version)) for version in versions),
            serving=None if serving is None else read(Serving, serving, keys.serving),
            decisions={
                Version(int(version)): read(Decision, decision, keys.decisions)
                for version, decision in _pairs(decisions).items()
            },
            failures={
                Version(int(version)): read(Failure, failure, keys.failures)
                for version, failure in _pairs(failures).items()
            },
            last_run=_to_run(_pairs(runs[0][1]), keys) if runs else None,
            allowed=() if allowed is None else _to_targets(allowed, keys),
        )

    async def serving(self, key: ModelKey) -> Serving | None:
        """Return the version that should serve."""
        keys = ModelKeys(key)
        with translated_errors():
            text = await self._redis.get(keys.serving)
        return None if text is None else read(Serving, text, keys.serving)

    async def runs(self, key: ModelKey, count: int = RUNS_KEPT) -> list[Run]:
        """Return the last runs, newest first.

        A run may be there more than once: each of its tries is recorded.
        """
        keys = ModelKeys(key)
        with translated_errors():
            entries = await self._redis.xrevrange(keys.runs, count=count)
        return [_to_run(fields, keys) for _, fields in entries]

    def events(self) -> AsyncIterator[Event | None]:
        """Yield the hints from now on, and None whenever some may have been missed or time passed.

        Raises:
            RegistryUnavailable: Redis does not answer; the caller starts again.
        """
        return self._hints.follow()


def script(client: Any, name: str) -> Any:
    """Return a Lua script of this package, ready to run."""
    return client.register_script(resources.files(__package__).joinpath(name).read_text())


def _to_targets(text: bytes, keys: ModelKeys) -> tuple[PromotionTarget, ...]:
    from perennial_core.registry.allowed import read_allowed  # takes time, and few need it

    return read_allowed(text, keys.allowed)


def _to_run(fields: dict[bytes, bytes], keys: ModelKeys) -> Run:
    return read(Run, fields.get(b"record", b""), keys.runs)


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    """Return a list of keys, each with its value after it, as a dict."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
