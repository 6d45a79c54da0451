"""When a version counts as rolled out, and when as failed."""

from __future__ import annotations

import pytest
from builders import NOW

from perennial_cli.local.rollout import Pin, Rollout, is_news
from perennial_core.identity import Version
from perennial_core.registry import Failure

V1, V2, V3 = Version(1), Version(2), Version(3)


@pytest.mark.parametrize(
    ("before", "serving", "answering", "after"),
    [
        (Rollout(), None, None, Rollout()),
        (Rollout(), V1, None, Rollout(None, V1, 50.0)),
        (Rollout(None, V1, 10.0), V1, None, Rollout(None, V1, 10.0)),
        (Rollout(None, V1, 10.0), V1, V1, Rollout(V1)),
        (Rollout(V1), V2, V1, Rollout(V1, V2, 50.0)),
        (Rollout(V1, V2, 10.0), V2, V1, Rollout(V1, V2, 10.0)),
        (Rollout(V1, V2, 10.0), V3, V1, Rollout(V1, V3, 50.0)),
        (Rollout(V1, V2, 10.0), V2, V2, Rollout(V2)),
        (Rollout(V1, V2, 10.0), V1, V1, Rollout(V1)),
        # Started again after a crash, it answers with its copy until it has caught up.
        (Rollout(), V2, V1, Rollout(V1, V2, 50.0)),
        # A crash is not held against a version that has answered.
        (Rollout(V2), V2, None, Rollout(V2)),
    ],
)
def test_a_look_at_the_predictor(
    before: Rollout, serving: Version | None, answering: Version | None, after: Rollout
) -> None:
    assert before.seen(serving=serving, answering=answering, now=50.0) == after


@pytest.mark.parametrize(
    ("rollout", "now", "expected"),
    [
        (Rollout(V1), 1000.0, False),
        (Rollout(V1, V2, 100.0), 159.0, False),
        (Rollout(V1, V2, 100.0), 160.0, True),
    ],
)
def test_a_rollout_is_overdue_after_its_deadline(
    rollout: Rollout, now: float, expected: bool
) -> None:
    assert rollout.overdue(deadline=60.0, now=now) is expected


def test_a_failure_is_recorded_once_for_each_time_it_is_pinned() -> None:
    failure = Failure(reason="r", message="m", at=NOW, generation=5)
    assert is_news(None, 5)
    assert not is_news(failure, 5)
    assert is_news(failure, 6)


def test_a_pin_is_as_old_as_its_version_whatever_else_is_edited() -> None:
    first = Pin().seen(None, 5)
    assert first == Pin(None, 5)
    pinned = first.seen(V1, 6)
    assert pinned.seen(V1, 7) == Pin(V1, 6)
    assert pinned.seen(V2, 8) == Pin(V2, 8)
