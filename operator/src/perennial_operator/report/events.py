"""The events that a change of a model's status is worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from perennial_operator.kinds import Body


@dataclass(frozen=True)
class ModelEvent:
    """An event on the model."""

    type: str
    """Normal or Warning."""
    reason: str
    message: str


def events(before: Body, after: Body) -> Iterator[ModelEvent]:
    """Yield an event for each run that ended and each step of a rollout."""
    yield from _run_events(before.get("training", {}), after.get("training", {}))
    yield from _trial_events(_trial(before), _trial(after))
    if _condition(before, "RolledOut") != _condition(after, "RolledOut"):
        yield from _rollout_events(_condition(after, "RolledOut"))
    if _condition(before, "Degraded") != _condition(after, "Degraded"):
        yield from _degraded_events(_condition(after, "Degraded"))


def _run_events(before: Body, after: Body) -> Iterator[ModelEvent]:
    if after.get("lastRun") != before.get("lastRun"):
        outcome = after.get("outcome")
        kind = "Warning" if outcome == "Failed" else "Normal"
        yield ModelEvent(kind, f"Run{outcome}", after.get("message", ""))


def _rollout_events(condition: dict[str, Any]) -> Iterator[ModelEvent]:
    if condition["status"] == "True":
        yield ModelEvent("Normal", "RolledOut", condition["message"])
    elif condition["reason"] == "RollingOut":
        yield ModelEvent("Normal", "RollingOut", condition["message"])
    # One that fails degrades the model, which has its own event.


def _trial_events(before: Body, after: Body) -> Iterator[ModelEvent]:
    """Yield what became of a trial; each with the figures that told."""
    if not after or after == before:
        return
    same = _release(before) == _release(after) and before["state"] in _UNDECIDED
    version, evidence = f"version {after['version']}", after.get("evidence", "")
    if not same and after["state"] in _UNDECIDED:
        text = f"{version} is on trial ({after['strategy']}): {after['message']}"
        yield ModelEvent("Normal", "TrialStarted", text)
    elif same and after["step"] > before["step"]:
        step = f"step {before['step']} of {before['steps']}"
        yield ModelEvent("Normal", "TrialStepPassed", f"{version} passed {step}: {evidence}")
    elif after["state"] != before.get("state"):
        yield from _turn(version, after, evidence)


_UNDECIDED = ("Running", "Waiting")


def _turn(version: str, trial: Body, evidence: str) -> Iterator[ModelEvent]:
    match trial["state"]:
        case "Waiting":
            text = f"{version} is on trial: {trial['message']}"
            yield ModelEvent("Warning", "TrialInconclusive", text)
        case "Passed":
            yield ModelEvent("Normal", "TrialPassed", f"{version} passed its trial: {evidence}")
        case "Failed":
            yield ModelEvent("Warning", "TrialFailed", trial["message"])
        case "Ended":
            text = f"the trial of {version} ended: {trial['message']}"
            yield ModelEvent("Normal", "TrialEnded", text)


def _degraded_events(condition: dict[str, Any]) -> Iterator[ModelEvent]:
    # A failed run has its own event.
    if condition["status"] == "True" and condition["reason"] != "RunFailed":
        yield ModelEvent("Warning", condition["reason"], condition["message"])


def _trial(status: Body) -> Body:
    trial: Body = status.get("rollout", {}).get("trial", {})
    return trial


def _release(trial: Body) -> tuple[Any, Any]:
    return trial.get("version"), trial.get("digest")


def _condition(status: Body, kind: str) -> dict[str, Any]:
    """Return what counts of a condition: not its times."""
    for condition in status.get("conditions", []):
        if condition["type"] == kind:
            return {name: condition[name] for name in ("status", "reason", "message")}
    return {}
