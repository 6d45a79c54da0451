"""A version on trial against what serves: each comparison, as a table."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_core.resource.rollout import Analysis
from perennial_operator.decide.analysis import (
    Outcome,
    analyse,
    clearly_worse,
    prediction_shift,
    quantile,
    share_within,
)
from perennial_operator.decide.window import Window

INFINITY = float("inf")
ANALYSIS = Analysis(min_requests=50)
FAST = {0.01: 100, 0.1: 100, INFINITY: 100}
QUICK = {0.0005: 90, 0.001: 100, INFINITY: 100}
LESS_QUICK = {0.0025: 0, 0.005: 100, INFINITY: 100}
SLOW = {0.01: 0, 0.1: 100, INFINITY: 100}


def window(requests: int = 100, errors: int = 0, **fields: Any) -> Window:
    return replace(Window(requests=requests, errors=errors, latency=FAST), **fields)


@pytest.mark.parametrize(
    ("stable", "trial", "outcome", "words"),
    [
        (window(), window(), Outcome.PASS, "0.00% of 100 requests were refused or failed"),
        (window(), window(errors=1), Outcome.PASS, "1.00% of 100"),
        (window(), window(errors=2), Outcome.FAIL, "2.00% of 100 requests were refused or failed"),
        (window(errors=50), window(errors=51), Outcome.PASS, "50.00% of 100 to what serves"),
        (window(errors=50), window(), Outcome.PASS, "0.00%"),
        (window(), window(49), Outcome.INCONCLUSIVE, "requests to the version on trial: 49 of 50"),
        (window(49), window(), Outcome.INCONCLUSIVE, "requests to what serves: 49 of 50"),
        (window(50), window(50), Outcome.PASS, ""),
        (window(), window(3, errors=3), Outcome.INCONCLUSIVE, "3 of 50"),
        (window(), window(0), Outcome.INCONCLUSIVE, "0 of 50"),
        (
            window(),
            window(latency=SLOW),
            Outcome.FAIL,
            "nine of ten took at most 91 ms, 9 ms in what serves (at most 2 times as long)",
        ),
        (window(latency=SLOW), window(), Outcome.PASS, "9 ms, 91 ms"),
        (window(latency=QUICK), window(latency=LESS_QUICK), Outcome.PASS, "4.75 ms, 0.5 ms"),
        (window(latency=QUICK), window(latency=FAST), Outcome.FAIL, "9 ms, 0.5 ms"),
        (window(), window(latency={}), Outcome.PASS, "0.00%"),
    ],
    ids=str,
)
def test_errors_and_latency(stable: Window, trial: Window, outcome: Outcome, words: str) -> None:
    verdict = analyse(ANALYSIS, stable, trial)

    assert verdict.outcome is outcome
    assert words in verdict.message


def test_only_what_decided_is_said_of_a_failure() -> None:
    message = analyse(ANALYSIS, window(), window(errors=2)).message

    assert "refused or failed" in message
    assert "nine of ten" not in message


@pytest.mark.parametrize(
    ("trial", "is_worse"),
    [
        (window(), False),
        (window(errors=2), False),
        (window(errors=9), False),
        (window(errors=20), True),
        (window(errors=100), True),
        (window(10_000, errors=200, latency={}), True),
        (window(latency=SLOW), True),
        (window(latency={0.01: 85, 0.1: 100, INFINITY: 100}), False),
        (window(latency={0.01: 75, 0.1: 100, INFINITY: 100}), True),
        (window(49, errors=49), False),
        (window(classes={"cat": 100}), False),
    ],
)
def test_a_version_that_clients_clearly_suffer_from_is_seen_early(
    trial: Window, is_worse: bool
) -> None:
    analysis = Analysis(min_requests=50, max_prediction_shift="0.1")
    stable = window(classes={"dog": 100})

    assert (clearly_worse(analysis, stable, trial) is not None) == is_worse


@pytest.mark.parametrize(
    ("latency", "share", "seconds"),
    [
        ({}, 0.9, None),
        ({0.1: 0, INFINITY: 0}, 0.9, None),
        ({0.1: 10, INFINITY: 10}, 0.5, 0.05),  # spread evenly from 0
        ({0.1: 5, 0.2: 10, INFINITY: 10}, 0.5, 0.1),
        ({0.1: 5, 0.2: 10, INFINITY: 10}, 0.75, 0.15),
        ({0.1: 5, 0.2: 5, INFINITY: 10}, 0.9, 0.2),  # beyond the last finite bound
    ],
)
def test_a_quantile_is_that_of_prometheus(
    latency: dict[float, int], share: float, seconds: float | None
) -> None:
    assert quantile(latency, share) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("seconds", "share"), [(0.05, 0.25), (0.1, 0.5), (0.15, 0.7), (0.2, 0.9), (9.0, 0.9)]
)
def test_the_share_within_a_time_is_the_quantile_the_other_way(
    seconds: float, share: float
) -> None:
    latency = {0.1: 50, 0.2: 90, INFINITY: 100}

    assert share_within(latency, seconds) == pytest.approx(share)
    if seconds <= 0.2:
        assert quantile(latency, share) == pytest.approx(seconds)


def values(count: int, mean: float, variance: float) -> Window:
    squares = count * (variance + mean * mean)
    return window(predictions=count, prediction_sum=count * mean, prediction_squares=squares)


@pytest.mark.parametrize(
    ("stable", "trial", "shift"),
    [
        ({"cat": 50, "dog": 50}, {"cat": 5, "dog": 5}, 0.0),
        ({"cat": 50, "dog": 50}, {"cat": 60, "dog": 40}, 0.1 * math.log(1.2) - 0.1 * math.log(0.8)),
        ({"cat": 100}, {"dog": 100}, 2 * 0.9999 * math.log(10_000)),
        ({"cat": 100, "dog": 0}, {"cat": 100}, 0.0),
    ],
)
def test_the_shift_of_labels_is_their_stability_index(
    stable: dict[str, int], trial: dict[str, int], shift: float
) -> None:
    found = prediction_shift(window(classes=stable), window(classes=trial))

    assert found == pytest.approx(shift)


@pytest.mark.parametrize(
    ("stable", "trial", "shift"),
    [
        (values(10, 5.0, 4.0), values(99, 5.0, 4.0), 0.0),
        (values(10, 5.0, 4.0), values(10, 7.0, 4.0), 1.0),  # one standard deviation away
        (values(10, 0.0, 1.0), values(10, 0.0, 4.0), 0.5 * (0.25 + 4) - 1),
        (values(10, 5.0, 0.0), values(10, 5.0, 0.0), 0.0),  # constant traffic
        (values(10, 100.0, 0.0), values(10, 101.0, 0.0), (1 / 1.01) ** 2),
        (values(10, 0.0, 0.0), values(10, 0.0, 0.0), 0.0),
    ],
)
def test_the_shift_of_numbers_is_the_divergence_of_two_normal_distributions(
    stable: Window, trial: Window, shift: float
) -> None:
    assert prediction_shift(stable, trial) == pytest.approx(shift, abs=1e-9)
    assert prediction_shift(trial, stable) == pytest.approx(shift, abs=1e-9)


def test_labels_instead_of_numbers_are_infinitely_far() -> None:
    assert prediction_shift(values(10, 5.0, 1.0), window(classes={"cat": 10})) == INFINITY


@pytest.mark.parametrize(
    ("bound", "trial", "outcome", "words"),
    [
        (None, values(100, 9.0, 1.0), Outcome.PASS, ""),
        ("0.25", values(100, 5.1, 1.0), Outcome.PASS, "predictions moved by 0.01 (at most 0.25)"),
        ("0.25", values(100, 9.0, 1.0), Outcome.FAIL, "predictions moved by 16 (at most 0.25)"),
        ("0.25", window(), Outcome.INCONCLUSIVE, "no predictions to compare"),
    ],
)
def test_predictions_may_move_so_far(
    bound: str | None, trial: Window, outcome: Outcome, words: str
) -> None:
    analysis = Analysis(min_requests=50, max_prediction_shift=bound)

    verdict = analyse(analysis, values(100, 5.0, 1.0), trial)

    assert verdict.outcome is outcome
    assert words in verdict.message


@pytest.mark.parametrize(
    ("shadow", "bound", "outcome", "words"),
    [
        (
            {"same": 1228, "different": 12, "failed": 3},
            None,
            Outcome.PASS,
            "of 1,240 answers 12 differ, 3 failed",
        ),
        (
            {"same": 99, "different": 1},
            "0.01",
            Outcome.PASS,
            "100 answers 1 differ (at most 1.00%)",
        ),
        ({"same": 98, "different": 2}, "0.01", Outcome.FAIL, "of 100 answers 2 differ"),
        ({"same": 9, "different": 40}, "0.01", Outcome.INCONCLUSIVE, "compare: 49 of 50"),
        ({"failed": 200}, "0.01", Outcome.INCONCLUSIVE, "compare: 0 of 50"),
        ({}, None, Outcome.PASS, "0.00%"),
    ],
)
def test_answers_to_copied_requests(
    shadow: dict[str, int], bound: str | None, outcome: Outcome, words: str
) -> None:
    verdict = analyse(ANALYSIS, window(shadow=shadow), window(), bound)

    assert verdict.outcome is outcome
    assert words in verdict.message


counts = st.integers(0, 10_000)


@given(
    st.dictionaries(st.sampled_from("abcd"), counts),
    st.dictionaries(st.sampled_from("abcd"), counts),
)
def test_an_index_of_labels_is_finite_and_never_negative(
    one: dict[str, int], other: dict[str, int]
) -> None:
    shift = prediction_shift(window(classes=one), window(classes=other))

    assert shift is None or (math.isfinite(shift) and shift >= 0)


@given(st.lists(counts, min_size=2, max_size=8), st.floats(0.01, 0.99))
def test_a_quantile_lies_within_the_bounds(increments: list[int], share: float) -> None:
    latency, total = {}, 0
    for number, increment in enumerate(increments):
        total += increment
        latency[INFINITY if number == len(increments) - 1 else 0.1 * (number + 1)] = total

    found = quantile(latency, share)

    assert (found is None) == (total == 0)
    assert found is None or 0 <= found <= 0.1 * len(increments)
