"""Whether a candidate may serve: a pure function of its manifest and the gate."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from perennial_core.errors import shortened
from perennial_core.manifest import ExampleResult, Manifest, ManifestBody
from perennial_core.resource.gate import DriftGate, Example, GateSpec, MetricGate

_FEATURES_SHOWN = 5
"""Those that moved most; a table may have thousands."""


class Outcome(StrEnum):
    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    """The evidence does not suffice to tell."""


@dataclass(frozen=True)
class Check:
    """What came of one condition of the gate."""

    outcome: Outcome
    message: str


@dataclass(frozen=True)
class Verdict:
    """What came of all conditions of the gate."""

    checks: tuple[Check, ...]

    @property
    def outcome(self) -> Outcome:
        outcomes = {check.outcome for check in self.checks}
        for worst in (Outcome.FAILED, Outcome.INCONCLUSIVE):
            if worst in outcomes:
                return worst
        return Outcome.PASSED

    @property
    def message(self) -> str:
        """What decided it: every check with the worst outcome."""
        if not self.checks:
            return "the gate has no conditions"
        deciding = (check.message for check in self.checks if check.outcome is self.outcome)
        return shortened("; ".join(deciding))


def examine(gate: GateSpec, manifest: ManifestBody) -> Verdict:
    """Return what the evidence in a version's manifest says to the gate.

    Without an incumbent there is nothing to regress or to drift from, which passes. An incumbent
    that could not be measured leaves it open, as does what the run did not measure; a metric that
    is not a number fails.
    """
    checks = [
        *(check for metric in gate.metrics for check in _of_metric(metric, manifest)),
        *_of_drift(gate.drift, manifest),
        *(_of_example(number, example, manifest) for number, example in enumerate(gate.examples)),
    ]
    return Verdict(tuple(checks))


def lacks_evidence(gate: GateSpec, manifest: Manifest) -> bool:
    """Return whether another run on the same data could tell more than this manifest does."""
    return any(metric.name not in manifest.metrics.candidate for metric in gate.metrics) or any(
        _result(example, manifest) is None for example in gate.examples
    )


def _of_metric(metric: MetricGate, manifest: ManifestBody) -> Iterator[Check]:
    name, scores = metric.name, manifest.metrics.candidate
    if name not in scores:
        yield Check(Outcome.INCONCLUSIVE, _not_measured(name, manifest))
        return
    score = scores[name]
    if score is None:
        yield Check(Outcome.FAILED, f"{name} is not a number on the holdout")
        return
    if metric.min is not None:
        yield _bound(score >= float(metric.min), f"{name} {_shown(score)}", f"min {metric.min}")
    if metric.max is not None:
        yield _bound(score <= float(metric.max), f"{name} {_shown(score)}", f"max {metric.max}")
    if metric.max_regression is not None:
        yield _of_regression(name, score, metric.max_regression, manifest)


def _not_measured(name: str, manifest: ManifestBody) -> str:
    if manifest.promoted_from is None:
        return f"{name} was not measured when this version was trained"
    there = f"{name} was not measured by {manifest.promoted_from.model}"
    return f"{there}; name rows to measure it on in spec.promotion.from.data"


def _of_regression(name: str, score: float, most: str, manifest: ManifestBody) -> Check:
    metrics = manifest.metrics
    if metrics.incumbent_version is None:
        return Check(Outcome.PASSED, f"{name}: no version served that it could be compared with")
    incumbent = f"version {metrics.incumbent_version}"
    if metrics.incumbent is None:
        why = metrics.incumbent_problem or "no reason was recorded"
        return Check(Outcome.INCONCLUSIVE, f"{name}: {incumbent} could not be measured: {why}")
    before = metrics.incumbent.get(name)
    if before is None:
        text = f"{name} of {incumbent} is not a number, or was not measured"
        return Check(Outcome.INCONCLUSIVE, text)
    regression = Decimal(str(before)) - Decimal(str(score))
    text = f"{name} {_shown(score)} against {_shown(before)} of {incumbent}"
    return _bound(regression <= Decimal(most), text, f"maxRegression {most}")


def _of_drift(gate: DriftGate | None, manifest: ManifestBody) -> Iterator[Check]:
    if gate is None:
        return
    drift = manifest.drift
    if drift is None:
        yield Check(Outcome.PASSED, "drift: no version served that the data could drift from")
    elif drift.problem is not None:
        yield Check(Outcome.INCONCLUSIVE, f"drift could not be measured: {drift.problem}")
    else:
        moved = sorted(drift.features.items(), key=lambda item: -item[1])
        beyond = [item for item in moved if item[1] > float(gate.max)]
        told = [f"{name} {_shown(index)}" for name, index in (beyond or moved)[:_FEATURES_SHOWN]]
        more = ["..."] if len(beyond) > _FEATURES_SHOWN else []
        text = f"drift since version {drift.incumbent_version} of {', '.join([*told, *more])}"
        yield _bound(not beyond, text, f"max {gate.max}")


def _of_example(number: int, example: Example, manifest: ManifestBody) -> Check:
    name, result = f"example {number + 1}", _result(example, manifest)
    if result is None:
        text = f"{name} was not asked when this version was trained"
        return Check(Outcome.INCONCLUSIVE, text)
    if result.problem is not None:
        return Check(Outcome.FAILED, f"{name}: {result.problem}")
    prediction, expected = result.prediction, _expected(example)
    text = f"{name} predicts {_shown(prediction)}"
    if _is_expected(prediction, example):
        return Check(Outcome.PASSED, f"{text}, as expected: {expected}")
    remedy = _to_quote(number, example, prediction)
    return Check(Outcome.FAILED, f"{text}, expected is {expected}{remedy}")


def _result(example: Example, manifest: ManifestBody) -> ExampleResult | None:
    return next((item for item in manifest.examples if _tells_of(item, example)), None)


def _tells_of(result: ExampleResult, example: Example) -> bool:
    """Return whether a result is that of an example; to a model 1 is not true."""
    asked, inputs = result.inputs, example.inputs
    return asked == inputs and all(
        isinstance(asked[name], bool) is isinstance(value, bool) for name, value in inputs.items()
    )


def _is_expected(prediction: object, example: Example) -> bool:
    if _is_number(prediction) and _is_number(example.expected):
        difference = abs(Decimal(str(prediction)) - Decimal(str(example.expected)))
        return difference <= Decimal(example.tolerance)
    return type(prediction) is type(example.expected) and prediction == example.expected


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _expected(example: Example) -> str:
    within = f" within {example.tolerance}" if _is_number(example.expected) else ""
    return f"{_shown(example.expected)}{within}"


def _to_quote(number: int, example: Example, prediction: object) -> str:
    """Return what to do where YAML took a label for something else than a text."""
    if not isinstance(prediction, str) or isinstance(example.expected, str):
        return ""
    why = "the labels are texts"
    if isinstance(example.expected, bool):
        why = "YAML reads a bare yes, no, on or off as a boolean"
    return f"; put spec.gate.examples.{number}.expected in quotes, for {why}"


def _bound(holds: bool, text: str, bound: str) -> Check:
    if holds:
        return Check(Outcome.PASSED, f"{text}, {bound}")
    return Check(Outcome.FAILED, f"{text} is outside {bound}")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else reprlib.repr(value)
