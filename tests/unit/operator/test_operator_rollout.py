"""Each single step of a rollout, as a table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from builders import NOW
from operator_models import MINIMAL, Body, merged, operator_settings, read_model, redis_settings

from perennial_core.identity import Digest, Version
from perennial_operator.build.deployment import (
    Release,
    build_settings_template,
    settings_hash,
    with_release,
)
from perennial_operator.build.metadata import content_hash
from perennial_operator.decide.rollout import (
    Attempt,
    Clock,
    LiveDeployment,
    Phase,
    Progress,
    RolloutMemory,
    RolloutPlan,
    Wish,
)
from perennial_operator.decide.rollout_plan import plan_rollout, without_settings


def release(number: int) -> Release:
    return Release(Version(number), Digest(f"sha256:{number:064}"))


def settings(port: int) -> Body:
    spec = merged(MINIMAL, serving={"port": port})
    return build_settings_template(read_model(spec), operator_settings(), redis_settings())


V1, V2, V3 = release(1), release(2), release(3)
OLD, NEW, NEWER = settings(5001), settings(5002), settings(5003)


def attempt(template: Body, of: Release) -> Attempt:
    return Attempt(with_release(template, of), of)


def live(
    of: Attempt, progress: Progress, *, uniform: bool | None = None, ready: int = 1
) -> LiveDeployment:
    same = progress is Progress.COMPLETE if uniform is None else uniform
    return LiveDeployment(content_hash(of.template), progress, same, replicas=1, ready=ready)


def planned(
    wish: Wish, memory: RolloutMemory, live: LiveDeployment | None, *, blame: bool, lost: bool
) -> RolloutPlan:
    clock = Clock(NOW, timedelta(seconds=60))
    return plan_rollout(wish, memory, live, clock=clock, named=None, blame=blame, lost=lost)


FIRST = attempt(OLD, V1)
PROVEN = RolloutMemory(FIRST)
SETTINGS_FAILED = RolloutMemory(FIRST, settings_hash(NEW), "they failed")


@dataclass(frozen=True)
class Case:
    wish: Wish
    memory: RolloutMemory
    live: LiveDeployment | None
    phase: Phase
    attempt: Attempt | None
    remembers: RolloutMemory
    failed: Release | None = None
    blame: bool = True
    lost: bool = False
    id: str = field(default="", kw_only=True)


CASES = [
    Case(
        Wish(None, OLD),
        RolloutMemory(),
        None,
        Phase.NOTHING_TO_SERVE,
        None,
        RolloutMemory(),
        id="nothing is published",
    ),
    Case(
        Wish(V1, OLD),
        RolloutMemory(),
        None,
        Phase.ROLLING_OUT,
        FIRST,
        RolloutMemory(),
        id="the first version rolls out with the settings",
    ),
    Case(
        Wish(V1, OLD),
        RolloutMemory(),
        live(FIRST, Progress.PROGRESSING),
        Phase.ROLLING_OUT,
        FIRST,
        RolloutMemory(),
        id="it goes on until it is complete",
    ),
    Case(
        Wish(V2, OLD),
        PROVEN,
        live(attempt(OLD, V2), Progress.UNOBSERVED, uniform=True),
        Phase.UNOBSERVED,
        attempt(OLD, V2),
        PROVEN,
        id="nothing is concluded from a status of the time before",
    ),
    Case(
        Wish(V1, OLD),
        RolloutMemory(),
        live(FIRST, Progress.COMPLETE),
        Phase.ROLLED_OUT,
        FIRST,
        PROVEN,
        id="a complete rollout is remembered as proven",
    ),
    Case(
        Wish(V1, OLD),
        RolloutMemory(),
        live(FIRST, Progress.FAILED),
        Phase.STUCK,
        FIRST,
        RolloutMemory(),
        id="the first version has nothing to go back to",
    ),
    Case(
        Wish(V2, OLD),
        RolloutMemory(),
        live(FIRST, Progress.FAILED),
        Phase.ROLLING_OUT,
        attempt(OLD, V2),
        RolloutMemory(),
        id="a newer version follows a first one that is stuck",
    ),
    Case(
        Wish(V2, OLD),
        PROVEN,
        live(FIRST, Progress.COMPLETE),
        Phase.ROLLING_OUT,
        attempt(OLD, V2),
        PROVEN,
        id="a new version rolls out with the proven settings",
    ),
    Case(
        Wish(V2, OLD),
        PROVEN,
        live(attempt(OLD, V2), Progress.FAILED),
        Phase.ROLLING_OUT,
        attempt(OLD, V2),
        PROVEN,
        failed=V2,
        id="a version that fails is recorded before anything goes back",
    ),
    Case(
        Wish(V2, OLD),
        PROVEN,
        live(attempt(OLD, V2), Progress.FAILED),
        Phase.ROLLING_OUT,
        attempt(OLD, V2),
        PROVEN,
        blame=False,
        id="a version is not to blame while the registry is away",
    ),
    Case(
        Wish(V1, OLD),
        PROVEN,
        live(attempt(OLD, V2), Progress.FAILED),
        Phase.ROLLING_OUT,
        FIRST,
        PROVEN,
        id="once the failure is recorded the Deployment goes back",
    ),
    Case(
        Wish(V1, NEW),
        PROVEN,
        live(FIRST, Progress.COMPLETE),
        Phase.ROLLING_OUT,
        attempt(NEW, V1),
        PROVEN,
        id="new settings roll out with the version that serves",
    ),
    Case(
        Wish(V2, NEW),
        PROVEN,
        live(FIRST, Progress.COMPLETE),
        Phase.ROLLING_OUT,
        attempt(NEW, V1),
        PROVEN,
        id="where both are new the settings go first",
    ),
    Case(
        Wish(V2, NEW),
        PROVEN,
        live(attempt(NEW, V1), Progress.COMPLETE),
        Phase.ROLLING_OUT,
        attempt(NEW, V1),
        RolloutMemory(attempt(NEW, V1)),
        id="settings that work are remembered before the version follows",
    ),
    Case(
        Wish(V2, NEW),
        RolloutMemory(attempt(NEW, V1)),
        live(attempt(NEW, V1), Progress.COMPLETE),
        Phase.ROLLING_OUT,
        attempt(NEW, V2),
        RolloutMemory(attempt(NEW, V1)),
        id="then the version follows",
    ),
    Case(
        Wish(V2, NEW),
        SETTINGS_FAILED,
        live(attempt(NEW, V1), Progress.FAILED),
        Phase.ROLLING_OUT,
        attempt(OLD, V2),
        SETTINGS_FAILED,
        id="versions go on with the proven settings after new ones failed",
    ),
    Case(
        Wish(V1, NEWER),
        SETTINGS_FAILED,
        live(FIRST, Progress.COMPLETE),
        Phase.ROLLING_OUT,
        attempt(NEWER, V1),
        PROVEN,
        id="other settings are tried, and the failure of the ones before forgotten",
    ),
    Case(
        Wish(V1, OLD),
        SETTINGS_FAILED,
        live(FIRST, Progress.COMPLETE),
        Phase.ROLLED_OUT,
        FIRST,
        PROVEN,
        id="going back in the spec forgets the failure",
    ),
    Case(
        Wish(V1, OLD),
        PROVEN,
        live(FIRST, Progress.SCALED_TO_ZERO),
        Phase.SCALED_TO_ZERO,
        FIRST,
        PROVEN,
        id="without pods nothing is proven",
    ),
    Case(
        Wish(V1, OLD),
        RolloutMemory(),
        live(FIRST, Progress.SCALED_TO_ZERO),
        Phase.SCALED_TO_ZERO,
        FIRST,
        RolloutMemory(),
        id="without pods a first version is not proven",
    ),
    Case(
        Wish(V2, OLD),
        PROVEN,
        live(attempt(OLD, V2), Progress.SCALED_TO_ZERO),
        Phase.SCALED_TO_ZERO,
        attempt(OLD, V2),
        PROVEN,
        id="without pods a new version is not proven",
    ),
    Case(
        Wish(V1, OLD),
        PROVEN,
        live(FIRST, Progress.PROGRESSING, uniform=True),
        Phase.ROLLED_OUT,
        FIRST,
        PROVEN,
        id="a proven template of which a pod is missing is not a rollout",
    ),
    Case(
        Wish(V1, OLD),
        PROVEN,
        live(FIRST, Progress.FAILED, uniform=True),
        Phase.ROLLED_OUT,
        FIRST,
        PROVEN,
        id="what is proven cannot fail for missing pods",
    ),
    Case(
        Wish(V1, OLD),
        PROVEN,
        live(FIRST, Progress.FAILED, uniform=False),
        Phase.STUCK,
        FIRST,
        PROVEN,
        id="a way back that does not finish is stuck",
    ),
    Case(
        Wish(None, OLD),
        PROVEN,
        live(FIRST, Progress.COMPLETE),
        Phase.ROLLED_OUT,
        FIRST,
        PROVEN,
        id="what serves goes on when the registry names nothing",
    ),
    Case(
        Wish(None, OLD),
        PROVEN,
        None,
        Phase.ROLLING_OUT,
        FIRST,
        PROVEN,
        id="a deleted Deployment comes back as it was",
    ),
    Case(
        Wish(None, NEW),
        PROVEN,
        live(FIRST, Progress.COMPLETE),
        Phase.ROLLED_OUT,
        FIRST,
        PROVEN,
        lost=True,
        id="new settings wait while no new pod could load the version",
    ),
    Case(
        Wish(V2, NEW),
        PROVEN,
        live(FIRST, Progress.COMPLETE),
        Phase.ROLLING_OUT,
        attempt(OLD, V2),
        PROVEN,
        lost=True,
        id="the version goes first when the one that serves is lost",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_next_step_of_a_rollout(case: Case) -> None:
    plan = planned(case.wish, case.memory, case.live, blame=case.blame, lost=case.lost)

    assert plan == RolloutPlan(
        case.phase, case.remembers, case.attempt, case.failed, forgiven=not case.blame
    )


def test_settings_that_fail_are_remembered_before_anything_goes_back() -> None:
    rolling = attempt(NEW, V1)

    plan = planned(Wish(V2, NEW), PROVEN, live(rolling, Progress.FAILED), blame=True, lost=False)

    assert (plan.phase, plan.attempt, plan.failed_release) == (Phase.ROLLING_OUT, rolling, None)
    assert plan.memory.failed_settings == settings_hash(NEW)
    assert plan.memory.proven == FIRST
    assert plan.memory.failure is not None
    assert plan.memory.failure.startswith("spec.serving: ")


def test_settings_that_the_api_server_refuses_are_not_tried_again() -> None:
    plan = RolloutPlan(Phase.ROLLING_OUT, PROVEN, attempt(NEW, V1))

    memory = without_settings(plan, "the API server refuses: cpu").memory

    assert memory.failed_settings == settings_hash(NEW)
    following = planned(
        Wish(V2, NEW), memory, live(FIRST, Progress.COMPLETE), blame=True, lost=False
    )
    assert following.attempt == attempt(OLD, V2)


@pytest.mark.parametrize(
    "plan",
    [
        RolloutPlan(Phase.ROLLING_OUT, RolloutMemory(), attempt(NEW, V1)),
        RolloutPlan(Phase.ROLLING_OUT, PROVEN, attempt(OLD, V2)),
        RolloutPlan(Phase.NOTHING_TO_SERVE, RolloutMemory()),
    ],
    ids=["nothing is proven", "the settings are the proven ones", "nothing is rolled out"],
)
def test_a_refusal_that_the_settings_did_not_cause_is_not_remembered(plan: RolloutPlan) -> None:
    assert without_settings(plan, "the API server refuses") == plan


def test_a_release_of_the_same_number_and_other_content_rolls_out() -> None:
    """A registry that lost its data counts anew."""
    other = replace(V1, digest=Digest("sha256:" + "f" * 64))

    plan = planned(Wish(other, OLD), PROVEN, live(FIRST, Progress.COMPLETE), blame=True, lost=True)

    assert plan.attempt == attempt(OLD, other)
