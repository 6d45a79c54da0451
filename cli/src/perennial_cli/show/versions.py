"""Tables of versions: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from perennial_cli.show.table import Table
from perennial_cli.show.texts import NOTHING, age, shown
from perennial_cli.views import VersionDetails, VersionView
from perennial_core.report import timestamp


def versions_table(versions: Sequence[VersionView], now: datetime, title: str = "") -> Table:
    """Return the history of a model, a line for each version."""
    return Table(
        ("VERSION", "STATE", "SCORE", "DECIDED BY", "AGE", "MESSAGE"),
        [
            (
                *(str(view.version), view.state, shown(view.score), shown(view.decided_by)),
                *(age(view.created, now), shown(view.message)),
            )
            for view in versions
        ],
        title,
    )


def version_tables(view: VersionDetails, now: datetime) -> list[Table]:
    """Return all that is known of one version."""
    facts = [
        ("version", f"{view.namespace}/{view.model} {view.version}"),
        ("state", view.state),
        ("message", shown(view.message)),
        ("created", _time(view.created, now)),
        ("digest", shown(view.digest)),
        ("format", shown(view.format)),
        ("promoted from", shown(view.promoted_from)),
        *_manifest_facts(view.manifest or {}),
        *_decision(view, now),
    ]
    known = [fact for fact in facts if fact[1] != NOTHING]
    return [Table(rows=known), _metrics(view), _gate(view)]


def _decision(view: VersionView, now: datetime) -> list[tuple[str, str]]:
    if view.decided_by is None:
        return []
    by = f"{view.decided_by}, {_time(view.decided_at, now)}"
    return [("decided by", by), ("reason", shown(view.reason))]


def _time(at: datetime | None, now: datetime) -> str:
    return NOTHING if at is None else f"{timestamp(at)} ({age(at, now)} ago)"


def _manifest_facts(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what only a manifest tells."""
    if not manifest:
        return []
    rows, parity = manifest["rows"], manifest["parity"]
    facts: dict[str, Any] = {
        "why not ONNX": manifest.get("formatReason"),
        "size": f"{manifest['size']} bytes",
        "task": manifest["task"],
        "estimator": manifest["estimator"],
        "inputs": columns_text(manifest["inputs"]),
        "outputs": columns_text(manifest["outputs"]),
        "classes": manifest.get("classes"),
        "rows": f"{rows['training']} to train on, {rows['holdout']} held out",
        "data": manifest["dataFingerprint"],
        "training spec": manifest["trainingSpecHash"],
        "run": f"{manifest['runId']}, {manifest['durationSeconds']:.3g} s",
        "parity": f"error {parity['error']:.3g}, tolerance {parity['tolerance']:.3g}",
        "drift": drift_text(manifest.get("drift")),
        "libraries": ", ".join(f"{k} {v}" for k, v in sorted(manifest["libraries"].items())),
    }
    return [(name, shown(value)) for name, value in facts.items() if value not in (None, "")]


def columns_text(columns: Sequence[dict[str, Any]]) -> str:
    """Return a model's inputs or outputs with their types."""
    return ", ".join(f"{column['name']} {type_text(column)}" for column in columns)


def type_text(column: dict[str, Any]) -> str:
    """Return the type of an input or output."""
    return f"{column['type']}{' or missing' if column.get('nullable') else ''}"


def drift_text(drift: dict[str, Any] | None) -> str | None:
    """Return how far the training data moved since the version that served then."""
    if drift is None:
        return None
    moved = (f"{name} {index:.3g}" for name, index in drift["features"].items())
    what = drift.get("problem") or ", ".join(moved)
    return f"since version {drift['incumbentVersion']}: {what}"


def _metrics(view: VersionView) -> Table:
    names = list(dict.fromkeys([*view.metrics, *view.incumbent_metrics]))
    if view.incumbent_version is None:
        return Table(("METRIC", "SCORE"), [(name, view.metrics[name]) for name in names])
    served = f"VERSION {view.incumbent_version}"
    rows = [
        (name, shown(view.metrics.get(name)), shown(view.incumbent_metrics.get(name)))
        for name in names
    ]
    return Table(("METRIC", "SCORE", served), rows)


def _gate(view: VersionView) -> Table:
    checks = view.gate.checks if view.gate else []
    return Table(("GATE", "WHY"), [(check.outcome, check.message) for check in checks])
