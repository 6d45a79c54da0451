"""How versions, times and scores are told, in the cluster and on one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from perennial_core.decisions import Ruling, State
from perennial_core.manifest import Manifest
from perennial_core.registry import Decision
from perennial_core.resource.gate import GateSpec


def timestamp(at: datetime) -> str:
    """Return a time of UTC as Kubernetes writes it, RFC 3339."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def scores_text(scores: Mapping[str, float | None]) -> dict[str, str]:
    """Return the scores that are numbers, as strings."""
    return {name: f"{score:.6g}" for name, score in scores.items() if score is not None}


def told_how_to_approve(ruling: Ruling, command: str) -> Ruling:
    """Return the ruling which, where a person has to decide, says how.

    Args:
        ruling: What is said of a version.
        command: The command line that lets it serve.
    """
    if ruling.state is not State.AWAITING_APPROVAL:
        return ruling
    return replace(ruling, message=f"{ruling.message}; `{command}` lets it serve")


def version_status(
    gate: GateSpec, manifest: Manifest, ruling: Ruling, decision: Decision | None
) -> dict[str, Any]:
    """Return the status of a ModelVersion."""
    metrics = manifest.metrics
    status: dict[str, Any] = {
        "state": str(ruling.state),
        "message": ruling.message,
        "digest": str(manifest.digest),
        "promotedFrom": str(manifest.promoted_from) if manifest.promoted_from else None,
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


def _score(gate: GateSpec, scores: Mapping[str, float | None]) -> str | None:
    """Return the first metric of the gate, or else of all, with its value."""
    names = [metric.name for metric in gate.metrics] + list(scores)
    measured = (f"{name} {scores[name]:.4g}" for name in names if scores.get(name) is not None)
    return next(measured, None)
