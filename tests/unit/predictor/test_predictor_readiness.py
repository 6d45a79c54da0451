"""When a predictor gets requests, and when it ends."""

from __future__ import annotations

import pytest
from served_models import KEY, line

from perennial_core.identity import Version
from perennial_predictor.drain import Drain
from perennial_predictor.readiness import readiness

SERVED = line().stored(version=3).manifest


@pytest.mark.parametrize(
    ("served", "expected", "fixed", "problem", "draining", "reason"),
    [
        (True, 3, True, None, False, None),
        (True, 3, False, None, False, None),
        (True, 4, False, "Redis does not answer", False, None),
        (True, None, False, "Redis does not answer", False, None),
        (True, 4, True, "digest differs", False, "digest differs"),
        (False, 3, True, "digest differs", False, "digest differs"),
        (False, 3, True, None, False, "the version is being loaded"),
        (False, None, False, None, False, "the version is being loaded"),
        (True, 3, True, None, True, "draining: the process is about to end"),
    ],
)
def test_readiness(
    served: bool,
    expected: int | None,
    fixed: bool,
    problem: str | None,
    draining: bool,
    reason: str | None,
) -> None:
    said = readiness(
        key=KEY,
        served=SERVED if served else None,
        expected=None if expected is None else Version(expected),
        fixed=fixed,
        problem=problem,
        draining=draining,
    )
    assert said.reason == reason
    assert said.ready is (reason is None)
    assert said.version == (3 if served else None)
    assert said.problem == problem


@pytest.mark.parametrize(
    ("elapsed", "connections", "ends"),
    [
        (0.0, 0, False),
        (4.9, 0, False),
        (5.0, 0, True),
        (5.0, 1, False),
        (11.9, 1, False),
        (12.0, 1, True),
    ],
)
def test_a_drain_ends_when_clients_are_gone_but_not_too_soon_and_not_too_late(
    elapsed: float, connections: int, ends: bool
) -> None:
    drain = Drain(min_seconds=5.0, max_seconds=15.0)
    drain.begin(100.0)
    assert drain.accepts_no_more(100.0 + elapsed, connections) is ends


def test_what_is_in_flight_at_the_end_has_the_rest_of_the_time() -> None:
    drain = Drain(min_seconds=5.0, max_seconds=15.0)
    drain.begin(100.0)
    assert drain.finishing_seconds(112.0) == 3.0
    assert drain.finishing_seconds(120.0) == 0.0


def test_without_a_signal_nothing_ends() -> None:
    drain = Drain(min_seconds=0.0, max_seconds=0.0)
    assert not drain.accepts_no_more(1e9, 0)
    assert not drain.under_way
