"""How runs publish to the registry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from perennial_core.identity import ModelKey, Version, digest_of
from perennial_core.manifest import ManifestBody
from perennial_core.registry.connection import translated_errors
from perennial_core.registry.errors import ArtifactTooLarge, RegistryUnavailable
from perennial_core.registry.keys import ModelKeys
from perennial_core.registry.reading import RUNS_KEPT, Reading, script
from perennial_core.registry.records import Event, EventKind, Publication, Run, RunOutcome
from perennial_core.settings import MEBIBYTE

RUN_MEMORY = timedelta(days=7)
"""For how long a repeated publish of the same run is recognised."""

ATTEMPTS = 20
"""How often a step is tried anew that others came before."""


class Publishing(Reading):
    """Publishes versions, and records runs that publish none.

    Args:
        client: Redis, for short answers.
        transfers: The same, as patient as sending artifacts needs.
        max_artifact_bytes: The most that an artifact may have.
    """

    def __init__(self, client: Any, transfers: Any, max_artifact_bytes: int) -> None:
        super().__init__(client)
        self._transfers = transfers
        self._max_artifact_bytes = max_artifact_bytes
        self._publish_script = script(transfers, "publish.lua")

    async def _close(self) -> None:
        await super()._close()
        await self._transfers.aclose()

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
        for _ in range(ATTEMPTS):
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

    async def _hint(self, key: ModelKey, kind: EventKind, version: Version | None) -> None:
        await self._hints.send(Event(key, kind, version))


def _published(version: Version, body: ManifestBody) -> str:
    origin = f", which is {body.promoted_from}" if body.promoted_from else ""
    return f"published version {version}{origin}"
