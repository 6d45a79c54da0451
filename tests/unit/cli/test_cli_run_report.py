"""What is said of a version: its score, its format, and why it waits."""

from __future__ import annotations

from typing import Any

import pytest
from builders import manifest_body

from perennial_cli.local.run_report import format_text, ruling_text, score_text
from perennial_core.decisions import Ruling, State
from perennial_core.gate import Check, Outcome, Verdict
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import ArtifactFormat, Manifest, Metrics

ONE, TWO = Version(1), Version(2)
FAILED = Verdict((Check(Outcome.FAILED, "r2 0.5 is outside min 0.9"),))
PASSED = Verdict((Check(Outcome.PASSED, "r2 0.95, min 0.9"),))
NO_GATE = Verdict(())


def manifest(**fields: Any) -> Manifest:
    body = manifest_body(ModelKey("tests", "points"), b"model")
    return body.changed(**fields).numbered(TWO)


def test_the_score_of_the_version_before_is_said_to_be_on_the_same_rows() -> None:
    metrics = Metrics(
        candidate={"r2": 0.9491}, incumbent={"r2": 0.961}, incumbent_version=Version(1)
    )
    assert score_text(manifest()) == "r2 0.9; 80 rows, 20 held out"
    assert score_text(manifest(metrics=metrics)) == (
        "r2 0.9491, version 1 has 0.961 on the same rows; 80 rows, 20 held out"
    )


def test_only_a_version_that_is_not_onnx_says_so_and_why() -> None:
    assert format_text(manifest()) is None
    slow = "version 2 runs on scikit-learn itself (skops), which is slower than ONNX"
    skops = {"format": ArtifactFormat.SKOPS}
    assert format_text(manifest(**skops)) == slow, "as of a version of an earlier release"
    assert format_text(manifest(**skops, format_reason="as ONNX: no")) == f"{slow}; as ONNX: no"


@pytest.mark.parametrize(
    ("state", "message", "verdict", "incumbent", "expected"),
    [
        (
            State.REJECTED,
            "the gate failed: so",
            FAILED,
            ONE,
            "version 2 is rejected: the gate failed: so; version 1 goes on serving",
        ),
        (
            State.REJECTED,
            "the gate failed: so",
            FAILED,
            None,
            "version 2 is rejected: the gate failed: so; none serves yet",
        ),
        (
            State.AWAITING_APPROVAL,
            "the gate failed: so",
            FAILED,
            ONE,
            "version 2 awaits approval: the gate failed: so; version 1 goes on serving; to let"
            " version 2 serve: perennial approve",
        ),
        (
            State.AWAITING_APPROVAL,
            "it passed the gate: so",
            PASSED,
            ONE,
            "version 2 awaits approval, as spec.rollout.approval says: it passed the gate: so;"
            " version 1 goes on serving; to let version 2 serve: perennial approve",
        ),
        (
            State.AWAITING_APPROVAL,
            "it passed the gate: the gate has no conditions",
            NO_GATE,
            None,
            "version 2 awaits approval, as spec.rollout.approval says; none serves yet; to let"
            " version 2 serve: perennial approve",
        ),
        (State.CANDIDATE, "it passed", PASSED, ONE, None),
        (State.SUPERSEDED, "a newer version serves", PASSED, ONE, None),
    ],
)
def test_a_version_that_does_not_serve_says_why(
    state: State, message: str, verdict: Verdict, incumbent: Version | None, expected: str | None
) -> None:
    ruling = Ruling(state, message, verdict)
    assert ruling_text(TWO, ruling, incumbent, "perennial approve") == expected
