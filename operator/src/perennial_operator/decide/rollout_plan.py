"""Which pod template the predictors should have: forward one step at a time, or back."""

from __future__ import annotations

from dataclasses import replace

from perennial_operator.build.deployment import Release, follows, settings_hash, with_release
from perennial_operator.build.metadata import content_hash
from perennial_operator.decide.following import following, until_next_look
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


def plan_rollout(
    wish: Wish,
    memory: RolloutMemory,
    live: LiveDeployment | None,
    *,
    clock: Clock,
    named: Release | None,
    blame: bool,
    lost: bool,
) -> RolloutPlan:
    """Return the next step towards what should serve in the end.

    Where both are new the settings go first, with the release that serves: so a failure has one
    cause. What failed is not tried again, and the Deployment returns to the proven template, whose
    pods still run. A step that gives something to remember changes nothing else: the step that
    builds on it comes next, so that nothing is forgotten when the operator ends in between.

    Pods that follow the registry change their version by themselves once the Deployment is settled.

    Args:
        wish: What should serve in the end.
        memory: What was remembered.
        live: The Deployment as it is.
        clock: For pods that follow the registry; of others Kubernetes keeps the time.
        named: What the registry tells pods that follow it, as far as is known.
        blame: Whether a passed deadline is the fault of what is rolled out. It is not while the
            registry, from which the pods load, is away or has only just returned.
        lost: Whether the registry no longer has the proven release, so that no new pod can load it.
            Then the release goes first, for settings could not be tried.
    """
    memory = _without_settled_failure(wish, memory)
    attempt = _next_attempt(wish, memory, lost)
    if attempt is None:
        return RolloutPlan(Phase.NOTHING_TO_SERVE, memory)
    if follows(attempt.template):
        memory, attempt, live = following(memory, attempt, live, clock, named)
    else:
        memory = replace(memory, swap=None)
    return _next_step(wish, memory, attempt, live, clock, blame)


def _next_step(
    wish: Wish,
    memory: RolloutMemory,
    attempt: Attempt,
    live: LiveDeployment | None,
    clock: Clock,
    blame: bool,
) -> RolloutPlan:
    if live is None or live.template_hash != content_hash(attempt.template):
        return RolloutPlan(Phase.ROLLING_OUT, memory, attempt)
    if live.progress is Progress.UNOBSERVED:
        return RolloutPlan(Phase.UNOBSERVED, memory, attempt)
    if live.progress is Progress.SCALED_TO_ZERO:
        return RolloutPlan(Phase.SCALED_TO_ZERO, memory, attempt)
    if live.progress is Progress.COMPLETE:
        return _completed(wish, memory, attempt)
    if attempt == memory.proven and live.uniform:
        # pods that come and go roll nothing
        return RolloutPlan(Phase.ROLLED_OUT, replace(memory, swap=None), attempt)
    late = live.progress is Progress.FAILED
    if late and blame:
        return _failed(memory, attempt)
    again = until_next_look(memory, live, clock)
    return RolloutPlan(Phase.ROLLING_OUT, memory, attempt, forgiven=late, look_again=again)


def _without_settled_failure(wish: Wish, memory: RolloutMemory) -> RolloutMemory:
    """Forget settings that failed once the spec asks for others."""
    if memory.failed_settings in (None, settings_hash(wish.settings)):
        return memory
    return replace(memory, failed_settings=None, failure=None)


def _next_attempt(wish: Wish, memory: RolloutMemory, lost: bool) -> Attempt | None:
    proven = memory.proven
    release = wish.release or (proven.release if proven else None)
    if release is None:
        return None
    if proven is None:
        return Attempt(with_release(wish.settings, release), release)
    unwanted = (settings_hash(proven.template), memory.failed_settings)
    if not lost and settings_hash(wish.settings) not in unwanted:
        return Attempt(with_release(wish.settings, proven.release), proven.release)
    return Attempt(with_release(proven.template, release), release)


def _completed(wish: Wish, memory: RolloutMemory, attempt: Attempt) -> RolloutPlan:
    """Remember the attempt as proven; the next one follows where there is one."""
    proven = replace(memory, proven=attempt, swap=None)
    last = attempt == memory.proven or _next_attempt(wish, proven, lost=False) == attempt
    return RolloutPlan(Phase.ROLLED_OUT if last else Phase.ROLLING_OUT, proven, attempt)


def _failed(memory: RolloutMemory, attempt: Attempt) -> RolloutPlan:
    """Remember what is not to be tried again; the way back follows."""
    proven = memory.proven
    if proven is None or proven == attempt:
        return RolloutPlan(Phase.STUCK, memory, attempt)
    if proven.release != attempt.release:
        return RolloutPlan(Phase.ROLLING_OUT, memory, attempt, failed_release=attempt.release)
    plan = RolloutPlan(Phase.ROLLING_OUT, memory, attempt)
    return without_settings(plan, "pods with these settings did not become ready in time")


def without_settings(plan: RolloutPlan, why: str) -> RolloutPlan:
    """Remember that the settings that are rolled out cannot serve, where others can."""
    proven, attempt = plan.memory.proven, plan.attempt
    if proven is None or attempt is None:
        return plan
    failed = settings_hash(attempt.template)
    if failed == settings_hash(proven.template):
        return plan
    text = f"spec.serving: {why}; the settings before serve on"
    return replace(plan, memory=replace(plan.memory, failed_settings=failed, failure=text))
