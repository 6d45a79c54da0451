"""What is said of every version, for every combination of gate, rules, decision and incumbent."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, manifest_body

from perennial_core.decisions import Rules, Ruling, State, rule
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Manifest, Metrics
from perennial_core.registry import Answer, Decision, Failure
from perennial_core.resource.gate import GateSpec
from perennial_core.resource.rollout import Approval, NewerCandidate

SCORES = {"passes": 0.9, "fails": 0.1, "cannot tell": 0.5}
"""The scores of versions that a gate lets through, does not, or cannot tell of."""

AUTOMATIC, MANUAL = Approval.AUTOMATIC, Approval.MANUAL
SUPERSEDE, KEEP = NewerCandidate.SUPERSEDE, NewerCandidate.KEEP


def manifest(version: int, evidence: str = "passes") -> Manifest:
    body = manifest_body(ModelKey("tests", "points"), b"artifact")
    problem = "another task" if evidence == "cannot tell" else None
    metrics = Metrics(
        candidate={"r2": SCORES[evidence]},
        incumbent=None if problem else {"r2": 0.9},
        incumbent_version=Version(1),
        incumbent_problem=problem,
    )
    return body.changed(metrics=metrics).numbered(Version(version))


def rules(
    approval: Approval = AUTOMATIC,
    on_failure: str = "Reject",
    on_newer_candidate: NewerCandidate = SUPERSEDE,
) -> Rules:
    metric = {"name": "r2", "min": "0.3", "maxRegression": "0.1"}
    gate = GateSpec.model_validate({"metrics": [metric], "onFailure": on_failure})
    return Rules(gate, approval, on_newer_candidate, training_spec_hash="h")


def decided(verdict: Answer) -> Decision:
    return Decision(verdict=verdict, by="alice", reason="looked at it", at=NOW)


FAILURE = Failure(reason="Deadline", message="no pod became ready", at=NOW)


def ruling(
    evidence: str = "passes",
    decision: Answer | None = None,
    failure: Failure | None = None,
    incumbent: int | None = 1,
    by: Rules | None = None,
) -> Ruling:
    """Return the ruling on version 2, beside version 1."""
    rulings = rule(
        manifests={Version(1): manifest(1), Version(2): manifest(2, evidence)},
        decisions={} if decision is None else {Version(2): decided(decision)},
        failures={} if failure is None else {Version(2): failure},
        incumbent=None if incumbent is None else Version(incumbent),
        rules=by or rules(),
    )
    return rulings[Version(2)]


def expected_undecided(evidence: str, approval: Approval, on_failure: str) -> State:
    if evidence == "fails" and on_failure == "Reject":
        return State.REJECTED
    if evidence == "passes" and approval is AUTOMATIC:
        return State.CANDIDATE
    return State.AWAITING_APPROVAL


@pytest.mark.parametrize(
    ("evidence", "approval", "on_failure", "on_newer", "incumbent"),
    list(itertools.product(SCORES, Approval, ["Reject", "Review"], NewerCandidate, [None, 1])),
)
def test_the_newest_undecided_version(
    evidence: str,
    approval: Approval,
    on_failure: str,
    on_newer: NewerCandidate,
    incumbent: int | None,
) -> None:
    found = ruling(evidence, incumbent=incumbent, by=rules(approval, on_failure, on_newer))
    assert found.state is expected_undecided(evidence, approval, on_failure)
    assert found.approvable == (found.state is State.CANDIDATE)


@pytest.mark.parametrize(
    ("evidence", "decision", "failure", "incumbent", "approval", "on_failure"),
    list(
        itertools.product(
            SCORES, Answer, [None, FAILURE], [None, 1, 2], Approval, ["Reject", "Review"]
        )
    ),
)
def test_what_was_decided_stands_whatever_the_gate_says_now(
    evidence: str,
    decision: Answer,
    failure: Failure | None,
    incumbent: int | None,
    approval: Approval,
    on_failure: str,
) -> None:
    found = ruling(evidence, decision, failure, incumbent, rules(approval, on_failure))
    assert not found.approvable
    if incumbent == 2:
        assert found.state is State.SERVING
    elif decision is Answer.DENIED:
        assert found.state is State.DENIED
        assert found.message == "denied by alice: looked at it"
    elif failure is not None:
        assert (found.state, found.message) == (State.FAILED, "no pod became ready")
    else:
        assert found.state is State.APPROVED
        assert found.message == "approved by alice: looked at it"


@pytest.mark.parametrize(
    ("evidence", "by", "says"),
    [
        ("fails", rules(), "the gate failed: r2 0.1 is outside min 0.3; r2 0.1 against 0.9"),
        ("fails", rules(on_failure="Review"), "the gate failed: r2 0.1 is outside min 0.3"),
        ("cannot tell", rules(), "the gate cannot tell: r2: version 1 could not be measured"),
        ("passes", rules(MANUAL), "it passed the gate: r2 0.9, min 0.3"),
    ],
)
def test_a_ruling_says_why(evidence: str, by: Rules, says: str) -> None:
    assert ruling(evidence, by=by).message.startswith(says)


def states(
    by: Rules, incumbent: int | None = None, decisions: dict[int, Answer] | None = None, **_: Any
) -> list[State]:
    """Return the states of versions 1 to 3, which all pass the gate."""
    rulings = rule(
        manifests={Version(number): manifest(number) for number in (1, 2, 3)},
        decisions={Version(v): decided(answer) for v, answer in (decisions or {}).items()},
        failures={},
        incumbent=None if incumbent is None else Version(incumbent),
        rules=by,
    )
    return [rulings[Version(number)].state for number in (1, 2, 3)]


WAITING, OLD, SERVING = State.AWAITING_APPROVAL, State.SUPERSEDED, State.SERVING


@pytest.mark.parametrize(
    ("by", "incumbent", "decisions", "expected"),
    [
        (rules(MANUAL), None, {}, [OLD, OLD, WAITING]),
        (rules(MANUAL, on_newer_candidate=KEEP), None, {}, [WAITING, WAITING, WAITING]),
        (rules(MANUAL, on_newer_candidate=KEEP), 1, {}, [SERVING, WAITING, WAITING]),
        # what is older than what serves waits no more
        (rules(MANUAL, on_newer_candidate=KEEP), 2, {}, [OLD, SERVING, WAITING]),
        (rules(MANUAL, on_newer_candidate=KEEP), 3, {}, [OLD, OLD, SERVING]),
        # one that was denied supersedes nothing, one that was approved does
        (rules(MANUAL), 1, {3: Answer.DENIED}, [SERVING, WAITING, State.DENIED]),
        (rules(MANUAL), 1, {3: Answer.APPROVED}, [SERVING, OLD, State.APPROVED]),
        # an approved version that serves no more stays approved, to go back to
        (rules(), 3, {1: Answer.APPROVED, 2: Answer.APPROVED}, [OLD, OLD, SERVING]),
        # a pin on an older one leaves the newer ones approved
        (rules(), 1, {3: Answer.APPROVED}, [SERVING, State.CANDIDATE, State.APPROVED]),
        # the registry lost its data, and numbers anew
        (rules(MANUAL), 9, {}, [OLD, OLD, WAITING]),
    ],
)
def test_the_states_of_several_versions(
    by: Rules, incumbent: int | None, decisions: dict[int, Answer], expected: list[State]
) -> None:
    assert states(by, incumbent, decisions) == expected


def test_a_changed_gate_decides_anew_on_what_waits() -> None:
    strict, lenient = rules(), Rules(GateSpec(), AUTOMATIC, SUPERSEDE, training_spec_hash="h")
    assert ruling("fails", by=strict).state is State.REJECTED
    assert ruling("fails", by=lenient).state is State.CANDIDATE


@pytest.mark.parametrize("by", [rules(), rules(MANUAL), rules(on_failure="Review")])
@pytest.mark.parametrize("evidence", SCORES)
def test_a_version_that_was_trained_by_an_earlier_spec_comes_too_late(
    evidence: str, by: Rules
) -> None:
    changed = replace(by, training_spec_hash="another")
    found = ruling(evidence, by=changed)
    assert (found.state, found.approvable) == (State.SUPERSEDED, False)
    assert found.message.startswith("spec.training changed")
    taken_over = ruling(evidence, by=replace(changed, runs_field="spec.promotion.from"))
    assert taken_over.message.startswith("spec.promotion.from changed")
    assert ruling(evidence, Answer.APPROVED, by=changed).state is State.APPROVED
