"""What pods counted between two looks."""

from __future__ import annotations

from dataclasses import replace

from perennial_core.identity import Version
from perennial_operator.decide.window import Meter, Window
from perennial_operator.pod_report import PodReport, silent

INFINITY = float("inf")
OLD = PodReport(
    "one",
    "1",
    version=Version(1),
    requests=1000,
    errors=100,
    latency=((0.1, 900), (INFINITY, 1000)),
    predictions=1000,
    prediction_sum=-50.0,
    prediction_squares=10.0,
    classes={"cat": 5},
    shadow={"same": 7},
)
LATER = replace(
    OLD,
    requests=1010,
    errors=101,
    latency=((0.1, 905), (INFINITY, 1010)),
    predictions=1010,
    prediction_sum=-60.0,
    prediction_squares=14.0,
    classes={"cat": 6, "dog": 2},
    shadow={"same": 9, "different": 1},
)


def counted(*looks: list[PodReport]) -> Window:
    meter = Meter()
    for reports in looks:
        meter = meter.read(reports)
    return meter.counted


def test_what_was_counted_before_the_first_look_does_not_count() -> None:
    assert counted([OLD]).requests == 0


def test_between_two_looks_counts_what_was_added() -> None:
    assert counted([OLD], [LATER]) == Window(
        requests=10,
        errors=1,
        latency={0.1: 5, INFINITY: 10},
        predictions=10,
        prediction_sum=-10.0,
        prediction_squares=4.0,
        classes={"cat": 1, "dog": 2},
        shadow={"same": 2, "different": 1},
    )


def test_pods_are_added_up() -> None:
    other = [replace(report, uid="2", name="two") for report in (OLD, LATER)]

    assert counted([OLD, other[0]], [LATER, other[1]]).requests == 20


def test_a_pod_that_comes_later_counts_from_zero() -> None:
    late = replace(OLD, uid="2", requests=3)

    assert counted([OLD], [OLD, late]).requests == 3


def test_a_pod_that_did_not_answer_at_first_counts_from_when_it_does() -> None:
    assert counted([silent("one", "1")], [OLD], [LATER]).requests == 10


def test_a_pod_that_began_anew_counts_from_zero_and_what_it_counted_before_stays() -> None:
    anew = PodReport("one", "1", version=Version(1), requests=4, errors=2)

    window = counted([OLD], [LATER], [anew])

    assert (window.requests, window.errors) == (14, 3)


def test_pods_are_silent_until_one_has_answered() -> None:
    silence = silent("one", "1")

    assert not Meter().read([]).is_silent
    assert Meter().read([silence]).is_silent
    assert not Meter().read([silence]).read([OLD]).is_silent


def test_what_a_pod_counted_stays_when_it_goes() -> None:
    assert counted([OLD], [LATER], []).requests == 10


def test_a_pod_that_once_does_not_answer_loses_nothing() -> None:
    assert counted([OLD], [silent("one", "1")], [LATER]).requests == 10
