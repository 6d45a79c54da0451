"""Redis goes away and comes back: nothing is torn down, and all is caught up."""

from __future__ import annotations

import kubectl
from e2e import expectations, models
from e2e.installation import RELEASE, Installation
from e2e.pods import load


def kill_redis(perennial: Installation) -> None:
    kubectl.kubectl(
        *("delete", "pod", f"{RELEASE}-redis-0", "-n", perennial.namespace),
        *("--force", "--grace-period=0"),
    )


def scale_redis(perennial: Installation, replicas: int) -> None:
    kubectl.kubectl(
        *("scale", "statefulset", f"{RELEASE}-redis", "-n", perennial.namespace),
        f"--replicas={replicas}",
    )


def test_predictions_go_on_while_redis_is_away(served: str, perennial: Installation) -> None:
    with load(served, models.NAME, perennial.predictor_image) as seen:
        scale_redis(perennial, 0)
        try:
            body = expectations.has_condition(served, "Degraded", "True", "RegistryUnavailable")
            assert expectations.serving(body) == 1
            kubectl.apply(models.feed(models.points(slope=4.0)), namespace=served)
            kubectl.kubectl("annotate", "pm", models.NAME, "perennial.dev/train=a", "-n", served)
        finally:
            scale_redis(perennial, 1)
        # Asked for while Redis was away; trained and rolled out once it is back.
        expectations.serves(served, 2, seconds=240)
        expectations.has_condition(served, "Degraded", "False", "AsExpected")
    assert seen.failures == []


def test_a_run_whose_redis_is_killed_ends_well(served: str, perennial: Installation) -> None:
    kubectl.apply(models.feed(models.points(slope=4.0)), namespace=served)
    kubectl.kubectl("annotate", "pm", models.NAME, "perennial.dev/train=b", "-n", served)
    kubectl.until(
        lambda: kubectl.items("jobs", served),
        lambda jobs: any(job["status"].get("active") for job in jobs),
        "a run is under way",
    )
    kill_redis(perennial)
    body = expectations.serves(served, 2, seconds=240)
    assert body["status"]["training"]["outcome"] == "Published"
