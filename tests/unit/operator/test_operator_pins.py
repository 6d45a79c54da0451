"""The events that a changed pin is worth."""

from __future__ import annotations

from typing import Any

import pytest

from perennial_core.resource import RolloutSpec
from perennial_operator.report.pins import pin_events

NOBODY = "somebody who left no name in spec.rollout.pinChangedBy"


def status(pinned: int | None, serving: int | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if pinned is not None:
        body["rollout"] = {"pinnedVersion": pinned, "pinnedGeneration": 2}
    if serving is not None:
        body["serving"] = {"version": serving, "digest": "d"}
    return body


@pytest.mark.parametrize(
    ("before", "after", "by", "reason", "message"),
    [
        (
            *(status(None, 5), status(3, 5), "alice"),
            *("RolledBack", "version 3 was pinned by alice; version 5 served"),
        ),
        (
            *(status(3, 3), status(5, 3), "bob"),
            *("Pinned", "version 5 was pinned by bob; version 3 served"),
        ),
        (
            *(status(None, 5), status(5, 5), None),
            *("Pinned", f"version 5 was pinned by {NOBODY}; version 5 served"),
        ),
        (
            *(status(3, 3), status(None, 3), "alice"),
            *("Unpinned", "version 3 was unpinned by alice; version 3 served"),
        ),
        ({}, status(3), "alice", "Pinned", "version 3 was pinned by alice; none served"),
    ],
)
def test_a_changed_pin_is_an_event_with_its_author(
    before: dict[str, Any], after: dict[str, Any], by: str | None, reason: str, message: str
) -> None:
    (event,) = pin_events(RolloutSpec(pin_changed_by=by), before, after)
    assert (event.type, event.reason, event.message) == ("Normal", reason, message)


def test_a_pin_that_stays_is_none() -> None:
    spec = RolloutSpec(pin_changed_by="alice")
    assert list(pin_events(spec, status(3, 5), status(3, 3))) == []
    assert list(pin_events(spec, {}, status(None, 3))) == []
