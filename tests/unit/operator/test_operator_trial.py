"""Each single step of a trial, as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.resource.rollout import RolloutSpec, Strategy
from perennial_operator.build.deployment import Release
from perennial_operator.decide.trial import (
    LOOK_SECONDS,
    Look,
    Situation,
    Stable,
    TrialPlan,
    plan_trial,
)
from perennial_operator.decide.trial_record import Trial, TrialState
from perennial_operator.decide.trial_steps import Step, steps_of
from perennial_operator.decide.window import Window

NOW, THEN = "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"


def release(number: int) -> Release:
    return Release(Version(number), Digest(f"sha256:{number:064}"))


V1, V2, V3 = release(1), release(2), release(3)


def rollout(strategy: Strategy = Strategy.CANARY, **fields: Any) -> RolloutSpec:
    return RolloutSpec.model_validate({"strategy": strategy, **fields})


CANARY = rollout(
    canary={"steps": [{"weight": 20, "pauseSeconds": 30}, {"weight": 50, "pauseSeconds": 60}]}
)
SHADOW = rollout(Strategy.SHADOW, shadow={"seconds": 30, "maxDifferent": "0.01"})
PROCEED = rollout(canary={"analysis": {"onInconclusive": "Proceed"}})

GOOD, BAD, NONE = Window(requests=100), Window(requests=100, errors=50), Window()


def look(held: float = 0, *, ready: bool = True, unready: float = 0, trial: Window = GOOD) -> Look:
    return Look(ready, unready, held, GOOD, trial)


SITUATION = Situation(
    model=ModelKey("shop", "points"),
    rollout=CANARY,
    replicas=4,
    wish=V2,
    stable=Stable(V1, at_rest=True, new_settings=False),
    approved=True,
    failure=None,
    look=look(),
    blame=True,
    now=NOW,
)
FIRST = Trial(V2, Strategy.CANARY, 1, 2, TrialState.RUNNING, THEN, "step 1 of 2, 1 of 5 pods")
SECOND = replace(FIRST, step=2, message="step 2 of 2, 4 of 8 pods")
PASSED = replace(SECOND, state=TrialState.PASSED, message="it is rolled out")
FAILED = replace(FIRST, state=TrialState.FAILED, message="it failed")
COPIES = "a pod with it gets copies of the requests"
SHADOWED = Trial(V2, Strategy.SHADOW, 1, 1, TrialState.RUNNING, THEN, COPIES)


def plan(trial: Trial | None = FIRST, **changes: Any) -> TrialPlan:
    """Return the plan in a situation that differs so, also in the pods that serve."""
    names = {name for name in changes if hasattr(SITUATION.stable, name)}
    stable = replace(SITUATION.stable, **{name: changes.pop(name) for name in names})
    return plan_trial(replace(SITUATION, stable=stable, **changes), trial)


@pytest.mark.parametrize(
    ("replicas", "weight", "pods"),
    [(1, 1, 1), (1, 50, 1), (2, 10, 1), (9, 10, 1), (10, 10, 2), (4, 20, 1), (8, 50, 8)],
)
def test_a_canary_has_so_many_pods_that_they_are_at_least_its_share(
    replicas: int, weight: int, pods: int
) -> None:
    (step,) = steps_of(rollout(canary={"steps": [{"weight": weight}]}), replicas)

    assert step == Step(pods, 60)
    assert pods / (pods + replicas) >= weight / 100


def test_by_default_a_canary_has_two_steps_and_a_shadow_one_pod() -> None:
    assert steps_of(rollout(), 9) == (Step(1, 60), Step(9, 60))
    assert steps_of(rollout(Strategy.SHADOW), 9) == (Step(1, 60),)


@pytest.mark.parametrize("last", [None, FAILED, replace(PASSED, release=V1), PASSED])
def test_a_newer_version_is_tried_beside_the_one_that_serves(last: Trial | None) -> None:
    wish, incumbent = (V3, V2) if last == PASSED else (V2, V1)

    begun = plan(last, wish=wish, incumbent=incumbent)

    assert begun.release == incumbent
    assert begun.trial == replace(FIRST, release=wish, since=NOW)
    assert begun.pods == 1


@pytest.mark.parametrize(
    ("changes", "serves"),
    [
        ({"incumbent": None}, V2),
        ({"wish": None}, None),
        ({"wish": V1, "incumbent": V2}, V1),
        ({"wish": V1}, V1),
        ({"rollout": rollout(pinnedVersion=2)}, V2),
        ({"rollout": rollout(Strategy.ROLLING_UPDATE)}, V2),
        ({"rollout": rollout(Strategy.HOT_SWAP)}, V2),
        ({"at_rest": False}, V1),
        ({"replicas": 0}, V1),
    ],
    ids=str,
)
def test_no_trial_begins(changes: dict[str, Any], serves: Release | None) -> None:
    assert plan(None, **changes) == TrialPlan(serves, None)


@pytest.mark.parametrize(
    ("seen", "again"),
    [
        (None, LOOK_SECONDS),
        (look(ready=False, unready=299), LOOK_SECONDS),
        (look(1), LOOK_SECONDS),
        (look(28), 2),
        (look(29, trial=NONE), 1),
    ],
    ids=str,
)
def test_a_step_is_held(seen: Look | None, again: float) -> None:
    assert plan(look=seen) == TrialPlan(V1, FIRST, pods=1, look_again=again)


def test_a_step_that_passes_is_followed_by_the_next() -> None:
    found = plan(look=look(30))

    assert found.release == V1
    assert found.pods == 4
    assert found.trial is not None
    assert replace(found.trial, evidence=None) == replace(SECOND, since=NOW)
    assert "0.00% of 100 requests" in (found.trial.evidence or "")


def test_the_last_step_lets_the_version_roll_out_and_nothing_else_at_once() -> None:
    found = plan(SECOND, look=look(60))

    assert found.trial is not None
    assert replace(found.trial, evidence=None) == PASSED
    assert (found.release, found.pods) == (V1, 4)


def test_what_passed_rolls_out_and_its_pods_stay_until_it_has() -> None:
    assert plan(PASSED, at_rest=False, new_settings=True) == TrialPlan(V2, PASSED, pods=4)
    assert plan(PASSED, incumbent=V2) == TrialPlan(V2, PASSED)


def test_a_newer_version_waits_until_the_trial_is_over() -> None:
    assert plan(wish=V3).trial == FIRST
    assert plan(PASSED, wish=V3).release == V2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"look": look(1, trial=BAD)}, "step 1 of 2: 50.00% of 100 requests were refused"),
        ({"look": look(30, trial=BAD)}, "step 1 of 2: 50.00% of 100 requests were refused"),
        ({"look": look(ready=False, unready=300)}, "not all of its pods became ready within 300 s"),
    ],
    ids=str,
)
def test_a_version_fails_its_trial_which_stands_still_until_that_is_recorded(
    changes: dict[str, Any], words: str
) -> None:
    found = plan(**changes)

    assert (found.release, found.trial, found.pods) == (V1, FIRST, 1)
    assert found.failed is not None
    assert (found.failed.release, found.failed.reason) == (V2, "CanaryFailed")
    assert found.failed.message.startswith("version 2 failed its trial in ")
    assert words in found.failed.message


def test_pods_that_are_late_are_not_blamed_while_the_registry_is_away() -> None:
    assert plan(look=look(ready=False, unready=300), blame=False).failed is None


def test_once_the_failure_is_recorded_the_trial_is_over() -> None:
    assert plan(failure="it failed") == TrialPlan(V1, FAILED)


def test_a_version_that_passed_and_does_not_roll_out_ends_its_trial() -> None:
    found = plan(PASSED, failure="it failed", wish=V1)

    assert found == TrialPlan(V1, replace(PASSED, state=TrialState.ENDED, message="it failed"))


@pytest.mark.parametrize(
    ("changes", "serves", "words"),
    [
        ({"approved": False, "wish": V1}, V1, "the registry no longer has the version"),
        ({"rollout": rollout(pinnedVersion=1), "wish": V1}, V1, "version 1 is pinned"),
        ({"rollout": rollout(pinnedVersion=2)}, V2, "version 2 is pinned"),
        ({"rollout": SHADOW}, V1, "spec.rollout.strategy is Shadow now"),
        ({"rollout": rollout(Strategy.HOT_SWAP)}, V2, "spec.rollout.strategy is HotSwap now"),
        ({"replicas": 0}, V1, "spec.serving.replicas is 0"),
        ({"incumbent": None}, V2, "the registry no longer has the version that serves"),
        ({"new_settings": True, "at_rest": False}, V1, "spec.serving changed"),
    ],
    ids=str,
)
def test_a_trial_ends_when_something_else_comes_first(
    changes: dict[str, Any], serves: Release | None, words: str
) -> None:
    found = plan(**changes)

    assert found.release == serves
    assert found.pods == 0
    assert found.trial is not None
    assert found.trial.state is TrialState.ENDED
    assert words in found.trial.message


def test_too_little_traffic_waits_and_says_so_once() -> None:
    first = plan(look=look(30, trial=Window(requests=3)))
    assert first.trial is not None
    later = plan(first.trial, look=look(99, trial=Window(requests=40)))
    enough = plan(first.trial, look=look(120))

    assert first.trial.state is TrialState.WAITING
    assert first.trial.message == (
        "too few requests to the version on trial: 3 of 100; the trial waits. `perennial pin"
        " points --version 2 -n shop` (spec.rollout.pinnedVersion) goes on without, to pin version"
        " 1 stops it"
    )
    assert later == replace(first, look_again=LOOK_SECONDS)
    assert enough.trial is not None
    assert (enough.trial.step, enough.trial.state) == (2, TrialState.RUNNING)


def test_pods_that_never_answer_the_operator_are_told_of_instead() -> None:
    found = plan(look=replace(look(30, trial=NONE), silent=True))

    assert found.trial is not None
    assert found.trial.state is TrialState.WAITING
    assert "the operator gets no answer from the pods on /metrics" in found.trial.message


def test_too_little_traffic_goes_on_where_the_spec_says_so() -> None:
    found = plan(rollout=PROCEED, look=look(60, trial=NONE))

    assert found.trial is not None
    assert (found.trial.step, found.trial.state) == (2, TrialState.RUNNING)
    assert "too few requests" in (found.trial.evidence or "")


def test_too_little_traffic_passes_nothing_that_is_known_to_be_worse() -> None:
    found = plan(rollout=PROCEED, look=look(60, trial=BAD))

    assert found.failed is not None


def test_a_pass_is_given_only_with_all_pods() -> None:
    assert plan(look=look(60, ready=False, unready=3)).trial == FIRST


def test_a_spec_with_fewer_steps_ends_with_its_last() -> None:
    one = rollout(canary={"steps": [{"weight": 50, "pauseSeconds": 10}]})

    found = plan(SECOND, rollout=one, look=look(10))

    assert found.trial is not None
    assert found.trial.state is TrialState.PASSED


@pytest.mark.parametrize(
    ("answers", "state", "fails"),
    [
        ({"same": 100}, TrialState.PASSED, False),
        ({"same": 90, "different": 10}, TrialState.RUNNING, True),
        ({"same": 1}, TrialState.WAITING, False),
    ],
)
def test_a_shadow_is_judged_by_its_answers(
    answers: dict[str, int], state: TrialState, fails: bool
) -> None:
    seen = Look(True, 0, 30, replace(GOOD, shadow=answers), GOOD)

    found = plan(SHADOWED, rollout=SHADOW, look=seen)

    assert (found.release, found.pods) == (V1, 1)
    assert found.trial is not None
    assert found.trial.state is state
    assert (found.failed is not None) == fails
    if found.failed is not None:
        assert found.failed.reason == "ShadowFailed"
        assert found.failed.message.startswith(
            "version 2 failed its trial: of 100 answers 10 differ"
        )


def test_a_shadow_begins_as_one() -> None:
    begun = plan(None, rollout=SHADOW)

    assert begun.trial == replace(SHADOWED, since=NOW)
    assert (begun.release, begun.pods) == (V1, 1)
