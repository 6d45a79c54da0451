"""The model's status, as it is stored."""

from __future__ import annotations

from typing import Any

from perennial_core.errors import shortened
from perennial_core.report import scores_text, timestamp
from perennial_core.resource import PredictionModel
from perennial_operator.build.metadata import selector
from perennial_operator.decide.rollout import RolloutMemory
from perennial_operator.decide.training import LastRun
from perennial_operator.decide.trial_record import Trial
from perennial_operator.kinds import Body
from perennial_operator.report.conditions import Condition, conditions, stamped, standing
from perennial_operator.state import ModelState, Problem, RegistryState


def build_status(model: PredictionModel, state: ModelState, now: str) -> Body:
    """Return the status of a model.

    Args:
        model: The model, with its status so far.
        state: What the reconcile found out.
        now: The time of a condition that changes, RFC 3339.
    """
    before, generation = model.status, model.metadata.generation
    live = state.live
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": _conditions(state, _by_type(before), generation, now),
        "replicas": live.replicas if live else 0,
        "readyReplicas": live.ready if live else 0,
        "selector": ",".join(f"{k}={v}" for k, v in sorted(selector(model, "predictor").items())),
        "training": _training(state),
        "rollout": _rollout(state.plan.memory),
        "serving": _serving(state.plan.memory),
        "latest": _latest(state.registry) if state.registry else before.get("latest"),
    }
    return {name: value for name, value in status.items() if value is not None}


def refused_status(before: Body, generation: int, problem: Problem, now: str) -> Body:
    """Return the status of a model whose spec cannot be read: as before, but degraded."""
    degraded = Condition("Degraded", "True", str(problem.trouble), problem.message)
    stored = _by_type(before)
    stored["Degraded"] = stamped(degraded, stored.get("Degraded"), generation, now)
    return {**before, "observedGeneration": generation, "conditions": list(stored.values())}


def _by_type(status: Body) -> dict[str, Body]:
    return {item["type"]: item for item in status.get("conditions", [])}


def _conditions(
    state: ModelState, before: dict[str, Body], generation: int, now: str
) -> list[Body]:
    stay = standing(state) & before.keys()
    return [
        before[condition.type]
        if condition.type in stay
        else stamped(condition, before.get(condition.type), generation, now)
        for condition in conditions(state)
    ]


def _training(state: ModelState) -> Body:
    run: LastRun | None = state.last_run
    stored = {
        "specHash": state.training.spec_hash,
        "requested": state.training.requested,
        "requestedRun": _requested_run(state),
        "offered": state.training.offered,
        "lastRun": run.run_id if run else None,
        **_end(run),
    }
    return {name: value for name, value in stored.items() if value is not None}


def _requested_run(state: ModelState) -> Body | None:
    run_id = state.training.requested_run
    return None if run_id is None else {"runId": run_id, **_end(state.requested_run)}


def _end(run: LastRun | None) -> Body:
    """Return how a run ended."""
    if run is None:
        return {}
    return {"outcome": str(run.outcome), "message": shortened(run.message), "ended": run.ended}


def _rollout(memory: RolloutMemory) -> Body | None:
    stored: dict[str, Any] = {}
    if memory.proven is not None:
        stored["template"] = memory.proven.template
        stored |= _release(memory.proven.release.version, memory.proven.release.digest)
    if memory.failed_settings is not None:
        stored |= {"failedSettings": memory.failed_settings, "failure": memory.failure}
    if memory.pin is not None:
        stored |= {
            "pinnedVersion": int(memory.pin.version),
            "pinnedGeneration": memory.pin.generation,
        }
    if memory.swap is not None:
        release, since = memory.swap.release, timestamp(memory.swap.since)
        stored["swapping"] = {**_release(release.version, release.digest), "since": since}
    if memory.trial is not None:
        stored["trial"] = _trial(memory.trial)
    return stored or None


def _trial(trial: Trial) -> Body:
    stored = {
        **_release(trial.release.version, trial.release.digest),
        "strategy": str(trial.strategy),
        "step": trial.step,
        "steps": trial.steps,
        "state": str(trial.state),
        "since": trial.since,
        "message": shortened(trial.message),
        "evidence": trial.evidence,
    }
    return {name: value for name, value in stored.items() if value is not None}


def _serving(memory: RolloutMemory) -> Body | None:
    if memory.proven is None:
        return None
    return _release(memory.proven.release.version, memory.proven.release.digest)


def _latest(registry: RegistryState) -> Body | None:
    manifest = registry.latest
    if manifest is None:
        return None
    return {
        **_release(manifest.version, manifest.digest),
        "created": timestamp(manifest.created),
        "format": str(manifest.format),
        "metrics": scores_text(manifest.metrics.candidate),
    }


def _release(version: int, digest: str) -> Body:
    return {"version": int(version), "digest": str(digest)}
