"""The registry: the versions, artifacts and runs of all models, in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from importlib import resources
from types import TracebackType
from typing import Any, Self

from perennial_core.identity import Digest, ModelKey, Version, digest_of
from perennial_core.manifest import Decision, Manifest, ManifestBody
from perennial_core.registry.connection import (
    ANSWER_SECONDS,
    TRANSFER_SECONDS,
    connect,
    translated_errors,
)
from perennial_core.registry.errors import (
    ArtifactCorrupt,
    ArtifactTooLarge,
    NotApproved,
    RegistryUnavailable,
    VersionNotFound,
)
from perennial_core.registry.hints import Hints
from perennial_core.registry.keys import ModelKeys
from perennial_core.registry.records import (
    Allowed,
    Event,
    EventKind,
    Failure,
    Publication,
    Run,
    RunOutcome,
    Serving,
    Snapshot,
    read,
)
from perennial_core.registry.retention import expired, orphans
from perennial_core.resource.promotion import PromotionTarget
from perennial_core.settings import MEBIBYTE, RegistrySettings

RUN_MEMORY = timedelta(days=7)
"""For how long a repeated publish of the same run is recognised."""

RUNS_KEPT = 100
_ATTEMPTS = 20


class Registry(AbstractAsyncContextManager["Registry"]):
    """Reads and writes the registry.

    Every method may raise RegistryUnavailable or RegistryRefused.
    """

    def __init__(self, client: Any, transfers: Any, max_artifact_bytes: int) -> None:
        self._redis = client
        self._transfers = transfers  # as patient as sending and reading artifacts needs
        self._max_artifact_bytes = max_artifact_bytes
        self._hints = Hints(client)
        self._publish_script = transfers.register_script(_script("publish.lua"))
        self._snapshot_script = client.register_script(_script("snapshot.lua"))
        self._decide_script = client.register_script(_script("decide.lua"))
        self._serve_script = client.register_script(_script("serve.lua"))
        self._retain_script = client.register_script(_script("retain.lua"))
        self._purge_script = client.register_script(_script("purge.lua"))

    @classmethod
    def from_settings(cls, settings: RegistrySettings) -> Self:
        client, transfers = connect(settings, ANSWER_SECONDS), connect(settings, TRANSFER_SECONDS)
        return cls(client, transfers, settings.max_artifact_bytes)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._redis.aclose()
        await self._transfers.aclose()

    async def ping(self) -> None:
        """Raise an error unless Redis answers."""
        with translated_errors():
            await self._redis.ping()

    # Publishing

    async def publish(
        self, key: ModelKey, body: ManifestBody, artifact: bytes, *, started: datetime
    ) -> Publication:
        """Publish the artifact as the model's next version: all of it or nothing.

        A run that published before gets the same version again. Publishers at the same time get
        versions one after the other.

        Args:
            key: The model.
            body: The manifest but for the version, of this model and this artifact.
            artifact: The serialized model.
            started: When the run started, for its record.

        Raises:
            ArtifactTooLarge: The artifact is over the size limit; nothing was written.
        """
        self._check_artifact(key, body, artifact)
        for _ in range(_ATTEMPTS):
            latest = await self._ready_to_publish(key)
            answer, number = await self._publish_after(latest, key, body, artifact, started)
            if answer != "conflict":
                await self._hint(key, EventKind.PUBLISHED, number)
                return Publication(version=number, repeated=answer == "repeated")
        raise RegistryUnavailable(f"{key}: other runs published each time first; try again later")

    async def _ready_to_publish(self, key: ModelKey) -> Version:
        """Return the latest version, 0 for none, and see to it that Redis has the script: else the
        artifact would be sent to learn that it is missing, and once more to run it."""
        with translated_errors():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.script_load(self._publish_script.script)
                pipe.get(ModelKeys(key).version)
                _, latest = await pipe.execute()
        return Version(int(latest or 0))

    def _check_artifact(self, key: ModelKey, body: ManifestBody, artifact: bytes) -> None:
        if len(artifact) > self._max_artifact_bytes:
            size, limit = len(artifact) / MEBIBYTE, self._max_artifact_bytes / MEBIBYTE
            raise ArtifactTooLarge(
                f"{key}: the artifact has {size:.1f} MiB, over the limit of {limit:.1f} MiB;"
                " make the model smaller, or raise PERENNIAL_REDIS_MAX_ARTIFACT_BYTES (chart value"
                " registry.maxArtifactBytes)"
            )
        described = (body.model, body.size, body.digest)
        if described != (str(key), len(artifact), digest_of(artifact)):
            raise ValueError(f"{key}: the manifest describes another model or artifact")

    async def _publish_after(
        self,
        latest: Version,
        key: ModelKey,
        body: ManifestBody,
        artifact: bytes,
        started: datetime,
    ) -> tuple[str, Version]:
        keys, version = ModelKeys(key), Version(latest + 1)
        run = Run(
            run_id=body.run_id,
            outcome=RunOutcome.PUBLISHED,
            started=started,
            ended=datetime.now(UTC),
            message=_published(version, body),
            version=version,
            training_spec_hash=body.training_spec_hash,
            data_fingerprint=body.data_fingerprint,
        )
        with translated_errors():
            answer, number = await self._publish_script(
                keys=[
                    keys.version,
                    keys.versions,
                    keys.run(body.run_id),
                    keys.runs,
                    keys.manifest(version),
                    keys.artifact(body.digest),
                ],
                args=[
                    latest,
                    version,
                    body.numbered(version).to_bytes(),
                    artifact,
                    int(RUN_MEMORY.total_seconds()),
                    run.to_bytes(),
                    RUNS_KEPT,
                ],
            )
        return answer.decode(), Version(int(number))

    async def record_run(self, key: ModelKey, run: Run) -> None:
        """Record a run that published nothing."""
        with translated_errors():
            await self._redis.xadd(
                ModelKeys(key).runs, {"record": run.to_bytes()}, maxlen=RUNS_KEPT, approximate=True
            )
        await self._hint(key, EventKind.RUN, None)

    # Reading

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
            VersionNotFound: No retained version has this artifact.
            ArtifactCorrupt: The bytes are not those that the digest names.
        """
        with translated_errors():
            artifact: bytes | None = await self._transfers.get(ModelKeys(key).artifact(digest))
        if artifact is None:
            raise VersionNotFound(f"{key}: artifact {digest} is not in the registry")
        # in a thread: a large artifact takes a while, in which predictions go on
        if await asyncio.to_thread(digest_of, artifact) != digest:
            raise ArtifactCorrupt(f"{key}: artifact {digest} is damaged in the registry")
        return artifact

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
            allowed=() if allowed is None else tuple(read(Allowed, allowed, keys.allowed).to),
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

    # What a controller writes

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
        keys = ModelKeys(key)
        with translated_errors():
            if targets:
                await self._redis.set(keys.allowed, Allowed(to=list(targets)).to_bytes())
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
        for _ in range(_ATTEMPTS):
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

    # Events

    def events(self) -> AsyncIterator[Event | None]:
        """Yield the hints from now on, and None whenever some may have been missed or time passed.

        Raises:
            RegistryUnavailable: Redis does not answer; the caller starts again.
        """
        return self._hints.follow()

    async def _hint(self, key: ModelKey, kind: EventKind, version: Version | None) -> None:
        await self._hints.send(Event(key, kind, version))


def _script(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text()


def _published(version: Version, body: ManifestBody) -> str:
    origin = f", which is {body.promoted_from}" if body.promoted_from else ""
    return f"published version {version}{origin}"


def _to_run(fields: dict[bytes, bytes], keys: ModelKeys) -> Run:
    return read(Run, fields.get(b"record", b""), keys.runs)


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    """Return a list of keys, each with its value after it, as a dict."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
