"""Which pod template the predictors should have: forward one step at a time, or back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from perennial_core.identity import Version
from perennial_operator.build.deployment import Release, follows, settings_hash, with_release
from perennial_operator.build.metadata import content_hash
from perennial_operator.decide.swap import (
    LOOK_AGAIN_SECONDS,
    Answers,
    Swap,
    all_serve,
    begun,
    none_differs,
)
from perennial_operator.decide.trial_record import Trial
from perennial_operator.kinds import Body


class Progress(StrEnum):
    """How far the Deployment is with the template that it has."""

    UNOBSERVED = "Unobserved"
    """Kubernetes has not looked at it yet since it was last changed."""
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
    uniform: bool
    """Whether every pod that there is has this template."""
    replicas: int
    ready: int
    answers: Answers = ()
    """What the ready pods answer with; asked of pods that follow the registry."""


@dataclass(frozen=True)
class Attempt:
    """A pod template, and the release that its pods are told or that the registry names them."""

    template: Body
    release: Release


@dataclass(frozen=True)
class Pin:
    """A version that the spec pins, and since which generation of the resource."""

    version: Version
    generation: int


@dataclass(frozen=True)
class RolloutMemory:
    """What is remembered from one reconcile to the next, in the model's status."""

    proven: Attempt | None = None
    """What last rolled out completely: the incumbent, to which a failed rollout goes back."""
    failed_settings: str | None = None
    """Hash of the settings that did not roll out; they are not tried again."""
    failure: str | None = None
    """What came of them."""
    pin: Pin | None = None
    """What the spec pins."""
    swap: Swap | None = None
    """The release that pods which follow the registry are changing to."""
    trial: Trial | None = None
    """The trial that is on, or the last one."""

    @property
    def trial_on(self) -> Trial | None:
        """The trial that is on."""
        incumbent = self.proven.release if self.proven else None
        return self.trial if self.trial and self.trial.is_on(incumbent) else None


@dataclass(frozen=True)
class Wish:
    """What should serve in the end."""

    release: Release | None
    """None: there is none to go to."""
    settings: Body
    """The pod template that the spec asks for, but for the release."""


class Phase(StrEnum):
    UNOBSERVED = "Unobserved"
    """It is known in a moment."""
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
    """A release that just failed: once the registry knows, it is the target no more."""
    forgiven: bool = False
    """Whether a passed deadline is not held against what is rolled out."""
    look_again: float | None = None
    """In how many seconds to look again; None: when something happens."""


@dataclass(frozen=True)
class Clock:
    """By when a version has to serve."""

    now: datetime
    deadline: timedelta
    """``spec.rollout.progressDeadlineSeconds``."""

    def is_late(self, swap: Swap) -> bool:
        return self.now - swap.since >= self.deadline

    def seconds_left(self, swap: Swap) -> float:
        return max(1.0, (swap.since + self.deadline - self.now).total_seconds())


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
        memory, attempt, live = _following(memory, attempt, live, clock, named)
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
    again = _until_next_look(memory, live, clock)
    return RolloutPlan(Phase.ROLLING_OUT, memory, attempt, forgiven=late, look_again=again)


def _following(
    memory: RolloutMemory,
    attempt: Attempt,
    live: LiveDeployment | None,
    clock: Clock,
    named: Release | None,
) -> tuple[RolloutMemory, Attempt, LiveDeployment | None]:
    """Return the attempt where pods follow the registry, and the Deployment in whose progress it
    counts what they answer with.

    The version changes once the Deployment is settled: until then the incumbent serves, unless the
    registry names the other one already.
    """
    proven, settled = memory.proven, _is_settled(memory, attempt, live)
    idle = live is not None and live.progress is Progress.SCALED_TO_ZERO
    if proven is not None and not settled and (idle or named != attempt.release):
        attempt = replace(attempt, release=proven.release)
    if live is None or live.progress is Progress.UNOBSERVED:
        return memory, attempt, live
    changes = proven is None or attempt.release != proven.release
    if idle or not (settled or changes):
        return replace(memory, swap=None), attempt, live
    swap = begun(memory.swap, attempt.release, clock.now) if named == attempt.release else None
    live = _as_answered(live, attempt.release, settled, late=bool(swap and clock.is_late(swap)))
    return replace(memory, swap=swap), attempt, live


def _is_settled(memory: RolloutMemory, attempt: Attempt, live: LiveDeployment | None) -> bool:
    """Return whether the pods that there are have the template; some may be missing."""
    if live is None or live.template_hash != content_hash(attempt.template):
        return False
    if live.progress in (Progress.UNOBSERVED, Progress.SCALED_TO_ZERO):
        return False
    proven = memory.proven is not None and memory.proven.template == attempt.template
    return live.progress is Progress.COMPLETE or (proven and live.uniform)


def _as_answered(
    live: LiveDeployment, release: Release, settled: bool, late: bool
) -> LiveDeployment:
    if settled and all_serve(release, live.answers):
        progress = Progress.COMPLETE
    else:
        progress = Progress.FAILED if late else Progress.PROGRESSING
    return replace(
        live, progress=progress, uniform=live.uniform and none_differs(release, live.answers)
    )


def _until_next_look(memory: RolloutMemory, live: LiveDeployment, clock: Clock) -> float | None:
    """Return in how many seconds to ask the pods again; Kubernetes tells when they get ready."""
    if live.answers:
        return LOOK_AGAIN_SECONDS
    return clock.seconds_left(memory.swap) if memory.swap else None


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
