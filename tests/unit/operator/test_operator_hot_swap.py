"""Each single step of a rollout to pods that follow the registry, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from builders import NOW
from operator_models import MINIMAL, Body, merged, operator_settings, read_model, redis_settings

from perennial_core.identity import Digest, Version
from perennial_operator.build.deployment import (
    Release,
    build_settings_template,
    follows,
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
    Wish,
)
from perennial_operator.decide.rollout_plan import plan_rollout
from perennial_operator.decide.swap import Swap

DEADLINE = timedelta(seconds=60)


def release(number: int) -> Release:
    return Release(Version(number), Digest(f"sha256:{number:064}"))


def settings(port: int, strategy: str = "HotSwap") -> Body:
    spec = merged(MINIMAL, serving={"port": port}, rollout={"strategy": strategy})
    return build_settings_template(read_model(spec), operator_settings(), redis_settings())


V1, V2, V3 = release(1), release(2), release(3)
OLD, NEW = settings(5001), settings(5002)
ROLLING = settings(5001, "RollingUpdate")


def attempt(template: Body, of: Release) -> Attempt:
    return Attempt(with_release(template, of), of)


def swap(to: Release, seconds: int = 1) -> Swap:
    """Return a swap that began so long ago."""
    return Swap(to, NOW - timedelta(seconds=seconds))


def live(
    template: Body,
    *answers: Release | None,
    progress: Progress = Progress.COMPLETE,
    uniform: bool = True,
) -> LiveDeployment:
    count = len(answers)
    return LiveDeployment(
        content_hash(template), progress, uniform, replicas=count, ready=count, answers=answers
    )


FIRST, SECOND = attempt(OLD, V1), attempt(OLD, V2)
TOLD = attempt(ROLLING, V1)
PROVEN = RolloutMemory(FIRST)
SWAPPING = RolloutMemory(FIRST, swap=swap(V2))
LATE = RolloutMemory(FIRST, swap=swap(V2, 60))


@dataclass(frozen=True)
class Case:
    wish: Wish
    memory: RolloutMemory
    live: LiveDeployment | None
    named: Release | None
    phase: Phase
    attempt: Attempt
    remembers: RolloutMemory
    failed: Release | None = None
    blame: bool = True
    lost: bool = False
    id: str = field(default="", kw_only=True)


CASES = [
    Case(
        Wish(V1, OLD),
        RolloutMemory(),
        None,
        None,
        Phase.ROLLING_OUT,
        FIRST,
        RolloutMemory(),
        id="the first version rolls out with the settings",
    ),
    Case(
        Wish(V1, OLD),
        RolloutMemory(),
        live(OLD, progress=Progress.PROGRESSING),
        V1,
        Phase.ROLLING_OUT,
        FIRST,
        RolloutMemory(swap=Swap(V1, NOW)),
        id="it has as long as the deadline from when the registry names it",
    ),
    Case(
        Wish(V1, OLD),
        RolloutMemory(swap=swap(V1, 60)),
        live(OLD, progress=Progress.FAILED),
        V1,
        Phase.STUCK,
        FIRST,
        RolloutMemory(swap=swap(V1, 60)),
        id="the first version has nothing to go back to",
    ),
    Case(
        Wish(V2, OLD),
        RolloutMemory(swap=swap(V1, 60)),
        live(OLD, progress=Progress.FAILED),
        V2,
        Phase.ROLLING_OUT,
        SECOND,
        RolloutMemory(swap=Swap(V2, NOW)),
        id="a newer version follows a first one that is stuck, with time of its own",
    ),
    Case(
        Wish(V1, OLD),
        RolloutMemory(swap=swap(V1)),
        live(OLD, V1, V1),
        V1,
        Phase.ROLLED_OUT,
        FIRST,
        PROVEN,
        id="what all pods answer with is proven",
    ),
    Case(
        Wish(V1, OLD),
        PROVEN,
        live(OLD, V1, V1),
        V1,
        Phase.ROLLED_OUT,
        FIRST,
        PROVEN,
        id="what is rolled out stays so",
    ),
    Case(
        Wish(V1, OLD),
        PROVEN,
        live(OLD, V1, None, progress=Progress.PROGRESSING),
        V1,
        Phase.ROLLED_OUT,
        FIRST,
        PROVEN,
        id="a pod that is missing, and one too busy to answer, are no rollout",
    ),
    Case(
        Wish(V2, OLD),
        PROVEN,
        live(OLD, V1, V1),
        V1,
        Phase.ROLLING_OUT,
        SECOND,
        PROVEN,
        id="a new version is to be named before its time runs",
    ),
    Case(
        Wish(V2, OLD),
        PROVEN,
        live(OLD, V1, V2),
        V2,
        Phase.ROLLING_OUT,
        SECOND,
        RolloutMemory(FIRST, swap=Swap(V2, NOW)),
        id="its time runs once it is named",
    ),
    Case(
        Wish(V2, OLD),
        SWAPPING,
        live(OLD, V2, None),
        V2,
        Phase.ROLLING_OUT,
        SECOND,
        SWAPPING,
        id="a pod that does not answer is waited for",
    ),
    Case(
        Wish(V2, OLD),
        SWAPPING,
        live(OLD, V2, V2, progress=Progress.PROGRESSING),
        V2,
        Phase.ROLLED_OUT,
        SECOND,
        RolloutMemory(SECOND),
        id="a version is rolled out when all ready pods answer with it",
    ),
    Case(
        Wish(V2, OLD),
        LATE,
        live(OLD, progress=Progress.PROGRESSING),
        V2,
        Phase.ROLLING_OUT,
        SECOND,
        LATE,
        failed=V2,
        id="without a ready pod nothing is proven, and in the end it failed",
    ),
    Case(
        Wish(V2, OLD),
        LATE,
        live(OLD, V1, V2),
        V2,
        Phase.ROLLING_OUT,
        SECOND,
        LATE,
        failed=V2,
        id="a version that fails is recorded before anything goes back",
    ),
    Case(
        Wish(V2, OLD),
        LATE,
        live(OLD, V2, V2),
        V2,
        Phase.ROLLED_OUT,
        SECOND,
        RolloutMemory(SECOND),
        id="late is not too late when nobody looked before",
    ),
    Case(
        Wish(V2, OLD),
        LATE,
        live(OLD, V1, V2),
        V2,
        Phase.ROLLING_OUT,
        SECOND,
        LATE,
        blame=False,
        id="a version is not to blame while the registry is away",
    ),
    Case(
        Wish(V2, OLD),
        LATE,
        live(OLD, V1, V1),
        V1,
        Phase.ROLLING_OUT,
        SECOND,
        PROVEN,
        id="nor while the registry does not name it",
    ),
    Case(
        Wish(V1, OLD),
        LATE,
        live(OLD, V1, V2),
        V2,
        Phase.ROLLING_OUT,
        FIRST,
        PROVEN,
        id="once the failure is recorded the incumbent is named again",
    ),
    Case(
        Wish(V1, OLD),
        PROVEN,
        live(OLD, V1, V2),
        V1,
        Phase.ROLLING_OUT,
        FIRST,
        RolloutMemory(FIRST, swap=Swap(V1, NOW)),
        id="it is rolled out when all pods are back",
    ),
    Case(
        Wish(V1, OLD),
        RolloutMemory(FIRST, swap=swap(V1, 60)),
        live(OLD, V1, V2),
        V1,
        Phase.STUCK,
        FIRST,
        RolloutMemory(FIRST, swap=swap(V1, 60)),
        id="a way back that does not finish is stuck",
    ),
    Case(
        Wish(V3, OLD),
        LATE,
        live(OLD, V1, V2),
        V3,
        Phase.ROLLING_OUT,
        attempt(OLD, V3),
        RolloutMemory(FIRST, swap=Swap(V3, NOW)),
        id="a newer version takes over from one that is on its way",
    ),
    Case(
        Wish(V2, NEW),
        SWAPPING,
        live(OLD, V1, V2),
        V2,
        Phase.ROLLING_OUT,
        attempt(NEW, V1),
        PROVEN,
        id="new settings go first, with the incumbent",
    ),
    Case(
        Wish(V2, NEW),
        PROVEN,
        live(NEW, V1, progress=Progress.PROGRESSING, uniform=False),
        V1,
        Phase.ROLLING_OUT,
        attempt(NEW, V1),
        PROVEN,
        id="they roll out as a Deployment does",
    ),
    Case(
        Wish(V2, NEW),
        PROVEN,
        live(NEW, V1, V1),
        V1,
        Phase.ROLLING_OUT,
        attempt(NEW, V1),
        RolloutMemory(attempt(NEW, V1)),
        id="settings that work are remembered before the version follows",
    ),
    Case(
        Wish(V2, OLD),
        PROVEN,
        live(OLD, V1, V1, progress=Progress.PROGRESSING, uniform=False),
        V1,
        Phase.ROLLING_OUT,
        FIRST,
        PROVEN,
        id="a version waits until the Deployment is settled",
    ),
    Case(
        Wish(V2, OLD),
        SWAPPING,
        live(OLD, V1, V2, progress=Progress.PROGRESSING, uniform=False),
        V2,
        Phase.ROLLING_OUT,
        SECOND,
        SWAPPING,
        id="one that is on its way goes on while pods are replaced",
    ),
    Case(
        Wish(V2, OLD),
        SWAPPING,
        live(OLD, V2, V2, progress=Progress.UNOBSERVED),
        V2,
        Phase.UNOBSERVED,
        SECOND,
        SWAPPING,
        id="and while Kubernetes has not looked",
    ),
    Case(
        Wish(V2, OLD),
        SWAPPING,
        live(OLD, progress=Progress.SCALED_TO_ZERO),
        V2,
        Phase.SCALED_TO_ZERO,
        FIRST,
        PROVEN,
        id="without pods nothing changes",
    ),
    Case(
        Wish(V1, OLD),
        RolloutMemory(TOLD),
        live(with_release(ROLLING, V1)),
        V1,
        Phase.ROLLING_OUT,
        FIRST,
        RolloutMemory(TOLD),
        id="from RollingUpdate: pods that follow replace those that are told",
    ),
    Case(
        Wish(V2, OLD),
        RolloutMemory(TOLD),
        live(OLD, V1),
        V1,
        Phase.ROLLING_OUT,
        FIRST,
        PROVEN,
        id="from RollingUpdate: they serve the same before the version changes",
    ),
    Case(
        Wish(V1, OLD),
        RolloutMemory(TOLD, settings_hash(OLD), "they failed"),
        live(with_release(ROLLING, V1)),
        V1,
        Phase.ROLLED_OUT,
        TOLD,
        RolloutMemory(TOLD, settings_hash(OLD), "they failed"),
        id="from RollingUpdate: pods that follow and do not start are not tried again",
    ),
    Case(
        Wish(V2, ROLLING),
        SWAPPING,
        live(OLD, V1, V2),
        V2,
        Phase.ROLLING_OUT,
        TOLD,
        PROVEN,
        id="to RollingUpdate: pods that are told replace those that follow, with the incumbent",
    ),
    Case(
        Wish(V1, OLD),
        PROVEN,
        live(OLD, V1),
        None,
        Phase.ROLLED_OUT,
        FIRST,
        PROVEN,
        lost=True,
        id="what serves goes on when the registry names nothing",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_next_step_of_a_hot_swap(case: Case) -> None:
    plan = plan_rollout(
        case.wish,
        case.memory,
        case.live,
        clock=Clock(NOW, DEADLINE),
        named=case.named,
        blame=case.blame,
        lost=case.lost,
    )

    assert (plan.phase, plan.attempt, plan.memory) == (case.phase, case.attempt, case.remembers)
    assert (plan.failed_release, plan.forgiven) == (case.failed, not case.blame)


@pytest.mark.parametrize(
    ("answers", "memory", "again"),
    [
        ([V1, V2], SWAPPING, 1.0),
        ([], RolloutMemory(FIRST, swap=swap(V2, 20)), 40.0),
        ([V2, V2], SWAPPING, None),
    ],
    ids=["pods answer", "no pod is ready", "all have it"],
)
def test_pods_are_asked_again_while_a_swap_is_on(
    answers: Sequence[Release], memory: RolloutMemory, again: float | None
) -> None:
    plan = plan_rollout(
        Wish(V2, OLD),
        memory,
        live(OLD, *answers, progress=Progress.PROGRESSING),
        clock=Clock(NOW, DEADLINE),
        named=V2,
        blame=True,
        lost=False,
    )

    assert plan.look_again == again


def test_the_same_number_with_other_content_is_another_version() -> None:
    """A registry that lost its data counts anew."""
    other = replace(V1, digest=Digest("sha256:" + "f" * 64))

    plan = plan_rollout(
        Wish(other, OLD),
        PROVEN,
        live(OLD, V1),
        clock=Clock(NOW, DEADLINE),
        named=other,
        blame=True,
        lost=True,
    )

    assert (plan.phase, plan.attempt) == (Phase.ROLLING_OUT, attempt(OLD, other))


def test_pods_that_follow_are_told_no_version() -> None:
    assert follows(OLD)
    assert with_release(OLD, V1) == OLD
    assert not follows(ROLLING)
    assert settings_hash(OLD) != settings_hash(ROLLING)
