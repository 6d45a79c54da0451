"""What the evidence of a version says to a gate."""

from __future__ import annotations

from typing import Any

import pytest
from builders import manifest_body
from hypothesis import given
from hypothesis import strategies as st

from perennial_core.gate import Outcome, examine, lacks_evidence
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Drift, ExampleResult, ManifestBody, Metrics
from perennial_core.resource.gate import GateSpec

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE
EVIDENCE = manifest_body(ModelKey("tests", "points"), b"artifact")


def gate(**parts: Any) -> GateSpec:
    return GateSpec.model_validate(parts)


def r2(**bounds: str) -> GateSpec:
    return gate(metrics=[{"name": "r2", **bounds}])


def measured(
    candidate: float | None, incumbent: float | None = None, problem: str | None = None
) -> ManifestBody:
    """Return the evidence of a version beside an incumbent, version 6."""
    metrics = Metrics(
        candidate={"r2": candidate},
        incumbent=None if problem else {"r2": incumbent},
        incumbent_version=Version(6),
        incumbent_problem=problem,
    )
    return EVIDENCE.changed(metrics=metrics)


def with_drift(**features: float) -> ManifestBody:
    drift = Drift(incumbent_version=Version(6), features=features)
    return EVIDENCE.changed(drift=drift)


def with_example(prediction: Any, problem: str | None = None) -> ManifestBody:
    result = ExampleResult(inputs={"x": 1}, prediction=prediction, problem=problem)
    return EVIDENCE.changed(examples=[result])


def example(expected: Any, **more: Any) -> GateSpec:
    return gate(examples=[{"inputs": {"x": 1.0}, "expected": expected, **more}])


@pytest.mark.parametrize(
    ("asked", "evidence", "outcome", "message"),
    [
        (gate(), EVIDENCE, PASSED, "the gate has no conditions"),
        # bounds hold at their ends
        (r2(min="0.9"), EVIDENCE, PASSED, "r2 0.9, min 0.9"),
        (r2(min="0.91"), EVIDENCE, FAILED, "r2 0.9 is outside min 0.91"),
        (r2(max="0.9"), EVIDENCE, PASSED, "r2 0.9, max 0.9"),
        (r2(max="0.89"), EVIDENCE, FAILED, "r2 0.9 is outside max 0.89"),
        (r2(min="0.8", max="0.85"), EVIDENCE, FAILED, "r2 0.9 is outside max 0.85"),
        (r2(min="-1"), measured(-0.5, -0.4), PASSED, "r2 -0.5, min -1"),
        # what was not measured is left open, what is not a number fails
        (
            gate(metrics=[{"name": "max_error", "min": "-9"}]),
            EVIDENCE,
            INCONCLUSIVE,
            "max_error was not measured when this version was trained",
        ),
        (r2(min="0"), measured(None, 0.9), FAILED, "r2 is not a number on the holdout"),
        # against the incumbent
        (
            r2(maxRegression="0"),
            EVIDENCE,
            PASSED,
            "r2: no version served that it could be compared with",
        ),
        (
            r2(maxRegression="0.1"),
            measured(0.7, 0.8),
            PASSED,
            "r2 0.7 against 0.8 of version 6, maxRegression 0.1",
        ),
        (
            r2(maxRegression="0.1"),
            measured(0.69, 0.8),
            FAILED,
            "r2 0.69 against 0.8 of version 6 is outside maxRegression 0.1",
        ),
        (r2(maxRegression="0"), measured(0.9, 0.8), PASSED, None),
        (
            r2(maxRegression="0"),
            measured(0.9, None),
            INCONCLUSIVE,
            "r2 of version 6 is not a number, or was not measured",
        ),
        (
            r2(maxRegression="0"),
            measured(0.9, problem="it needs the columns z, no longer features"),
            INCONCLUSIVE,
            "r2: version 6 could not be measured: it needs the columns z, no longer features",
        ),
        (r2(min="0.95", maxRegression="0"), measured(0.9, problem="gone"), FAILED, None),
        # drift
        (gate(drift={"max": "0.2"}), EVIDENCE, PASSED, None),
        (gate(drift={"max": "0.2"}), with_drift(x=0.2, z=0.1), PASSED, None),
        (
            gate(drift={"max": "0.2"}),
            with_drift(x=0.21, z=0.1),
            FAILED,
            "drift since version 6 of x 0.21 is outside max 0.2",
        ),
        (
            gate(drift={"max": "0.2"}),
            EVIDENCE.changed(drift=Drift(incumbent_version=Version(6), problem="no profile")),
            INCONCLUSIVE,
            "drift could not be measured: no profile",
        ),
        # examples
        (
            example(203),
            with_example(203.0),
            PASSED,
            "example 1 predicts 203, as expected: 203 within 0",
        ),
        (example(203, tolerance="0.5"), with_example(203.5), PASSED, None),
        (
            example(203, tolerance="0.5"),
            with_example(203.6),
            FAILED,
            "example 1 predicts 203.6, expected is 203 within 0.5",
        ),
        (example("setosa"), with_example("setosa"), PASSED, None),
        (
            example("setosa"),
            with_example("virginica"),
            FAILED,
            "example 1 predicts 'virginica', expected is 'setosa'",
        ),
        (example(True), with_example(1), FAILED, None),
        (
            example(1),
            with_example("1"),
            FAILED,
            "example 1 predicts '1', expected is 1 within 0; put spec.gate.examples.0.expected in"
            " quotes, for the labels are texts",
        ),
        (
            example(True),
            with_example("yes"),
            FAILED,
            "example 1 predicts 'yes', expected is true; put spec.gate.examples.0.expected in"
            " quotes, for YAML reads a bare yes, no, on or off as a boolean",
        ),
        (
            example(1),
            with_example(None, problem="x: must be a number"),
            FAILED,
            "example 1: x: must be a number",
        ),
        (
            example(1),
            EVIDENCE,
            INCONCLUSIVE,
            "example 1 was not asked when this version was trained",
        ),
    ],
)
def test_the_verdict(
    asked: GateSpec, evidence: ManifestBody, outcome: Outcome, message: str | None
) -> None:
    verdict = examine(asked, evidence)
    assert verdict.outcome is outcome
    if message is not None:
        assert verdict.message == message


def test_every_failure_is_told_and_nothing_else() -> None:
    metrics = [{"name": "r2", "min": "0.95"}, {"name": "max_error", "min": "-1"}]
    verdict = examine(gate(metrics=metrics, drift={"max": "0.1"}), with_drift(x=0.3, z=0.0))
    assert verdict.message == (
        "r2 0.9 is outside min 0.95; drift since version 6 of x 0.3 is outside max 0.1"
    )


def test_of_many_features_those_that_moved_most_are_told() -> None:
    many = with_drift(**{f"x{number}": number / 1000 for number in range(4096)})
    verdict = examine(gate(drift={"max": "0.5"}), many)
    assert len(verdict.checks) == 1
    assert verdict.message.startswith("drift since version 6 of x4095 4.095, x4094 4.094, ")
    assert len(verdict.message) < 200
    passed = examine(gate(drift={"max": "5"}), many)
    assert (passed.outcome, len(passed.message) < 200) == (PASSED, True)


def test_a_label_without_end_is_cut() -> None:
    found = examine(example("x" * 5000), with_example("y" * 5000))
    assert len(found.message) < 200


@given(st.floats(-1e6, 1e6), st.decimals(0, 10, places=3))
def test_a_regression_of_the_bound_itself_passes(before: float, bound: Any) -> None:
    candidate = float(round(before, 3)) - float(bound)
    asked = r2(maxRegression=str(bound))
    better = measured(round(candidate, 3), round(before, 3))
    worse = measured(round(candidate - 0.001, 3), round(before, 3))
    assert examine(asked, better).outcome is PASSED
    assert examine(asked, worse).outcome is FAILED


@pytest.mark.parametrize(
    ("asked", "evidence", "lacking"),
    [
        (gate(), EVIDENCE, False),
        (r2(min="0"), EVIDENCE, False),
        (gate(metrics=[{"name": "max_error", "min": "-1"}]), EVIDENCE, True),
        (example(1), EVIDENCE, True),
        (example(1), with_example(7), False),
        (gate(examples=[{"inputs": {"x": True}, "expected": 7}]), with_example(7), True),
        (
            gate(examples=[{"inputs": {"x": True}, "expected": 7}]),
            with_example(None, "feature 'x' must be true or false, not 1"),
            True,
        ),
        (gate(drift={"max": "1"}), EVIDENCE, False),
    ],
)
def test_evidence_that_another_run_could_bring(
    asked: GateSpec, evidence: ManifestBody, lacking: bool
) -> None:
    assert lacks_evidence(asked, evidence.numbered(Version(1))) is lacking
