"""Which pod template the predictors should have: forward one step at a time, or back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from perennial_operator.build.deployment import Release, settings_hash, with_release
from perennial_operator.build.metadata import content_hash
from perennial_operator.kinds import Body


class Progress(StrEnum):
    """How far the Deployment is with the template that it has."""

    PROGRESSING = "Progressing"
    COMPLETE = "Complete"
    FAILED = "Failed"
    """No progress for longer than its deadline."""
    SCALED_TO_ZERO = "ScaledToZero"


@dataclass(frozen=True)
class LiveDeployment:
    """What the cluster says of the Deployment."""

    template_hash: str
    progress: Progress
    replicas: int
    ready: int


@dataclass(frozen=True)
class Attempt:
    """A pod template and the release that it serves."""

    template: Body
    release: Release


@dataclass(frozen=True)
class RolloutMemory:
    """What is remembered from one reconcile to the next, in the model's status."""

    proven: Attempt | None = None
    """What last rolled out completely: the incumbent, to which a failed rollout goes back."""
    failed_settings: str | None = None
    """Hash of the settings that did not roll out; they are not tried again."""
    failure: str | None = None
    """What came of them."""


class Phase(StrEnum):
    NOTHING_TO_SERVE = "NothingToServe"
    ROLLING_OUT = "RollingOut"
    ROLLED_OUT = "RolledOut"
    SCALED_TO_ZERO = "ScaledToZero"
    STUCK = "Stuck"
    """The deadline has passed and there is nothing to go back to."""


@dataclass(frozen=True)
class RolloutPlan:
    """What should be done about the Deployment."""

    phase: Phase
    memory: RolloutMemory
    attempt: Attempt | None = None
    """What the Deployment should have now; None: there is nothing to serve."""
    failed_release: Release | None = None
    """A release that just failed, to be recorded in the registry."""


def plan_rollout(
    *,
    target: Release | None,
    settings_template: Body,
    memory: RolloutMemory,
    live: LiveDeployment | None,
    blame: bool,
) -> RolloutPlan:
    """Return the next step towards the target release and the settings that the spec asks for.

    Where both are new the settings go first, with the release that serves: so a failure has one
    cause. What failed is not tried again, and the Deployment returns to the proven template, whose
    pods still run.

    Args:
        target: The release that should serve; None when nothing can.
        settings_template: The pod template that the spec asks for, but for the release.
        memory: What was remembered.
        live: The Deployment as it is.
        blame: Whether a passed deadline is the fault of what is rolled out. It is not while the
            registry, from which the pods load, is away or has only just returned.
    """
    memory = _without_settled_failure(settings_template, memory)
    attempt = _next_attempt(target, settings_template, memory)
    if attempt is None:
        return RolloutPlan(Phase.NOTHING_TO_SERVE, memory)
    if live is None or live.template_hash != content_hash(attempt.template):
        return RolloutPlan(Phase.ROLLING_OUT, memory, attempt)
    if live.progress is Progress.SCALED_TO_ZERO:
        return RolloutPlan(Phase.SCALED_TO_ZERO, memory, attempt)
    if live.progress is Progress.COMPLETE:
        return _completed(target, settings_template, memory, attempt)
    if live.progress is Progress.FAILED and blame:
        return _failed(settings_template, memory, attempt)
    return RolloutPlan(Phase.ROLLING_OUT, memory, attempt)


def _without_settled_failure(settings_template: Body, memory: RolloutMemory) -> RolloutMemory:
    """Forget settings that failed once the spec asks for others."""
    if memory.failed_settings in (None, settings_hash(settings_template)):
        return memory
    return replace(memory, failed_settings=None, failure=None)


def _next_attempt(
    target: Release | None, settings_template: Body, memory: RolloutMemory
) -> Attempt | None:
    proven = memory.proven
    release = target or (proven.release if proven else None)
    if release is None:
        return None
    if proven is None:
        return Attempt(with_release(settings_template, release), release)
    wanted = settings_hash(settings_template)
    if wanted not in (settings_hash(proven.template), memory.failed_settings):
        return Attempt(with_release(settings_template, proven.release), proven.release)
    return Attempt(with_release(proven.template, release), release)


def _completed(
    target: Release | None, settings_template: Body, memory: RolloutMemory, attempt: Attempt
) -> RolloutPlan:
    """Remember the attempt as proven, and go on to the next where there is one."""
    proven = replace(memory, proven=attempt)
    following = _next_attempt(target, settings_template, proven)
    if following == attempt:
        return RolloutPlan(Phase.ROLLED_OUT, proven, attempt)
    return RolloutPlan(Phase.ROLLING_OUT, proven, following)


def _failed(settings_template: Body, memory: RolloutMemory, attempt: Attempt) -> RolloutPlan:
    """Go back to what is proven, and remember what is not to be tried again."""
    proven = memory.proven
    if proven is None or proven == attempt:
        return RolloutPlan(Phase.STUCK, memory, attempt)
    if proven.release != attempt.release:
        return RolloutPlan(Phase.ROLLING_OUT, memory, proven, failed_release=attempt.release)
    message = "spec.serving: pods with these settings did not become ready in time"
    failed = replace(memory, failed_settings=settings_hash(settings_template), failure=message)
    return RolloutPlan(Phase.ROLLING_OUT, failed, proven)
