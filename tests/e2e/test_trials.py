"""Canary and Shadow on a real cluster under load: what serves fails no request meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import kubectl
from e2e import expectations, models
from e2e.installation import Installation
from e2e.pods import Load, load

Body = dict[str, Any]

NO_PODS_LEFT = 90
"""Seconds in which the pods of a trial end."""


def canary(*steps: tuple[int, int], **analysis: Any) -> Body:
    """Return a rollout by these steps, of weight and seconds."""
    spec = {
        "steps": [{"weight": weight, "pauseSeconds": seconds} for weight, seconds in steps],
        "analysis": {"minRequests": 30, **analysis},
    }
    return {"strategy": "Canary", "canary": spec, "progressDeadlineSeconds": 60}


def shadow(**fields: Any) -> Body:
    spec = {"seconds": 8, "analysis": {"minRequests": 30, "maxLatencyRatio": "50"}, **fields}
    return {"strategy": "Shadow", "shadow": spec, "progressDeadlineSeconds": 60}


def tried(rollout: Body, **spec: Any) -> Body:
    return models.model(rollout=rollout, serving__replicas=1, **spec)


@contextmanager
def asking(namespace: str, perennial: Installation, path: str = "/?msg=100") -> Iterator[Load]:
    """Keep asking over connections that are made anew, so that every pod gets its share."""
    with load(
        namespace,
        models.NAME,
        perennial.predictor_image,
        connections=4,
        path=path,
        requests_per_connection=5,
    ) as seen:
        yield seen


def serves_first(namespace: str, model: Body, csv: str) -> None:
    kubectl.apply(models.feed(csv), model, namespace=namespace)
    expectations.serves(namespace, 1)


def trial_is(namespace: str, state: str, seconds: float = 180) -> Body:
    """Wait until the trial of version 2 is so, and return what the status says of it."""

    def look() -> Body:
        trial: Body = expectations.model(namespace)["status"]["rollout"].get("trial", {})
        return trial

    return kubectl.until(
        look,
        lambda trial: (trial.get("state"), trial.get("version")) == (state, 2),
        f"the trial of version 2 is {state}",
        seconds,
    )


def told(namespace: str) -> set[str]:
    """Return the reasons of the events on the trial."""
    reasons = {event["reason"] for event in kubectl.items("events", namespace)}
    return {reason for reason in reasons if reason.startswith("Trial")}


def deployments(namespace: str) -> set[str]:
    return {body["metadata"]["name"] for body in kubectl.items("deployment", namespace)}


def trial_is_gone(namespace: str) -> None:
    kubectl.until(
        lambda: deployments(namespace),
        lambda found: found == {models.NAME},
        "the pods of the trial are gone",
        NO_PODS_LEFT,
    )


async def test_a_canary_gets_its_share_passes_all_steps_and_rolls_out(
    perennial: Installation, namespace: str
) -> None:
    model = tried(canary((10, 6), (50, 6), maxLatencyRatio="50"))
    serves_first(namespace, model, models.points())
    with asking(namespace, perennial) as seen:
        async with perennial.registry() as registry:
            await expectations.publish_again(registry, namespace, 1)
        body = expectations.has_condition(namespace, "RolledOut", "False", "Canary: version 2")
        assert expectations.serving(body) == 1, "version 1 is Ready meanwhile"
        body = expectations.serves(namespace, 2)
        trial_is_gone(namespace)
    trial = body["status"]["rollout"]["trial"]
    assert (trial["state"], trial["step"]) == ("Passed", 2)
    assert "0.00% of" in trial["evidence"]
    assert seen.failures == []
    assert set(seen.answered) == {1, 2}
    assert told(namespace) == {"TrialStarted", "TrialStepPassed", "TrialPassed"}


def test_a_canary_with_errors_goes_back_by_itself_and_what_serves_fails_no_request(
    perennial: Installation, namespace: str
) -> None:
    rollout = canary((50, 600))
    serves_first(namespace, tried(rollout, training__data__features=["x"]), models.two_columns())
    with asking(namespace, perennial, "/?x=100") as seen:
        # the new version knows no x: clients that ask by name are refused
        other = tried(rollout, training__data__features=["z"])
        kubectl.apply(other, namespace=namespace)
        trial = trial_is(namespace, "Failed")
        trial_is_gone(namespace)
        body = expectations.serves(namespace, 1)
    assert "requests were refused or failed" in trial["message"]
    assert seen.answered.keys() == {1}
    assert seen.failures
    refused = [failure for failure in seen.failures if " 422 from version 2 " in failure]
    assert seen.failures == refused
    degraded = kubectl.condition(body, "Degraded")
    assert degraded["reason"] == "RolloutFailed"
    assert "version 2 failed its trial" in degraded["message"]
    assert told(namespace) == {"TrialStarted", "TrialFailed"}


def test_a_canary_that_is_slower_goes_back_by_itself_and_no_request_fails(
    perennial: Installation, namespace: str
) -> None:
    rollout = canary((50, 600), maxLatencyRatio="4")
    serves_first(namespace, tried(rollout), models.with_gaps())
    with asking(namespace, perennial) as seen:
        # trees that miss values are served by scikit-learn itself: hundreds take their time
        forest = {
            "class": "sklearn.ensemble.RandomForestRegressor",
            "params": {"n_estimators": 400, "max_depth": 3},
        }
        kubectl.apply(tried(rollout, training__estimator=forest), namespace=namespace)
        trial = trial_is(namespace, "Failed")
        trial_is_gone(namespace)
        expectations.serves(namespace, 1)
    assert "nine of ten took at most" in trial["message"]
    assert "(at most 4 times as long)" in trial["message"]
    assert seen.failures == []
    assert set(seen.answered) == {1, 2}


async def test_a_shadow_that_answers_the_same_rolls_out(
    perennial: Installation, namespace: str
) -> None:
    serves_first(namespace, tried(shadow(maxDifferent="0.01")), models.points())
    with asking(namespace, perennial) as seen:
        async with perennial.registry() as registry:
            await expectations.publish_again(registry, namespace, 1)
        expectations.has_condition(namespace, "RolledOut", "False", "Shadow: version 2")
        assert f"{models.NAME}-shadow" in deployments(namespace)
        body = expectations.serves(namespace, 2)
        trial_is_gone(namespace)
    assert " answers 0 differ" in body["status"]["rollout"]["trial"]["evidence"]
    assert seen.failures == []


def test_a_shadow_that_answers_otherwise_is_given_up_and_nobody_saw_its_answers(
    perennial: Installation, namespace: str
) -> None:
    serves_first(namespace, tried(shadow(maxDifferent="0.01")), models.points())
    with asking(namespace, perennial) as seen:
        kubectl.apply(models.feed(models.points(slope=3.0)), namespace=namespace)
        patch = "perennial.dev/train=now"
        kubectl.kubectl("annotate", "pm", models.NAME, patch, "-n", namespace)
        trial = trial_is(namespace, "Failed")
        trial_is_gone(namespace)
        expectations.serves(namespace, 1)
    assert "differ" in trial["message"]
    assert "(at most 1.00%)" in trial["message"]
    assert seen.failures == []
    assert set(seen.answered) == {1}
