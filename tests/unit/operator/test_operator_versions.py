"""What ModelVersions say, what is read from them, and the events that they are worth."""

from __future__ import annotations

from typing import Any

import pytest
from builders import NOW, manifest_body
from operator_models import Body, read_model

from perennial_core.approval import Judgement
from perennial_core.decisions import Ruling, State
from perennial_core.gate import Check, Outcome, Verdict
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Metrics
from perennial_core.promotion import provenance
from perennial_core.registry import Answer, Decision
from perennial_core.report import version_status
from perennial_core.resource.gate import GateSpec
from perennial_core.resource.model_version import ModelVersionSpec, ModelVersionStatus
from perennial_core.resource.promotion import PromotionSource
from perennial_operator.build.model_version import build_model_version
from perennial_operator.report.events import ModelEvent
from perennial_operator.report.versions import (
    promotion_event,
    told_how_to_decide,
    version_event,
)
from perennial_operator.versions import asked_decisions

PASSED = Verdict((Check(Outcome.PASSED, "r2 0.9, min 0.8"),))
RULING = Ruling(State.APPROVED, "approved by alice: looked at it", PASSED)
DECISION = Decision(verdict=Answer.APPROVED, by="alice", reason="looked at it", at=NOW)
BODY = manifest_body(ModelKey("tests", "points"), b"artifact")
METRICS = Metrics(
    candidate={"max_error": None, "neg_mean_absolute_error": -0.1234567891, "r2": 0.9},
    incumbent={"max_error": None, "neg_mean_absolute_error": -0.2, "r2": 0.8},
    incumbent_version=Version(6),
)
MANIFEST = BODY.changed(metrics=METRICS).numbered(Version(7))


def gate(**parts: Any) -> GateSpec:
    return GateSpec.model_validate(parts)


def test_the_status_says_what_is_known_of_the_version() -> None:
    status = version_status(gate(), MANIFEST, RULING, DECISION)

    ModelVersionStatus.model_validate(status)
    assert status == {
        "state": "Approved",
        "message": "approved by alice: looked at it",
        "digest": MANIFEST.digest,
        "format": "onnx",
        "created": "2026-01-01T00:00:00Z",
        "metrics": {"neg_mean_absolute_error": "-0.123457", "r2": "0.9"},
        "incumbentMetrics": {"neg_mean_absolute_error": "-0.2", "r2": "0.8"},
        "incumbentVersion": 6,
        "score": "neg_mean_absolute_error -0.1235",
        "gate": {
            "outcome": "Passed",
            "checks": [{"outcome": "Passed", "message": "r2 0.9, min 0.8"}],
        },
        "decidedBy": "alice",
        "decidedAt": "2026-01-01T00:00:00Z",
        "reason": "looked at it",
    }


def test_the_score_is_the_first_metric_of_the_gate() -> None:
    metrics = [{"name": "max_error", "min": "-1"}, {"name": "r2", "min": "0"}]
    assert version_status(gate(metrics=metrics), MANIFEST, RULING, None)["score"] == "r2 0.9"


def test_an_undecided_version_without_an_incumbent_says_nothing_of_them() -> None:
    status = version_status(gate(), BODY.numbered(Version(1)), RULING, None)
    absent = {"decidedBy", "decidedAt", "reason", "incumbentVersion"}
    assert absent.isdisjoint(status)
    assert status["incumbentMetrics"] == {}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (None, State.APPROVED, "Normal"),
        (None, State.AWAITING_APPROVAL, "Normal"),
        (None, State.REJECTED, "Warning"),
        (State.AWAITING_APPROVAL, State.DENIED, "Warning"),
        (State.AWAITING_APPROVAL, State.APPROVED, "Normal"),
        (State.REJECTED, State.APPROVED, "Normal"),
        (State.APPROVED, State.APPROVED, None),
        (State.APPROVED, State.SERVING, None),
        (State.SERVING, State.SUPERSEDED, None),
        (State.APPROVED, State.FAILED, None),
    ],
)
def test_a_decision_is_an_event(before: State | None, after: State, kind: str | None) -> None:
    status = {} if before is None else {"state": str(before), "message": "as it was"}
    event = version_event(7, status, {"state": str(after), "message": "why"})
    assert (event and (event.type, event.reason, event.message)) == (
        kind and (kind, str(after), "version 7: why")
    )


def test_an_approval_is_told_once_though_the_version_serves_again_later() -> None:
    decided = {"message": "why", "decidedAt": "2026-01-01T00:00:00Z"}
    approved = {"state": "Approved", **decided}
    for before in ("Superseded", "Serving", "Failed"):
        assert version_event(7, {"state": before, **decided}, approved) is None
    assert version_event(7, {"state": "AwaitingApproval", "message": "why"}, approved) is not None


def test_a_version_that_awaits_approval_names_the_command_that_lets_it_serve() -> None:
    awaiting = Ruling(State.AWAITING_APPROVAL, "it passed the gate", PASSED)
    rulings = {Version(7): awaiting, Version(6): RULING}
    told = told_how_to_decide(Judgement({}, rulings, {}), ModelKey("shop", "points"))
    assert told.rulings[Version(7)].message == (
        "it passed the gate; `perennial approve points --version 7 -n shop` lets it serve"
    )
    assert told.rulings[Version(6)] == RULING


def asked(
    version: int, decision: Body | None, owner: str | None = None, model: str | None = None
) -> Body:
    body = build_model_version(read_model(), Version(version))
    if model is not None:
        body["spec"]["model"] = model
    if decision is not None:
        body["spec"]["decision"] = decision
    if owner is not None:
        body["metadata"]["ownerReferences"][0]["uid"] = owner
    return body


def test_what_people_decided_is_read_from_the_models_own_versions() -> None:
    approved = {"verdict": "Approved", "by": "alice", "reason": "looked at it"}
    denied = {"verdict": "Denied", "by": "bob"}
    bodies = [
        *(asked(1, None), asked(2, approved), asked(3, denied)),
        asked(4, approved, owner="the model of this name that was there before"),
        asked(5, approved, model="another"),
    ]
    found = asked_decisions(bodies, read_model())
    said = {version: it.decision for version, it in found.items()}
    assert {version: (it.verdict, it.by, it.reason) for version, it in said.items()} == {
        2: (Answer.APPROVED, "alice", "looked at it"),
        3: (Answer.DENIED, "bob", "no reason was given"),
    }


def test_a_decision_is_on_the_artifact_that_the_version_told_of() -> None:
    body = asked(2, {"verdict": "Denied", "by": "bob"})
    found = asked_decisions([{**body, "status": {"digest": MANIFEST.digest}}], read_model())
    assert found[Version(2)].digest == MANIFEST.digest
    assert asked_decisions([body], read_model())[Version(2)].digest is None


def test_a_model_version_is_named_after_its_model_and_holds_no_decision() -> None:
    body = build_model_version(read_model(), Version(7))
    assert body["metadata"]["name"] == "points-v7"
    assert ModelVersionSpec.model_validate(body["spec"]).decision is None


STAGED = manifest_body(ModelKey("staging", "points"), b"artifact").numbered(Version(7))
ORIGIN = provenance(STAGED, DECISION)


def source(**fields: Any) -> PromotionSource:
    return PromotionSource.model_validate({"namespace": "staging", "name": "points", **fields})


@pytest.mark.parametrize(
    ("asked", "author"),
    [
        (source(), ""),
        (source(version=7), ""),
        (source(version=7, versionChangedBy="bob"), "; promoted by bob"),
        (source(versionChangedBy="bob"), ""),
    ],
)
def test_a_version_that_was_taken_over_is_told_with_who_let_it_serve_and_who_asked(
    asked: PromotionSource, author: str
) -> None:
    made = {"promoted_from": ORIGIN, "training_spec_hash": asked.content_hash()}
    promoted = MANIFEST.changed(**made)
    event = promotion_event(promoted, {}, asked)
    status = version_status(gate(), promoted, RULING, None)

    text = f"version 7 is version 7 of staging/points, approved there by alice{author}"
    assert event == ModelEvent("Normal", "Promoted", text)
    assert status["promotedFrom"] == "staging/points v7"
    assert promotion_event(promoted, status, asked) is None


def test_who_asks_for_another_version_now_did_not_ask_for_this_one() -> None:
    promoted = MANIFEST.changed(promoted_from=ORIGIN)
    event = promotion_event(promoted, {}, source(version=8, versionChangedBy="bob"))

    assert event is not None
    assert "bob" not in event.message
    assert promotion_event(MANIFEST, {}, None) is None
