"""The event that a change of a version is worth."""

from __future__ import annotations

from perennial_core.decisions import State
from perennial_operator.kinds import Body
from perennial_operator.report.events import ModelEvent

_TOLD = {
    State.APPROVED: "Normal",
    State.AWAITING_APPROVAL: "Normal",
    State.DENIED: "Warning",
    State.REJECTED: "Warning",
}
"""The states that are worth an event of their own, and its type; rollouts have theirs."""


def version_event(version: int, before: Body, after: Body) -> ModelEvent | None:
    """Return the event on the model that a changed ModelVersion is worth, if it is worth one."""
    state = State(after["state"])
    if state not in _TOLD or before.get("state") == after["state"]:
        return None
    return ModelEvent(_TOLD[state], str(state), f"version {version}: {after['message']}")
