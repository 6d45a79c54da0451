"""HotSwap: versions change within the pods under load, and no request fails."""

from __future__ import annotations

from datetime import UTC, datetime

import kubectl
import pytest
from e2e import expectations, models
from e2e.installation import Installation
from e2e.pods import load

from perennial_core.identity import ModelKey, Version, digest_of

SWAPS = 10
DEADLINE_SECONDS = 15
"""Of swaps that fail: several times what a pod takes to load a version."""

HOT = {
    "rollout__strategy": "HotSwap",
    "rollout__progressDeadlineSeconds": DEADLINE_SECONDS,
}


def pods(namespace: str) -> set[str]:
    """Return the uids of the predictors, each with how often its container was started anew."""
    found = kubectl.items("pod", namespace, "app.kubernetes.io/name=perennial-predictor")
    return {
        f"{pod['metadata']['uid']} {pod['status']['containerStatuses'][0]['restartCount']}"
        for pod in found
    }


@pytest.fixture
def hot(namespace: str) -> str:
    """A namespace in which version 1 serves, and versions are swapped."""
    kubectl.apply(models.feed(models.points()), models.model(**HOT), namespace=namespace)
    expectations.serves(namespace, 1)
    return namespace


async def test_ten_swaps_in_a_row_fail_no_request_and_start_no_pod(
    hot: str, perennial: Installation
) -> None:
    before = pods(hot)
    async with perennial.registry() as registry:
        with load(hot, models.NAME, perennial.predictor_image) as seen:
            for version in range(2, SWAPS + 2):
                assert await expectations.publish_again(registry, hot, version - 1) == version
                expectations.serves(hot, version)
                text = f"version {version} is rolled out"
                expectations.has_condition(hot, "RolledOut", "True", text)
    assert seen.failures == []
    assert set(seen.answered) == set(range(1, SWAPS + 2))
    assert pods(hot) == before
    assert len(before) == 2


async def test_a_version_that_does_not_load_goes_back_by_itself_and_the_next_one_serves(
    hot: str, perennial: Installation
) -> None:
    before = pods(hot)
    key, artifact = ModelKey(hot, models.NAME), b"this is no model"
    with load(hot, models.NAME, perennial.predictor_image) as seen:
        async with perennial.registry() as registry:
            good = await registry.manifest(key, Version(1))
            digest, size = digest_of(artifact), len(artifact)
            body = expectations.changed(good, run_id="broken", digest=digest, size=size)
            await registry.publish(key, body, artifact, started=datetime.now(UTC))
            why = "version 2 cannot be served"  # as the pods say
            seen_then = expectations.has_condition(hot, "Degraded", "True", why, 120)
            assert kubectl.condition(seen_then, "Degraded")["reason"] == "RolloutFailed"
            expectations.serves(hot, 1)
            assert await expectations.publish_again(registry, hot, 1) == 3
        expectations.serves(hot, 3)
    assert seen.failures == []
    assert set(seen.answered) == {1, 3}
    assert pods(hot) == before


async def test_the_strategy_changes_back_and_forth_under_load(
    served: str, perennial: Installation
) -> None:
    """And an operator that is killed in the middle changes nothing."""
    with load(served, models.NAME, perennial.predictor_image) as seen:
        async with perennial.registry() as registry:
            kubectl.apply(models.model(**HOT), namespace=served)
            await expectations.publish_again(registry, served, 1)
            expectations.serves(served, 2)
            kubectl.kubectl(
                *("delete", "pod", "-n", perennial.namespace, "--force", "--grace-period=0"),
                *("-l", "app.kubernetes.io/name=perennial-operator"),
            )
            await expectations.publish_again(registry, served, 1)
            expectations.serves(served, 3)
            kubectl.apply(models.model(rollout__strategy="RollingUpdate"), namespace=served)
            await expectations.publish_again(registry, served, 1)
            expectations.serves(served, 4)
    assert seen.failures == []
    assert set(seen.answered) == {1, 2, 3, 4}
