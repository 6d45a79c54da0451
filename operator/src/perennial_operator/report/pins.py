"""The events that a changed pin is worth: who went back, held a version or let go of it."""

from __future__ import annotations

from collections.abc import Iterator

from perennial_core.resource import RolloutSpec
from perennial_operator.kinds import Body
from perennial_operator.report.events import ModelEvent

_NOBODY = "somebody who left no name in spec.rollout.pinChangedBy"


def pin_events(spec: RolloutSpec, before: Body, after: Body) -> Iterator[ModelEvent]:
    """Yield the event of a pin that was set, changed or removed.

    Args:
        spec: What the pin is now. A policy sees to it that the name in it is that of who changed
            the pin.
        before: The model's status, which remembers the pin.
        after: Its new status.
    """
    old, new = (status.get("rollout", {}).get("pinnedVersion") for status in (before, after))
    if old == new:
        return
    served = before.get("serving", {}).get("version")
    by, then = (
        spec.pin_changed_by or _NOBODY,
        f"version {served} served" if served else "none served",
    )
    if new is None:
        yield ModelEvent("Normal", "Unpinned", f"version {old} was unpinned by {by}; {then}")
    else:
        reason = "RolledBack" if served is not None and new < served else "Pinned"
        yield ModelEvent("Normal", reason, f"version {new} was pinned by {by}; {then}")
