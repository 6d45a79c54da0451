"""How the last run of the trainer ended."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from perennial_core.registry import Registry, Run, RunOutcome
from perennial_core.report import timestamp
from perennial_core.resource import PredictionModel
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster
from perennial_operator.decide.training import LastRun
from perennial_operator.kinds import JOB, Body
from perennial_operator.observe import (
    FinishedRun,
    finished_run,
    is_waiting,
    last_finished_run,
    pod_hindrance,
    pod_problem,
    with_remedy,
)
from perennial_operator.references import missing_reference
from perennial_operator.state import RegistryState


class RunReader:
    """Tells how runs ended: as they recorded themselves, or as Kubernetes saw them end."""

    def __init__(self, cluster: Cluster, cache: Cache, registry: Registry) -> None:
        self._cluster = cluster
        self._cache = cache
        self._registry = registry

    async def last_run(
        self, model: PredictionModel, registry: RegistryState | None
    ) -> LastRun | None:
        """Return the run that ended last; a run that died before it could tell is among them."""
        stored = stored_run(model)
        recorded = _later(_recorded(registry), stored)
        job = last_finished_run(self._cache.owned_of_kind(model.key, JOB.name))
        if job is None or job.succeeded or _is_told(job, recorded):
            return recorded
        if stored is not None and stored.run_id == job.run_id:
            return stored
        message = await self._why_failed(model, job)
        return LastRun(job.run_id, RunOutcome.FAILED, message, job.ended)

    async def requested_run(
        self, model: PredictionModel, registry: RegistryState | None, run_id: str | None
    ) -> LastRun | None:
        """Return how the run ended that a person asked for, whatever other runs did since.

        Raises:
            RegistryUnavailable: Redis does not answer.
            RegistryRefused: Redis refuses.
        """
        stored = _stored_request(model)
        if run_id is None or (stored is not None and stored.run_id == run_id):
            return stored
        jobs = self._cache.owned_of_kind(model.key, JOB.name)
        job = finished_run(jobs, run_id)
        runs = [] if registry is None else await self._registry.runs(model.key)
        run = next((run for run in runs if run.run_id == run_id), None)
        if run is not None and not (run.retryable and job is None and _is_among(jobs, run_id)):
            return _ended(run)
        if job is None or job.succeeded:
            return None
        message = await self._why_failed(model, job)
        return LastRun(run_id, RunOutcome.FAILED, message, job.ended)

    async def _why_failed(self, model: PredictionModel, job: FinishedRun) -> str:
        runs, field = model.spec.runs, model.spec.runs_field
        if runs is not None and job.reason == "DeadlineExceeded":
            limit = runs.timeout_seconds
            if missing := await missing_reference(self._cluster, model):
                return f"the run could not start within {limit} s: {missing}"
            return f"the run took longer than {field}.timeoutSeconds ({limit} s)"
        pods = await self._pods(model, job.run_id)
        problem = pod_problem(pods) or f"{job.reason}: {job.message}"
        return with_remedy(problem, f"{field}.resources.limits.memory")

    async def why_waiting(self, model: PredictionModel) -> str | None:
        """Return why a run's pods do not start; None when they did, or may be about to."""
        for job in self._cache.owned_of_kind(model.key, JOB.name):
            if is_waiting(job, datetime.now(UTC)):
                if missing := await missing_reference(self._cluster, model):
                    return missing
                return pod_hindrance(await self._pods(model, job["metadata"]["uid"]))
        return None

    async def _pods(self, model: PredictionModel, run_id: str) -> list[Body]:
        selector = f"batch.kubernetes.io/controller-uid={run_id}"
        return await self._cluster.pods(model.metadata.namespace, selector)


def _is_told(job: FinishedRun, recorded: LastRun | None) -> bool:
    """Return whether what is recorded is of this run or of a later one."""
    return recorded is not None and (recorded.run_id == job.run_id or recorded.ended > job.ended)


def _later(one: LastRun | None, other: LastRun | None) -> LastRun | None:
    """Return the run that ended later; the registry may know nothing of one that died."""
    known = [run for run in (one, other) if run is not None]
    return max(known, key=lambda run: run.ended, default=None)


def stored_run(model: PredictionModel) -> LastRun | None:
    """Return the run that ended last as the model's status remembers it."""
    training = model.status.get("training") or {}
    if "lastRun" not in training:
        return None
    return LastRun(
        training["lastRun"],
        RunOutcome(training["outcome"]),
        training.get("message", ""),
        training["ended"],
    )


def _recorded(registry: RegistryState | None) -> LastRun | None:
    run = registry.snapshot.last_run if registry else None
    return None if run is None else _ended(run)


def _ended(run: Run) -> LastRun:
    return LastRun(run.run_id, run.outcome, run.message, timestamp(run.ended))


def _stored_request(model: PredictionModel) -> LastRun | None:
    """Return how the run that was asked for ended, as the model's status remembers it."""
    stored = (model.status.get("training") or {}).get("requestedRun", {})
    if "outcome" not in stored:
        return None
    outcome = RunOutcome(stored["outcome"])
    return LastRun(stored["runId"], outcome, stored.get("message", ""), stored["ended"])


def _is_among(jobs: Collection[Body], run_id: str) -> bool:
    return any(job["metadata"]["uid"] == run_id for job in jobs)
