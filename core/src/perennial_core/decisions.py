"""Which versions may serve, and which of them should: one place, for operator and local mode.

Only an approved version ever serves, and an approval is recorded in the registry, once, before
anything else follows from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from perennial_core.gate import Outcome, Verdict, examine
from perennial_core.identity import Version
from perennial_core.manifest import Answer, Decision, Manifest
from perennial_core.registry.records import Failure
from perennial_core.resource.gate import GateSpec, OnFailure
from perennial_core.resource.prediction_model import PredictionModelSpec
from perennial_core.resource.rollout import Approval, NewerCandidate


class State(StrEnum):
    """Where a version is on its way."""

    CANDIDATE = "Candidate"
    """It passed the gate, and is about to be approved."""
    AWAITING_APPROVAL = "AwaitingApproval"
    """A person has to decide."""
    APPROVED = "Approved"
    """It may serve, and will unless a newer one or a pin comes first."""
    DENIED = "Denied"
    """A person decided against it."""
    REJECTED = "Rejected"
    """It failed the gate; a changed gate may let it through."""
    SERVING = "Serving"
    SUPERSEDED = "Superseded"
    """A newer version took its place, or the place that it waited for."""
    FAILED = "Failed"
    """Its rollout failed."""


@dataclass(frozen=True)
class Rules:
    """What the spec says of who may serve."""

    gate: GateSpec
    approval: Approval
    on_newer_candidate: NewerCandidate
    training_spec_hash: str | None
    """A version that was made by another spec, and on which nobody decided, comes too late. None:
    versions are made elsewhere."""
    runs_field: str = "spec.training"
    """Where that spec stands."""

    @classmethod
    def of(cls, spec: PredictionModelSpec) -> Rules:
        rollout = spec.rollout
        return cls(
            gate=spec.gate,
            approval=rollout.approval,
            on_newer_candidate=rollout.on_newer_candidate,
            training_spec_hash=spec.runs.content_hash() if spec.runs else None,
            runs_field=spec.runs_field,
        )


@dataclass(frozen=True)
class Ruling:
    """What is to be said of a version."""

    state: State
    message: str
    """Why, for people."""
    verdict: Verdict
    """What its evidence says to the gate as it is now, whatever was decided before."""
    approvable: bool = False
    """Whether it is to be approved now, by no person."""


def rule(
    *,
    manifests: Mapping[Version, Manifest],
    decisions: Mapping[Version, Decision],
    failures: Mapping[Version, Failure],
    incumbent: Version | None,
    rules: Rules,
) -> dict[Version, Ruling]:
    """Return what is to be said of each retained version, newest first.

    What was decided stands; the gate and the rules as they are now decide on the others.

    Args:
        manifests: The retained versions.
        decisions: What was decided on them.
        failures: Versions whose rollout failed.
        incumbent: The version that serves now.
        rules: What the spec says.
    """
    served = incumbent if incumbent in manifests else None
    rulings: dict[Version, Ruling] = {}
    newest: Version | None = None
    for version in sorted(manifests, reverse=True):
        verdict = examine(rules.gate, manifests[version])
        decision, failure = decisions.get(version), failures.get(version)
        if version == served:
            ruling = Ruling(State.SERVING, "it serves", verdict)
        elif decision is not None:
            ruling = _decided(version, decision, failure, served, verdict)
        else:
            late = rules.training_spec_hash not in (None, manifests[version].training_spec_hash)
            ruling = (
                _late(verdict, rules)
                if late
                else _undecided(version, verdict, rules, served, newest)
            )
        rulings[version] = ruling
        if newest is None and ruling.state in _ON_THE_WAY:
            newest = version
    return rulings


_ON_THE_WAY = (State.CANDIDATE, State.AWAITING_APPROVAL, State.APPROVED)


def _decided(
    version: Version,
    decision: Decision,
    failure: Failure | None,
    served: Version | None,
    verdict: Verdict,
) -> Ruling:
    text = f"{decision.verdict.lower()} by {decision.by}: {decision.reason}"
    if decision.verdict is Answer.DENIED:
        return Ruling(State.DENIED, text, verdict)
    if failure is not None:
        return Ruling(State.FAILED, failure.message, verdict)
    if served is not None and served > version:
        return Ruling(State.SUPERSEDED, f"a newer version serves; {text}", verdict)
    return Ruling(State.APPROVED, text, verdict)


def _late(verdict: Verdict, rules: Rules) -> Ruling:
    text = f"{rules.runs_field} changed since its run began; nobody decided"
    return Ruling(State.SUPERSEDED, text, verdict)


def _undecided(
    version: Version,
    verdict: Verdict,
    rules: Rules,
    served: Version | None,
    newest: Version | None,
) -> Ruling:
    if verdict.outcome is Outcome.FAILED and rules.gate.on_failure is OnFailure.REJECT:
        return Ruling(State.REJECTED, f"the gate failed: {verdict.message}", verdict)
    if verdict.outcome is Outcome.PASSED and rules.approval is Approval.AUTOMATIC:
        return Ruling(State.CANDIDATE, _why(verdict), verdict, approvable=True)
    if served is not None and served > version:
        return Ruling(State.SUPERSEDED, "a newer version serves; nobody decided", verdict)
    if newest is not None and rules.on_newer_candidate is NewerCandidate.SUPERSEDE:
        return Ruling(State.SUPERSEDED, "a newer one is on its way; nobody decided", verdict)
    return Ruling(State.AWAITING_APPROVAL, _why(verdict), verdict)


def _why(verdict: Verdict) -> str:
    match verdict.outcome:
        case Outcome.PASSED:
            return f"it passed the gate: {verdict.message}"
        case Outcome.FAILED:
            return f"the gate failed: {verdict.message}"
        case Outcome.INCONCLUSIVE:
            return f"the gate cannot tell: {verdict.message}"


@dataclass(frozen=True)
class Choice:
    """The version that should serve, or why there is none to go to."""

    version: Version | None
    """None: nothing can be served yet."""
    problem: str | None = None
    """What only the user can repair, naming the field; ``version`` may serve meanwhile."""


def choose(
    *,
    retained: Collection[Version],
    decisions: Mapping[Version, Decision],
    failures: Mapping[Version, Failure],
    incumbent: Version | None,
    pinned: Version | None,
    generation: int,
) -> Choice:
    """Return the version that should serve.

    The newest approved version that has not failed serves; a pin holds its version. A failed
    version is not tried again by itself: only a pin set after the failure tries it once more.

    Args:
        retained: The versions in the registry.
        decisions: What was decided on them.
        failures: Versions whose rollout failed.
        incumbent: The version that serves now.
        pinned: ``spec.rollout.pinnedVersion``.
        generation: The resource's generation when the version was pinned; it rises with each change
            of the spec.
    """
    approved = {
        version
        for version in retained
        if version in decisions and decisions[version].verdict is Answer.APPROVED
    }
    if pinned is None:
        # one that serves, by a pin after its failure, has proven itself
        able = (v for v in approved if v == incumbent or v not in failures)
        return Choice(max(able, default=incumbent))
    problem = _not_to_be_pinned(pinned, retained, approved, decisions)
    failure = failures.get(pinned)
    if failure is not None and failure.generation >= generation and pinned != incumbent:
        problem = f"version {pinned} failed to roll out: {failure.message}"
    if problem is not None:
        return Choice(incumbent, f"spec.rollout.pinnedVersion: {problem}")
    return Choice(pinned)


def _not_to_be_pinned(
    pinned: Version,
    retained: Collection[Version],
    approved: Collection[Version],
    decisions: Mapping[Version, Decision],
) -> str | None:
    if pinned not in retained:
        known = ", ".join(map(str, sorted(retained))) or "none"
        return f"version {pinned} is not retained; retained: {known}"
    if pinned in approved:
        return None
    if pinned in decisions:
        return f"version {pinned} was denied by {decisions[pinned].by}"
    known = ", ".join(map(str, sorted(approved))) or "none"
    return f"version {pinned} is not approved; approved: {known}"
