"""The conditions of a model, from one pure function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perennial_core.errors import shortened
from perennial_core.identity import Version
from perennial_core.registry import Answer, RunOutcome
from perennial_operator.decide.rollout import Attempt, LiveDeployment, Phase
from perennial_operator.decide.trial_record import Trial, TrialState
from perennial_operator.kinds import Body
from perennial_operator.state import ModelState, Problem, RegistryState, Trouble


@dataclass(frozen=True)
class Condition:
    """One condition but for when it changed."""

    type: str
    status: str
    reason: str
    message: str


def conditions(state: ModelState) -> list[Condition]:
    """Return the conditions Ready, Trained, Gated, RolledOut and Degraded."""
    return [ready(state), trained(state), gated(state), rolled_out(state), degraded(state)]


def standing(state: ModelState) -> frozenset[str]:
    """Return the conditions of which nothing new is known: they stay as they were."""
    rollout = {"Ready", "RolledOut"} if state.plan.phase is Phase.UNOBSERVED else set()
    gate = {"Gated"} if state.registry is None else set()
    return frozenset(rollout | gate)


def ready(state: ModelState) -> Condition:
    """True only when every ready pod answers with the version that should serve."""
    plan, live = state.plan, state.live
    if plan.phase is Phase.ROLLED_OUT and plan.attempt is not None and live is not None:
        return _answering(plan.attempt.release.version, live)
    if plan.phase is Phase.NOTHING_TO_SERVE:
        return Condition("Ready", "False", "NoVersion", _why_no_version(state))
    if plan.phase is Phase.SCALED_TO_ZERO:
        return Condition("Ready", "False", "ScaledToZero", "spec.serving.replicas is 0")
    if plan.phase is Phase.STUCK:
        return Condition("Ready", "False", "RolloutFailed", "not all pods became ready in time")
    return Condition("Ready", "False", "RollingOut", _rolling(state))


def _answering(version: Version, live: LiveDeployment) -> Condition:
    if live.ready == 0:
        text = f"no pod with version {version} is ready; see the pods"
        return Condition("Ready", "False", "NoReadyPods", text)
    text = f"version {version} answers from {live.ready} of {live.replicas} pods"
    return Condition("Ready", "True", "Serving", text)


def trained(state: ModelState) -> Condition:
    """True when the last run ended well: with a new version, or with nothing new to learn."""
    run = state.last_run
    if run is None:
        return _before_the_first_run(state)
    if run.outcome is RunOutcome.FAILED:
        return Condition("Trained", "False", "RunFailed", run.message)
    text = f"{run.message}; {state.note}" if state.note else run.message
    return Condition("Trained", "True", str(run.outcome), text)


def _before_the_first_run(state: ModelState) -> Condition:
    if state.running:
        return Condition("Trained", "False", "Running", "the first run is under way")
    if state.source is not None and state.source.withheld is not None:
        return Condition("Trained", "False", "WaitsForSource", state.source.withheld)
    return Condition("Trained", "False", "NoRun", "no run has ended yet")


def gated(state: ModelState) -> Condition:
    """True when the latest version was approved, by the gate or by a person."""
    registry = state.registry
    if registry is None:
        return Condition("Gated", "Unknown", "RegistryUnavailable", "the registry does not answer")
    if registry.latest is None:
        return Condition("Gated", "False", "NoVersion", "no version is published yet")
    version = registry.latest.version
    if decision := registry.judgement.decisions.get(version):
        status = "True" if decision.verdict is Answer.APPROVED else "False"
        text = f"version {version} was {decision.verdict.lower()} by {decision.by}"
        return Condition("Gated", status, str(decision.verdict), f"{text}: {decision.reason}")
    ruling = registry.judgement.rulings[version]
    return Condition("Gated", "False", str(ruling.state), f"version {version}: {ruling.message}")


def rolled_out(state: ModelState) -> Condition:
    """True when the predictors have the version and the settings that they should have."""
    plan = state.plan
    if plan.phase is Phase.ROLLED_OUT:
        if trial := plan.memory.trial_on:
            return _tried(trial)
        if plan.memory.failure:
            return Condition("RolledOut", "False", "SettingsFailed", plan.memory.failure)
        assert plan.attempt is not None
        text = f"version {plan.attempt.release.version} is rolled out"
        return Condition("RolledOut", "True", "RolledOut", text)
    texts = {
        Phase.NOTHING_TO_SERVE: "there is no version to roll out yet",
        Phase.SCALED_TO_ZERO: "spec.serving.replicas is 0",
        Phase.STUCK: "the deadline passed, and there is no earlier version to go back to",
        Phase.ROLLING_OUT: _rolling(state),
        Phase.UNOBSERVED: _rolling(state),
    }
    return Condition("RolledOut", "False", str(plan.phase), texts[plan.phase])


def _tried(trial: Trial) -> Condition:
    version = trial.release.version
    if trial.state is TrialState.PASSED:
        return Condition("RolledOut", "False", "RollingOut", f"rolling out version {version}")
    text = f"version {version} is on trial: {trial.message}"
    return Condition("RolledOut", "False", str(trial.strategy), text)


def degraded(state: ModelState) -> Condition:
    """True when something is wrong that a person should know of, whether or not it serves."""
    problems = [*state.problems, *_standing_problems(state)]
    if not problems:
        return Condition("Degraded", "False", "AsExpected", "nothing is wrong")
    text = "; ".join(dict.fromkeys(problem.message for problem in problems))
    return Condition("Degraded", "True", str(problems[0].trouble), text)


def stamped(condition: Condition, old: Body | None, generation: int, now: str) -> Body:
    """Return a condition as it is stored; the time stays where the status has not changed."""
    same = old is not None and old["status"] == condition.status
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": shortened(condition.message, 2000),
        "lastTransitionTime": old["lastTransitionTime"] if old and same else now,
        "observedGeneration": generation,
    }


def _standing_problems(state: ModelState) -> Iterable[Problem]:
    if state.last_run is not None and state.last_run.outcome is RunOutcome.FAILED:
        yield Problem(Trouble.RUN_FAILED, state.last_run.message)
    if state.registry is not None:
        yield from _registry_problems(state.registry, state.plan.memory.proven)
    if state.plan.memory.failure:
        yield Problem(Trouble.ROLLOUT_FAILED, state.plan.memory.failure)


def _registry_problems(registry: RegistryState, proven: Attempt | None) -> Iterable[Problem]:
    serving = proven.release if proven is not None else None
    if registry.choice.problem:
        yield Problem(Trouble.PIN_NOT_HELD, registry.choice.problem)
    if failure := registry.latest_failure(serving):
        yield Problem(Trouble.ROLLOUT_FAILED, failure.message)
    if serving is not None and not registry.retains(serving):
        text = (
            f"version {serving.version} serves, but the registry has lost it: a pod that starts"
            " anew cannot load it; a run publishes another"
        )
        yield Problem(Trouble.VERSION_LOST, text)


def _why_no_version(state: ModelState) -> str:
    if state.registry is None:
        return "the registry does not answer, and nothing served before"
    if state.registry.choice.problem is not None:
        return state.registry.choice.problem
    if state.registry.latest is not None:
        return f"no version is approved yet; {gated(state).message}"
    if state.last_run is not None and state.last_run.outcome is RunOutcome.FAILED:
        return f"no version is published yet; the last run failed: {state.last_run.message}"
    if state.source is not None and state.source.withheld is not None:
        return f"no version is taken over yet: {state.source.withheld}"
    if state.last_run is not None and state.last_run.outcome is RunOutcome.SKIPPED:
        return f"no version is published yet: {state.last_run.message}"
    return "no version is published yet"


def _rolling(state: ModelState) -> str:
    attempt = state.plan.attempt
    if attempt is None:
        return "a rollout is under way"
    suffix = "; past its deadline, for the registry was away" if state.plan.forgiven else ""
    return f"rolling out version {attempt.release.version}{suffix}"
