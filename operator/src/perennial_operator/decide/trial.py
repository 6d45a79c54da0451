"""Canary and Shadow: a version is tried beside the one that serves, and rolled out or given up."""

from __future__ import annotations

from dataclasses import dataclass, replace

from perennial_core.identity import ModelKey
from perennial_core.resource.rollout import Inconclusive, RolloutSpec, Strategy
from perennial_operator.build.deployment import Release
from perennial_operator.decide.analysis import Finding, Outcome, Verdict, analyse, clearly_worse
from perennial_operator.decide.trial_record import TRIALS, Trial, TrialState
from perennial_operator.decide.trial_steps import Step, analysis_of, step_of, steps_of
from perennial_operator.decide.window import Window

LOOK_SECONDS = 5.0
"""How often a trial is looked at, for a version that does badly to go early."""


@dataclass(frozen=True)
class Look:
    """How the pods on trial do in the step that they are in."""

    ready: bool
    """Whether they are as many as the step asks for, and all of them ready."""
    unready_seconds: float
    """For how long they have not been."""
    held_seconds: float
    """For how long the step was measured, from when they were all ready."""
    stable: Window
    """What the pods that serve counted in that time."""
    trial: Window
    """What the pods with the version counted in the same time."""
    silent: bool = False
    """Whether none of the one or of the other ever answered the operator."""


@dataclass(frozen=True)
class Stable:
    """The pods that serve, beside which a version is tried."""

    incumbent: Release | None
    """What they serve, and new ones could load; None: there is nothing to try a version beside."""
    at_rest: bool
    """Whether all of them have it, with the settings that they should have."""
    new_settings: bool
    """Whether other settings are on their way to them."""


@dataclass(frozen=True)
class Situation:
    """What a trial's next step depends on."""

    model: ModelKey
    rollout: RolloutSpec
    replicas: int
    wish: Release | None
    """The version that should serve in the end."""
    stable: Stable
    approved: bool
    """Whether the version of the trial so far may serve."""
    failure: str | None
    """What is held against that version."""
    look: Look | None
    blame: bool
    """Whether pods that do not become ready in time are the version's fault."""
    now: str
    """RFC 3339."""

    @property
    def incumbent(self) -> Release | None:
        return self.stable.incumbent

    @property
    def deadline(self) -> int:
        return self.rollout.progress_deadline_seconds


@dataclass(frozen=True)
class FailedTrial:
    """A version that is to be recorded as failed; then the trial ends."""

    release: Release
    reason: str
    message: str
    unready: bool = False
    """Whether its pods did not become ready, so that they can say why."""


@dataclass(frozen=True)
class TrialPlan:
    """What should be done about a trial."""

    release: Release | None
    """What the Deployment of the pods that serve should have."""
    trial: Trial | None
    """What is remembered."""
    pods: int = 0
    """How many should have the version on trial."""
    failed: FailedTrial | None = None
    look_again: float | None = None
    """In how many seconds there is something to see. None: nothing will come by itself."""


def plan_trial(situation: Situation, trial: Trial | None) -> TrialPlan:
    """Return the next step of a trial, or what should serve without one.

    While a version is on trial what serves stays as it is; newer versions wait. A step that gives
    something to remember changes nothing else: what follows from it comes next.

    Args:
        situation: What it depends on.
        trial: What is remembered of the trial that is on, or of the last one.
    """
    if trial is None or not trial.is_on(situation.incumbent):
        return _without_trial(situation, trial)
    if ended := _ended(situation, trial):
        return TrialPlan(_untried(situation), ended)
    if trial.state is TrialState.PASSED:
        return TrialPlan(trial.release, trial, _step(situation, trial).pods)
    return _next_step(situation, trial)


def _without_trial(situation: Situation, last: Trial | None) -> TrialPlan:
    """Begin a trial where the version that should serve needs one."""
    release = _untried(situation)
    if release == situation.wish or not situation.stable.at_rest or situation.replicas == 0:
        return TrialPlan(release, last)
    assert situation.wish is not None
    begun = Trial(
        release=situation.wish,
        strategy=situation.rollout.strategy,
        step=1,
        steps=_steps(situation),
        state=TrialState.RUNNING,
        since=situation.now,
        message="",
    )
    return _holding(situation, begun)


def _untried(situation: Situation) -> Release | None:
    """Return what should serve as long as there is no trial.

    Tried are versions that come by themselves: not the first, a pinned or an older one.
    """
    wish, incumbent, rollout = situation.wish, situation.incumbent, situation.rollout
    if wish is None or incumbent is None or rollout.strategy not in TRIALS:
        return wish
    by_itself = rollout.pinned_version is None and wish.version > incumbent.version
    return incumbent if by_itself else wish


def _ended(situation: Situation, trial: Trial) -> Trial | None:
    """Return a trial as it is remembered once something ended it; None: it goes on."""
    if situation.failure is not None and trial.is_undecided:
        return replace(trial, state=TrialState.FAILED, message=situation.failure)
    why = situation.failure or _why_ended(situation, trial)
    return replace(trial, state=TrialState.ENDED, message=why) if why else None


def _why_ended(situation: Situation, trial: Trial) -> str | None:
    rollout = situation.rollout
    if not situation.approved:
        return "the registry no longer has the version"
    if rollout.pinned_version is not None:
        return f"version {rollout.pinned_version} is pinned"
    if rollout.strategy is not trial.strategy:
        return f"spec.rollout.strategy is {rollout.strategy} now"
    if situation.replicas == 0:
        return "spec.serving.replicas is 0"
    if situation.incumbent is None:
        return "the registry no longer has the version that serves"
    if situation.stable.new_settings and trial.is_undecided:
        return "spec.serving changed; it begins anew after"
    return None


def _next_step(situation: Situation, trial: Trial) -> TrialPlan:
    look = situation.look
    if look is None:
        return _holding(situation, trial)
    if not look.ready:
        late = situation.blame and look.unready_seconds >= situation.deadline
        return _unready(situation, trial) if late else _holding(situation, trial)
    if look.held_seconds < _step(situation, trial).seconds:
        worse = clearly_worse(analysis_of(situation.rollout), look.stable, look.trial)
        return _failed(situation, trial, worse.message) if worse else _holding(situation, trial)
    return _judged(situation, trial, _verdict(situation, look))


def _judged(situation: Situation, trial: Trial, verdict: Verdict) -> TrialPlan:
    if verdict.outcome is Outcome.FAIL:
        return _failed(situation, trial, verdict.message)
    waits = analysis_of(situation.rollout).on_inconclusive is Inconclusive.WAIT
    if verdict.outcome is Outcome.INCONCLUSIVE and waits:
        return _waiting(situation, trial, verdict)
    return _passed(situation, trial, verdict)


def _passed(situation: Situation, trial: Trial, verdict: Verdict) -> TrialPlan:
    """Go on to the next step; after the last the version is rolled out."""
    if trial.step < _steps(situation):
        following = replace(
            trial,
            step=trial.step + 1,
            steps=_steps(situation),
            state=TrialState.RUNNING,
            since=situation.now,
            evidence=verdict.message,
        )
        return _holding(situation, following)
    passed = replace(
        trial, state=TrialState.PASSED, message="it is rolled out", evidence=verdict.message
    )
    return TrialPlan(situation.incumbent, passed, _step(situation, trial).pods)


def _waiting(situation: Situation, trial: Trial, verdict: Verdict) -> TrialPlan:
    """Wait for more traffic, and say so once: the figures stay those of the first time."""
    if trial.state is not TrialState.WAITING:
        model, incumbent = situation.model, situation.incumbent
        pin = f"perennial pin {model.name} --version {trial.release.version} -n {model.namespace}"
        text = (
            f"{verdict.message}; the trial waits. `{pin}` (spec.rollout.pinnedVersion) goes on"
            f" without, to pin version {incumbent.version if incumbent else None} stops it"
        )
        trial = replace(trial, state=TrialState.WAITING, message=text)
    return _holding(situation, trial)


def _holding(situation: Situation, trial: Trial) -> TrialPlan:
    """Stay in the step."""
    pods = _step(situation, trial).pods
    if trial.state is TrialState.RUNNING:
        trial = replace(trial, message=_progress(situation, trial, pods))
    return TrialPlan(situation.incumbent, trial, pods, look_again=_rest(situation, trial))


def _rest(situation: Situation, trial: Trial) -> float:
    """Return in how many seconds to look again."""
    look = situation.look
    left = _step(situation, trial).seconds - (look.held_seconds if look else 0)
    return min(left, LOOK_SECONDS) if left > 0 else LOOK_SECONDS


def _progress(situation: Situation, trial: Trial, pods: int) -> str:
    if trial.strategy is Strategy.SHADOW:
        return "a pod with it gets copies of the requests"
    return f"step {trial.step} of {trial.steps}, {pods} of {situation.replicas + pods} pods"


def _failed(situation: Situation, trial: Trial, why: str) -> TrialPlan:
    """Give the version up once the registry knows; until then the trial stands still."""
    where = f" in step {trial.step} of {trial.steps}" if trial.steps > 1 else ""
    text = f"version {trial.release.version} failed its trial{where}: {why}"
    failed = FailedTrial(trial.release, f"{trial.strategy}Failed", text)
    return replace(_holding(situation, trial), failed=failed)


def _unready(situation: Situation, trial: Trial) -> TrialPlan:
    why = f"not all of its pods became ready within {situation.deadline} s"
    plan = _failed(situation, trial, why)
    assert plan.failed is not None
    return replace(plan, failed=replace(plan.failed, unready=True))


def _verdict(situation: Situation, look: Look) -> Verdict:
    if look.silent:
        text = "the operator gets no answer from the pods on /metrics"
        return Verdict((Finding(Outcome.INCONCLUSIVE, text),))
    shadow = situation.rollout.shadow
    different = shadow.max_different if shadow else None
    return analyse(analysis_of(situation.rollout), look.stable, look.trial, different)


def _step(situation: Situation, trial: Trial) -> Step:
    return step_of(trial, situation.rollout, situation.replicas)


def _steps(situation: Situation) -> int:
    return len(steps_of(situation.rollout, situation.replicas))
