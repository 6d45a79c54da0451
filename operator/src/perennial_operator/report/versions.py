"""What a ModelVersion says of its version, and the event that a change of it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perennial_core.decisions import Ruling, State
from perennial_core.manifest import Manifest
from perennial_core.registry import Decision
from perennial_core.resource.gate import GateSpec
from perennial_operator.kinds import Body
from perennial_operator.report.events import ModelEvent
from perennial_operator.report.texts import scores_text, timestamp

_TOLD = {
    State.APPROVED: "Normal",
    State.AWAITING_APPROVAL: "Normal",
    State.DENIED: "Warning",
    State.REJECTED: "Warning",
}
"""The states that are worth an event of their own, and its type; rollouts have theirs."""


def version_status(
    gate: GateSpec, manifest: Manifest, ruling: Ruling, decision: Decision | None
) -> Body:
    """Return the status of a ModelVersion."""
    metrics = manifest.metrics
    status: dict[str, Any] = {
        "state": str(ruling.state),
        "message": ruling.message,
        "digest": str(manifest.digest),
        "format": str(manifest.format),
        "created": timestamp(manifest.created),
        "metrics": scores_text(metrics.candidate),
        "incumbentMetrics": scores_text(metrics.incumbent or {}),
        "incumbentVersion": metrics.incumbent_version,
        "score": _score(gate, metrics.candidate),
        "gate": {
            "outcome": str(ruling.verdict.outcome),
            "checks": [
                {"outcome": str(check.outcome), "message": check.message}
                for check in ruling.verdict.checks
            ],
        },
    }
    if decision is not None:
        status |= {
            "decidedBy": decision.by,
            "decidedAt": timestamp(decision.at),
            "reason": decision.reason,
        }
    return {name: value for name, value in status.items() if value is not None}


def version_event(version: int, before: Body, after: Body) -> ModelEvent | None:
    """Return the event on the model that a changed ModelVersion is worth, if it is worth one."""
    state = State(after["state"])
    if state not in _TOLD or before.get("state") == after["state"]:
        return None
    return ModelEvent(_TOLD[state], str(state), f"version {version}: {after['message']}")


def _score(gate: GateSpec, scores: Mapping[str, float | None]) -> str | None:
    """Return the first metric of the gate, or else of all, with its value."""
    names = [metric.name for metric in gate.metrics] + list(scores)
    measured = (f"{name} {scores[name]:.4g}" for name in names if scores.get(name) is not None)
    return next(measured, None)
