"""Versions come and go under load, and no request fails."""

from __future__ import annotations

from datetime import UTC, datetime

import kubectl
from e2e import expectations, models
from e2e.installation import Installation
from e2e.pods import load

from perennial_core.identity import ModelKey, Version, digest_of

ROLLOUTS = 20
DEADLINE_SECONDS = 30
"""Of rollouts that fail: several times what a pod takes to become ready here."""


async def test_twenty_rollouts_in_a_row_fail_no_request(
    served: str, perennial: Installation
) -> None:
    async with perennial.registry() as registry:
        with load(served, models.NAME, perennial.predictor_image, seconds=800) as seen:
            for version in range(2, ROLLOUTS + 2):
                published = await expectations.publish_again(registry, served, version - 1)
                assert published == version
                expectations.serves(served, version)
    assert seen.failures == []
    assert set(seen.answered) == set(range(1, ROLLOUTS + 2))


async def test_a_version_that_cannot_start_goes_back_by_itself(
    served: str, perennial: Installation
) -> None:
    kubectl.apply(models.model(rollout__progressDeadlineSeconds=DEADLINE_SECONDS), namespace=served)
    key, artifact = ModelKey(served, models.NAME), b"this is no model"
    with load(served, models.NAME, perennial.predictor_image) as seen:
        async with perennial.registry() as registry:
            good = await registry.manifest(key, Version(1))
            digest, size = digest_of(artifact), len(artifact)
            body = expectations.changed(good, run_id="broken", digest=digest, size=size)
            await registry.publish(key, body, artifact, started=datetime.now(UTC))
        why = "version 2 cannot be served"  # as the pod says
        body_seen = expectations.has_condition(served, "Degraded", "True", why, 120)
        assert kubectl.condition(body_seen, "Degraded")["reason"] == "RolloutFailed"
        expectations.serves(served, 1)
        # A newer version is tried; the failed one is not tried again.
        async with perennial.registry() as registry:
            assert await expectations.publish_again(registry, served, 1) == 3
        expectations.serves(served, 3)
    assert seen.failures == []
    assert set(seen.answered) == {1, 3}


async def test_settings_that_cannot_start_go_back_too(served: str, perennial: Installation) -> None:
    kubectl.apply(models.model(rollout__progressDeadlineSeconds=DEADLINE_SECONDS), namespace=served)
    nowhere = {"nodeSelector": {"no-such-label": "here"}}
    with load(served, models.NAME, perennial.predictor_image) as seen:
        kubectl.apply(
            models.model(
                rollout__progressDeadlineSeconds=DEADLINE_SECONDS, serving__podTemplate=nowhere
            ),
            namespace=served,
        )
        expectations.has_condition(served, "RolledOut", "False", "SettingsFailed", 120)
        expectations.serves(served, 1)
    assert seen.failures == []


async def test_a_pinned_version_holds_until_it_is_unpinned(
    served: str, perennial: Installation
) -> None:
    async with perennial.registry() as registry:
        await expectations.publish_again(registry, served, 1)
        expectations.serves(served, 2)
        kubectl.apply(models.model(rollout__pinnedVersion=1), namespace=served)
        expectations.serves(served, 1)
        await expectations.publish_again(registry, served, 1)
        body = kubectl.until(
            lambda: expectations.model(served),
            lambda body: body["status"]["latest"]["version"] == 3,
            "version 3 is known",
        )
        assert body["status"]["serving"]["version"] == 1
    kubectl.kubectl(
        *("patch", "pm", models.NAME, "-n", served, "--type=json"),
        *("-p", '[{"op": "remove", "path": "/spec/rollout/pinnedVersion"}]'),
    )
    expectations.serves(served, 3)


async def test_an_operator_killed_in_the_middle_of_a_rollout_changes_nothing(
    served: str, perennial: Installation
) -> None:
    with load(served, models.NAME, perennial.predictor_image) as seen:
        async with perennial.registry() as registry:
            await expectations.publish_again(registry, served, 1)
        expectations.has_condition(served, "RolledOut", "False", "RollingOut", 60)
        kubectl.kubectl(
            *("delete", "pod", "-n", perennial.namespace, "--force", "--grace-period=0"),
            *("-l", "app.kubernetes.io/name=perennial-operator"),
        )
        expectations.serves(served, 2)
    assert seen.failures == []
