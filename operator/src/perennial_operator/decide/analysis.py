"""Whether a version on trial does as well as what serves: a pure function of what both counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from perennial_core.errors import shortened
from perennial_core.resource.rollout import Analysis
from perennial_operator.decide.window import Window

_QUANTILE = 0.9
_UNNOTICED_SECONDS = 0.005
"""A version is not slower by this: a pod that starts nearby makes two milliseconds of one."""

_CLEAR = 3.0
"""Standard errors: what keeps the bound is beyond it by chance once in some thousand times."""
_LEAST_SHARE = 0.0001
"""Taken for smaller shares, for the index of a label that one side never predicts would be
infinite."""
_LEAST_DEVIATION = 0.01
"""Of the mean. Predictions that hardly differ would otherwise be infinitely far from others."""


class Outcome(StrEnum):
    PASS = "Pass"
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"
    """There was too little traffic to tell."""


@dataclass(frozen=True)
class Finding:
    """What came of one comparison, with its figures."""

    outcome: Outcome
    message: str


@dataclass(frozen=True)
class Verdict:
    """What came of all comparisons."""

    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        outcomes = {finding.outcome for finding in self.findings}
        for worst in (Outcome.FAIL, Outcome.INCONCLUSIVE):
            if worst in outcomes:
                return worst
        return Outcome.PASS

    @property
    def message(self) -> str:
        """The figures that decided it: all of them for a pass."""
        deciding = (f.message for f in self.findings if f.outcome is self.outcome)
        return shortened("; ".join(deciding))


def analyse(
    analysis: Analysis, stable: Window, trial: Window, max_different: str | None = None
) -> Verdict:
    """Return what the figures say of a version that was on trial for its time.

    Args:
        analysis: What it has to show.
        stable: What the pods that serve counted in that time.
        trial: What the pods with the version counted in the same time.
        max_different: The largest share of answers to copied requests that may differ.
    """
    found = list(_traffic(analysis, stable, trial)) or [
        *_conduct(analysis, stable, trial),
        *_shift(analysis, stable, trial),
        *_answers(analysis, stable.shadow, max_different),
    ]
    return Verdict(tuple(found))


def clearly_worse(analysis: Analysis, stable: Window, trial: Window) -> Verdict | None:
    """Return what clients suffer from, which tells before the time is up; None: nothing does.

    A version that fails is not tried again, so before all is measured it has to be more than
    chance: as far beyond the bound as hardly ever happens to a version that keeps it.
    """
    if any(_traffic(analysis, stable, trial)):
        return None
    clear = (_has_more_errors(analysis, stable, trial), _is_slower(analysis, stable, trial))
    found = _conduct(analysis, stable, trial)
    worse = tuple(finding for finding, is_clear in zip(found, clear, strict=False) if is_clear)
    return Verdict(worse) if worse else None


def _has_more_errors(analysis: Analysis, stable: Window, trial: Window) -> bool:
    mine, theirs = trial.errors / trial.requests, stable.errors / stable.requests
    chance = math.hypot(
        _standard_error(mine, trial.requests), _standard_error(theirs, stable.requests)
    )
    return mine - theirs - _CLEAR * chance > float(analysis.max_error_increase)


def _is_slower(analysis: Analysis, stable: Window, trial: Window) -> bool:
    theirs = quantile(stable.latency, _QUANTILE)
    if theirs is None:
        return False
    late = 1 - _QUANTILE
    in_time = share_within(trial.latency, _longest(analysis, theirs))
    return 1 - in_time - late > _CLEAR * _standard_error(late, trial.requests)


def _standard_error(share: float, number: int) -> float:
    """Return how far a share that was counted so often may be off."""
    return math.sqrt(share * (1 - share) / number)


def _traffic(analysis: Analysis, stable: Window, trial: Window) -> Iterator[Finding]:
    for who, window in (("the version on trial", trial), ("what serves", stable)):
        if window.requests < analysis.min_requests:
            text = f"too few requests to {who}: {window.requests:,} of {analysis.min_requests:,}"
            yield Finding(Outcome.INCONCLUSIVE, text)


def _conduct(analysis: Analysis, stable: Window, trial: Window) -> Iterator[Finding]:
    """Yield what clients see: errors, and how long they wait."""
    yield _errors(analysis, stable, trial)
    mine, theirs = quantile(trial.latency, _QUANTILE), quantile(stable.latency, _QUANTILE)
    if mine is not None and theirs:
        yield _latency(analysis, mine, theirs)


def _errors(analysis: Analysis, stable: Window, trial: Window) -> Finding:
    mine = Fraction(trial.errors, trial.requests)
    theirs = Fraction(stable.errors, stable.requests)
    text = (
        f"{float(mine):.2%} of {trial.requests:,} requests were refused or failed,"
        f" {float(theirs):.2%} of {stable.requests:,} to what serves"
    )
    bound = analysis.max_error_increase
    return _bounded(mine - theirs <= Fraction(bound), text, f"at most {float(bound):.2%} more")


def _latency(analysis: Analysis, mine: float, theirs: float) -> Finding:
    text = f"nine of ten took at most {mine * 1000:.3g} ms, {theirs * 1000:.3g} ms in what serves"
    bound = f"at most {float(analysis.max_latency_ratio):g} times as long"
    return _bounded(mine <= _longest(analysis, theirs), text, bound)


def _longest(analysis: Analysis, theirs: float) -> float:
    """Return how long nine of ten requests may take, in seconds."""
    return max(float(analysis.max_latency_ratio) * theirs, theirs + _UNNOTICED_SECONDS)


def _shift(analysis: Analysis, stable: Window, trial: Window) -> Iterator[Finding]:
    if analysis.max_prediction_shift is None:
        return
    shift = prediction_shift(stable, trial)
    if shift is None:
        yield Finding(Outcome.INCONCLUSIVE, "there were no predictions to compare")
        return
    bound = float(analysis.max_prediction_shift)
    yield _bounded(shift <= bound, f"predictions moved by {shift:.3g}", f"at most {bound:g}")


def _answers(
    analysis: Analysis, shadow: Mapping[str, int], max_different: str | None
) -> Iterator[Finding]:
    """Yield how the answers to copied requests compare."""
    different = shadow.get("different", 0)
    compared = different + shadow.get("same", 0)
    others = (f", {shadow[name]:,} {name}" for name in ("failed", "dropped") if shadow.get(name))
    text = f"of {compared:,} answers {different:,} differ{''.join(others)}"
    if max_different is None:
        if shadow:
            yield Finding(Outcome.PASS, text)
    elif compared < analysis.min_requests:
        few = f"too few answers to compare: {compared:,} of {analysis.min_requests:,}"
        yield Finding(Outcome.INCONCLUSIVE, few)
    else:
        holds = Fraction(different, compared) <= Fraction(max_different)
        yield _bounded(holds, text, f"at most {float(max_different):.2%}")


def _bounded(holds: bool, text: str, bound: str) -> Finding:
    return Finding(Outcome.PASS if holds else Outcome.FAIL, f"{text} ({bound})")


def quantile(latency: Mapping[float, int], share: float) -> float | None:
    """Return the time in which this share of the requests was answered, in seconds.

    Within a bucket the times are taken to be spread evenly, as by Prometheus' histogram_quantile;
    beyond the last finite bound it is that bound.

    Args:
        latency: How many requests took at most so many seconds, by the bound; the last is infinite.
        share: Between 0 and 1.
    """
    bounds = sorted(latency)
    total = latency[bounds[-1]] if bounds else 0
    if not total:
        return None
    rank, lower, below = share * total, 0.0, 0
    for bound in bounds:
        if math.isinf(bound):
            break
        if latency[bound] >= rank:
            return lower + (bound - lower) * (rank - below) / (latency[bound] - below)
        lower, below = bound, latency[bound]
    return lower


def share_within(latency: Mapping[float, int], seconds: float) -> float:
    """Return the share of the requests that took at most so long, as ``quantile`` the other way."""
    bounds = sorted(latency)
    total = latency[bounds[-1]] if bounds else 0
    if not total:
        return 1.0
    lower, below = 0.0, 0
    for bound in bounds:
        if seconds < bound:
            inside = 0.0 if math.isinf(bound) else (seconds - lower) / (bound - lower)
            return (below + (latency[bound] - below) * inside) / total
        lower, below = bound, latency[bound]
    return 1.0


def prediction_shift(stable: Window, trial: Window) -> float | None:
    """Return how far the predictions moved, as a population stability index.

    It is the sum over bins of (a - e) * ln(a / e) (N. Siddiqi, Credit Risk Scorecards, 2006): over
    the labels of a classifier, and for a regressor over the densities of normal distributions with
    the means and variances that were measured. None: one side predicted nothing.
    """
    mine, theirs = sum(trial.classes.values()), sum(stable.classes.values())
    if mine and theirs:
        return _label_shift(stable.classes, trial.classes)
    if trial.predictions and stable.predictions:
        return _value_shift(_moments(stable), _moments(trial))
    if (mine or trial.predictions) and (theirs or stable.predictions):
        return math.inf  # one predicts labels, the other numbers
    return None


def _label_shift(expected: Mapping[str, int], actual: Mapping[str, int]) -> float:
    before, now = sum(expected.values()), sum(actual.values())
    index = 0.0
    for label in expected.keys() | actual.keys():
        e = max(expected.get(label, 0) / before, _LEAST_SHARE)
        a = max(actual.get(label, 0) / now, _LEAST_SHARE)
        index += (a - e) * math.log(a / e)
    return index


def _moments(window: Window) -> tuple[float, float]:
    """Return mean and variance of a regressor's predictions."""
    mean = window.prediction_sum / window.predictions
    return mean, window.prediction_squares / window.predictions - mean * mean


def _value_shift(expected: tuple[float, float], actual: tuple[float, float]) -> float:
    """Return the index of two normal distributions: their Jeffreys divergence.

    H. Jeffreys, An invariant form for the prior probability in estimation problems, 1946.
    """
    (m1, v1), (m2, v2) = expected, actual
    least = (_LEAST_DEVIATION * max(abs(m1), abs(m2))) ** 2
    v1, v2 = max(v1, least), max(v2, least)
    if not v1 or not v2:
        return 0.0 if (m1, v1) == (m2, v2) else math.inf
    apart = (m1 - m2) ** 2 * (1 / v1 + 1 / v2)
    return 0.5 * (v1 / v2 + v2 / v1 + apart) - 1
