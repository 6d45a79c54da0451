"""What the registry promises, on every redis-server at hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import redis
from builders import NOW, manifest_body
from registry_audit import registry_faults, registry_keys
from serving import APPROVAL, DENIAL, approve_and_serve

from perennial_core.identity import ArtifactHash, Digest, ModelKey, Version, digest_of
from perennial_core.registry import (
    ArtifactCorrupt,
    ArtifactTooLarge,
    Decision,
    Failure,
    NotApproved,
    Publication,
    Registry,
    RegistryRefused,
    Run,
    RunOutcome,
    Serving,
    VersionNotFound,
    reading,
)
from perennial_core.registry.keys import ModelKeys
from perennial_core.resource.promotion import PromotionTarget
from perennial_core.settings import RegistrySettings


@pytest.fixture
async def key(request: pytest.FixtureRequest, registry: Registry) -> ModelKey:
    """A model of the test's own, of which the registry knows nothing."""
    name = request.function.__name__.replace("_", "-").removeprefix("test-")
    key = ModelKey("tests", name)
    await registry.purge(key)
    return key


async def publish(
    registry: Registry, key: ModelKey, *artifacts: bytes, run: str = "run"
) -> list[Publication]:
    """Publish each artifact by a run of its own."""
    return [
        await registry.publish(
            key, manifest_body(key, artifact, f"{run}-{number}"), artifact, started=NOW
        )
        for number, artifact in enumerate(artifacts, 1)
    ]


def failure(message: str = "no pod became ready", generation: int = 3) -> Failure:
    return Failure(reason="Deadline", message=message, at=NOW, generation=generation)


async def test_a_published_version_is_read_back_whole(registry: Registry, key: ModelKey) -> None:
    body = manifest_body(key, b"artifact")
    publication = await registry.publish(key, body, b"artifact", started=NOW)
    assert publication == Publication(version=Version(1), repeated=False)
    assert await registry.latest(key) == 1
    assert await registry.manifest(key, Version(1)) == body.numbered(Version(1))
    assert await registry.artifact(key, body.digest) == b"artifact"


async def test_nothing_is_known_of_a_model_that_never_published(
    registry: Registry, key: ModelKey
) -> None:
    snapshot = await registry.snapshot(key)
    assert (snapshot.latest, snapshot.versions, snapshot.serving) == (None, (), None)
    assert (snapshot.failures, snapshot.last_run, await registry.runs(key)) == ({}, None, [])
    assert await registry.manifests(key, []) == {}
    with pytest.raises(VersionNotFound, match="version 1 is not in the registry"):
        await registry.manifest(key, Version(1))
    with pytest.raises(VersionNotFound, match="sha256:0 is not in the registry"):
        await registry.artifact(key, Digest("sha256:0"))


async def test_a_run_that_publishes_again_gets_the_same_version_and_writes_nothing(
    registry: Registry, key: ModelKey, client: Any
) -> None:
    await publish(registry, key, b"first")
    keys = await registry_keys(client, key)
    other = manifest_body(key, b"other", "run-1")
    publication = await registry.publish(key, other, b"other", started=NOW)
    assert publication == Publication(version=Version(1), repeated=True)
    assert await registry_keys(client, key) == keys
    assert len(await registry.runs(key)) == 1


async def test_a_publish_is_recognised_for_a_week(
    registry: Registry, key: ModelKey, client: Any
) -> None:
    await publish(registry, key, b"first")
    seconds = await client.ttl(ModelKeys(key).run("run-1"))
    assert timedelta(days=6) < timedelta(seconds=seconds) <= timedelta(days=7)


async def test_versions_with_the_same_content_share_one_artifact(
    registry: Registry, key: ModelKey, client: Any
) -> None:
    await publish(registry, key, b"same", b"same")
    names = [name for name in await registry_keys(client, key) if name.startswith("artifact:")]
    assert names == [f"artifact:{digest_of(b'same')}"]
    manifests = await registry.manifests(key, [Version(1), Version(2), Version(3)])
    assert [manifest.version for manifest in manifests.values()] == [1, 2]


async def test_models_do_not_see_each_other(registry: Registry, key: ModelKey) -> None:
    other = ModelKey("tests", f"{key.name}-other")
    await registry.purge(other)
    await publish(registry, key, b"a", b"b")
    await publish(registry, other, b"a")
    await registry.purge(key)
    assert (await registry.snapshot(other)).versions == (1,)
    assert await registry.artifact(other, digest_of(b"a")) == b"a"


async def test_a_damaged_artifact_is_never_returned(
    registry: Registry, key: ModelKey, client: Any
) -> None:
    await publish(registry, key, b"artifact")
    await client.setrange(ModelKeys(key).artifact(digest_of(b"artifact")), 3, b"X")
    with pytest.raises(ArtifactCorrupt, match=r"tests/.* artifact sha256:.* is damaged"):
        await registry.artifact(key, digest_of(b"artifact"))


@pytest.mark.parametrize("size", [1, 7, 8, 9, 16, 20])
async def test_an_artifact_of_any_number_of_pieces_is_read_whole(
    registry: Registry, key: ModelKey, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(reading, "PIECE_BYTES", 8)
    artifact = bytes(range(size))
    await publish(registry, key, artifact)
    assert await registry.artifact(key, digest_of(artifact)) == artifact


async def test_a_large_artifact_is_read_in_pieces(
    registry: Registry, key: ModelKey, client: Any
) -> None:
    async def reads() -> int:
        commands = await client.info("commandstats")
        return int(commands.get("cmdstat_getrange", {"calls": 0})["calls"])

    artifact = bytes(2**21)
    await publish(registry, key, artifact)
    before = await reads()
    assert await registry.artifact(key, digest_of(artifact)) == artifact
    assert await reads() - before > 4


async def test_an_artifact_that_is_not_there_is_not_found_even_if_it_were_empty(
    registry: Registry, key: ModelKey
) -> None:
    with pytest.raises(VersionNotFound, match="is not in the registry"):
        await registry.artifact(key, digest_of(b""))


async def test_an_artifact_that_goes_while_it_is_read_is_not_called_damaged(
    registry: Registry,
    registry_settings: RegistrySettings,
    key: ModelKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Late(ArtifactHash):
        """Comes to a piece when the artifact has been removed."""

        def update(self, piece: bytes) -> None:
            super().update(piece)
            with redis.Redis.from_url(registry_settings.url.get_secret_value()) as other:
                other.delete(ModelKeys(key).artifact(digest_of(b"artifact")))

    await publish(registry, key, b"artifact")
    monkeypatch.setattr(reading, "PIECE_BYTES", 3)
    monkeypatch.setattr(reading, "ArtifactHash", Late)
    with pytest.raises(VersionNotFound, match="is not in the registry"):
        await registry.artifact(key, digest_of(b"artifact"))


async def test_an_artifact_over_the_limit_is_refused_and_nothing_is_written(
    registry_settings: RegistrySettings, key: ModelKey, client: Any
) -> None:
    url = registry_settings.url
    async with Registry.from_settings(
        RegistrySettings.of({"url": url, "max_artifact_bytes": 8})
    ) as small:
        assert await publish(small, key, b"12345678") == [Publication(Version(1), False)]
        before = await registry_keys(client, key)
        with pytest.raises(ArtifactTooLarge, match="PERENNIAL_REDIS_MAX_ARTIFACT_BYTES"):
            await publish(small, key, b"123456789", run="large")
    assert await registry_keys(client, key) == before


@pytest.mark.parametrize(
    "change", [{"digest": digest_of(b"other")}, {"size": 4}, {"model": "tests/other"}]
)
async def test_a_manifest_that_does_not_describe_the_artifact_is_not_published(
    registry: Registry, key: ModelKey, client: Any, change: dict[str, Any]
) -> None:
    body = manifest_body(key, b"artifact").changed(**change)
    with pytest.raises(ValueError, match="describes another model or artifact"):
        await registry.publish(key, body, b"artifact", started=NOW)
    assert await registry_keys(client, key) == set()


async def test_runs_are_read_back_newest_first(registry: Registry, key: ModelKey) -> None:
    failed = Run(
        run_id="failed",
        outcome=RunOutcome.FAILED,
        started=NOW,
        ended=NOW + timedelta(seconds=1.5),
        message="spec.training.data.target: no column 'ÿ'",
        retryable=True,
    )
    skipped = Run(
        run_id="skipped",
        outcome=RunOutcome.SKIPPED,
        started=NOW,
        ended=NOW,
        message="unchanged",
        version=Version(1),
        training_spec_hash="h",
        data_fingerprint="f",
    )
    await registry.record_run(key, failed)
    await publish(registry, key, b"artifact")
    await registry.record_run(key, skipped)
    runs = await registry.runs(key)
    assert runs == [skipped, runs[1], failed]
    assert (runs[1].outcome, runs[1].version) == (RunOutcome.PUBLISHED, 1)
    assert (runs[1].training_spec_hash, runs[1].data_fingerprint) == ("h", "f")
    assert await registry.runs(key, count=1) == [skipped]
    assert (await registry.snapshot(key)).last_run == skipped


async def test_what_serves_and_what_failed_is_read_back(registry: Registry, key: ModelKey) -> None:
    await publish(registry, key, b"a", b"b")
    serving = Serving(version=Version(1), digest=digest_of(b"a"))
    await approve_and_serve(registry, key, 1, digest_of(b"a"))
    await registry.record_failure(key, Version(2), failure("ÿ: first"))
    await registry.record_failure(key, Version(2), failure("ÿ: second"))
    snapshot = await registry.snapshot(key)
    assert await registry.serving(key) == snapshot.serving == serving
    assert snapshot.failures == {2: failure("ÿ: second")}
    assert (snapshot.latest, snapshot.versions) == (2, (1, 2))


async def test_a_decision_is_written_once(registry: Registry, key: ModelKey) -> None:
    await publish(registry, key, b"a", b"b")
    assert await registry.decide(key, Version(1), APPROVAL) == APPROVAL
    assert await registry.decide(key, Version(1), DENIAL) == APPROVAL
    assert await registry.decide(key, Version(2), DENIAL) == DENIAL
    decisions = (await registry.snapshot(key)).decisions
    assert decisions == {1: APPROVAL, 2: DENIAL}


async def test_of_decisions_at_once_one_stands(registry: Registry, key: ModelKey) -> None:
    await publish(registry, key, b"a")
    decisions = [APPROVAL, DENIAL] * 10
    told = await asyncio.gather(*(registry.decide(key, Version(1), it) for it in decisions))
    assert set(told) == {(await registry.snapshot(key)).decisions[Version(1)]}


async def test_a_version_that_is_not_there_cannot_be_decided_on(
    registry: Registry, key: ModelKey
) -> None:
    await publish(registry, key, b"1", b"2")
    await registry.retain(key, limit=1, protected=[])
    for version in (1, 3):
        with pytest.raises(VersionNotFound, match=f"version {version} is not in the registry"):
            await registry.decide(key, Version(version), APPROVAL)
    assert (await registry.snapshot(key)).decisions == {}


@pytest.mark.parametrize("decision", [None, DENIAL])
async def test_only_an_approved_version_serves(
    registry: Registry, key: ModelKey, decision: Decision | None
) -> None:
    await publish(registry, key, b"a", b"b")
    await approve_and_serve(registry, key, 1, digest_of(b"a"))
    if decision is not None:
        await registry.decide(key, Version(2), decision)
    with pytest.raises(NotApproved, match="version 2 is not approved"):
        await registry.set_serving(key, Serving(version=Version(2), digest=digest_of(b"b")))
    serving = await registry.serving(key)
    assert serving is not None
    assert serving.version == 1


async def test_retention_forgets_the_decisions_on_versions_that_are_gone(
    registry: Registry, key: ModelKey
) -> None:
    await publish(registry, key, b"1", b"2", b"3")
    for version in (1, 2, 3):
        await registry.decide(key, Version(version), APPROVAL)
    await registry.retain(key, limit=1, protected=[])
    assert set((await registry.snapshot(key)).decisions) == {3}


async def test_retention_keeps_the_newest_the_serving_and_the_protected(
    registry: Registry, key: ModelKey, client: Any
) -> None:
    await publish(registry, key, b"1", b"2", b"3", b"4", b"5", b"6", b"7")
    await approve_and_serve(registry, key, 2, digest_of(b"2"))
    removed = await registry.retain(key, limit=2, protected=[Version(4), Version(99)])
    assert removed == [1, 3, 5]
    assert (await registry.snapshot(key)).versions == (2, 4, 6, 7)
    assert await registry_faults(client, key) == []
    assert await registry.retain(key, limit=2, protected=[Version(4)]) == []


async def test_retention_keeps_an_artifact_that_another_version_shares(
    registry: Registry, key: ModelKey
) -> None:
    await publish(registry, key, b"shared", b"lonely", b"shared")
    assert await registry.retain(key, limit=1, protected=[]) == [1, 2]
    assert await registry.artifact(key, digest_of(b"shared")) == b"shared"
    with pytest.raises(VersionNotFound):
        await registry.artifact(key, digest_of(b"lonely"))


async def test_a_version_number_is_not_used_again_after_its_version_went(
    registry: Registry, key: ModelKey
) -> None:
    await publish(registry, key, b"1", b"2", b"3")
    await registry.retain(key, limit=1, protected=[])
    assert await publish(registry, key, b"1", run="again") == [Publication(Version(4), False)]


async def test_retention_forgets_the_failures_of_versions_that_are_gone(
    registry: Registry, key: ModelKey
) -> None:
    await publish(registry, key, b"1", b"2", b"3")
    await registry.retain(key, limit=2, protected=[])
    for version in (1, 2, 3):  # that of version 1 comes after the version had gone
        await registry.record_failure(key, Version(version), failure())
    await registry.retain(key, limit=1, protected=[])
    assert set((await registry.snapshot(key)).failures) == {3}


async def test_who_may_take_versions_over_is_written_and_withdrawn(
    registry: Registry, key: ModelKey
) -> None:
    targets = (
        PromotionTarget(namespace="production"),
        PromotionTarget(namespace="trial", name="points"),
    )
    assert (await registry.snapshot(key)).allowed == ()
    await registry.allow(key, targets)
    assert (await registry.snapshot(key)).allowed == targets
    await registry.allow(key, [])
    assert (await registry.snapshot(key)).allowed == ()


async def test_a_permission_of_a_newer_release_is_refused_not_widened(
    registry: Registry, key: ModelKey, client: Any
) -> None:
    await client.set(ModelKeys(key).allowed, b'{"to": [{"namespace": "a", "only": "b"}]}')
    with pytest.raises(RegistryRefused, match=r"allowed: written by another release"):
        await registry.snapshot(key)


async def test_a_purge_leaves_no_key(registry: Registry, key: ModelKey, client: Any) -> None:
    await publish(registry, key, *(b"%d" % number for number in range(20)))
    await approve_and_serve(registry, key, 1, digest_of(b"0"))
    await registry.record_failure(key, Version(2), failure())
    await registry.allow(key, [PromotionTarget(namespace="production")])
    await registry.retain(key, limit=3, protected=[])
    await registry.purge(key)
    assert await registry_keys(client, key) == set()
    await registry.purge(key)
    assert await publish(registry, key, b"anew") == [Publication(Version(1), False)]


async def test_a_record_of_another_release_is_reported_with_its_key(
    registry: Registry, key: ModelKey, client: Any
) -> None:
    keys, strange = ModelKeys(key), b'{"schemaVersion": 2}'
    await client.set(keys.manifest(Version(1)), strange)
    with pytest.raises(RegistryRefused, match=r"^Redis key perennial:.*:manifest:1: .*release"):
        await registry.manifest(key, Version(1))
    await client.xadd(keys.runs, {"other": strange})
    with pytest.raises(RegistryRefused, match=r"^Redis key perennial:.*:runs: .*release"):
        await registry.runs(key)
    await client.hset(keys.failures, "1", strange)
    with pytest.raises(RegistryRefused, match=r"^Redis key perennial:.*:failures: .*release"):
        await registry.snapshot(key)
    await client.set(keys.serving, strange)
    with pytest.raises(RegistryRefused, match=r"^Redis key perennial:.*:serving: .*release"):
        await registry.snapshot(key)
