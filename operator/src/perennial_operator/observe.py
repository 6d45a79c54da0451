"""Reads what lives in the cluster into the plain data that decisions take. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from perennial_core.identity import Digest, Version
from perennial_core.resource import PredictionModel
from perennial_core.resource.rollout import Strategy
from perennial_operator.build.deployment import TEMPLATE_ANNOTATION, Release
from perennial_operator.decide.rollout import Attempt, LiveDeployment, Pin, Progress, RolloutMemory
from perennial_operator.decide.swap import Answers, Swap
from perennial_operator.decide.training import TrainingMemory
from perennial_operator.decide.trial_record import Trial, TrialState
from perennial_operator.kinds import Body
from perennial_operator.pod_report import PodReport


@dataclass(frozen=True)
class FinishedRun:
    """A Job that ended, as Kubernetes sees it."""

    run_id: str
    succeeded: bool
    reason: str
    message: str
    ended: str


def live_deployment(body: Body | None, answers: Answers = ()) -> LiveDeployment | None:
    """Return the state of a Deployment, and what its pods answer with; None: there is none."""
    if body is None:
        return None
    status = body.get("status", {})
    return LiveDeployment(
        template_hash=body["metadata"].get("annotations", {}).get(TEMPLATE_ANNOTATION, ""),
        progress=_progress(body, status),
        uniform=status.get("updatedReplicas", 0) == status.get("replicas", 0),
        replicas=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        answers=answers,
    )


def live_release(body: Body | None) -> Release | None:
    """Return the release that a Deployment's pods are told to serve."""
    return None if body is None else told_release(body["spec"]["template"])


def told_release(pod: Body) -> Release | None:
    """Return the release that a pod, or a pod template, is told to serve; None: it follows."""
    container = pod["spec"]["containers"][0]
    variables = {item["name"]: item.get("value", "") for item in container.get("env", [])}
    version, digest = variables.get("PERENNIAL_VERSION"), variables.get("PERENNIAL_DIGEST")
    return Release(Version(int(version)), Digest(digest)) if version and digest else None


def answered_release(report: PodReport) -> Release | None:
    """Return the release that a pod says it serves."""
    if report.version is None or report.digest is None:
        return None
    return Release(report.version, report.digest)


def _progress(body: Body, status: Mapping[str, Any]) -> Progress:
    wanted = body["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < body["metadata"].get("generation", 0):
        return Progress.UNOBSERVED
    if wanted == 0:
        return Progress.SCALED_TO_ZERO
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    if updated == total == wanted == status.get("availableReplicas", 0):
        return Progress.COMPLETE
    for condition in status.get("conditions", []):
        if condition["type"] == "Progressing" and condition["status"] == "False":
            return Progress.FAILED
    return Progress.PROGRESSING


def rollout_memory(model: PredictionModel) -> RolloutMemory:
    """Return what the model's status remembers of its rollouts, and what its spec pins now."""
    stored = model.status.get("rollout") or {}
    proven = None
    if stored.get("template", {}).get("spec", {}).get("containers"):
        release = Release(Version(stored["version"]), Digest(stored["digest"]))
        proven = Attempt(stored["template"], release)
    return RolloutMemory(
        proven,
        stored.get("failedSettings"),
        stored.get("failure"),
        _pin(model, stored),
        _swap(stored.get("swapping")),
        _trial(stored.get("trial")),
    )


def _trial(stored: Body | None) -> Trial | None:
    if stored is None:
        return None
    return Trial(
        release=Release(Version(stored["version"]), Digest(stored["digest"])),
        strategy=Strategy(stored["strategy"]),
        step=stored["step"],
        steps=stored["steps"],
        state=TrialState(stored["state"]),
        since=stored["since"],
        message=stored["message"],
        evidence=stored.get("evidence"),
    )


def _swap(stored: Body | None) -> Swap | None:
    if stored is None:
        return None
    release = Release(Version(stored["version"]), Digest(stored["digest"]))
    return Swap(release, datetime.fromisoformat(stored["since"]))


def _pin(model: PredictionModel, stored: Body) -> Pin | None:
    pinned = model.spec.rollout.pinned_version
    if pinned is None:
        return None
    if stored.get("pinnedVersion") == pinned:
        return Pin(Version(pinned), stored["pinnedGeneration"])
    return Pin(Version(pinned), model.metadata.generation)


def training_memory(model: PredictionModel) -> TrainingMemory:
    """Return what the model's status remembers of its runs."""
    stored = model.status.get("training") or {}
    return TrainingMemory(
        stored.get("specHash"),
        stored.get("requested"),
        stored.get("offered"),
        stored.get("requestedRun", {}).get("runId"),
    )


def is_degraded(model: PredictionModel) -> bool:
    """Return whether the model's status says that something is wrong."""
    return any(
        (condition["type"], condition["status"]) == ("Degraded", "True")
        for condition in model.status.get("conditions", [])
    )


def last_finished_run(jobs: Iterable[Body]) -> FinishedRun | None:
    """Return the Job that ended last, if any did."""
    finished = [run for job in jobs if (run := _finished(job)) is not None]
    return max(finished, key=lambda run: run.ended, default=None)


def finished_run(jobs: Iterable[Body], run_id: str) -> FinishedRun | None:
    """Return this run's Job, if it ended and is still there."""
    return last_finished_run(job for job in jobs if job["metadata"]["uid"] == run_id)


def is_running(job: Body) -> bool:
    """Return whether a Job has neither succeeded nor failed."""
    return _finished(job) is None


def _finished(job: Body) -> FinishedRun | None:
    for condition in job.get("status", {}).get("conditions", []):
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return FinishedRun(
                run_id=job["metadata"]["uid"],
                succeeded=condition["type"] == "Complete",
                reason=condition.get("reason", ""),
                message=condition.get("message", ""),
                ended=condition.get("lastTransitionTime", ""),
            )
    return None


def is_going(pod: Body) -> bool:
    """Return whether a pod is about to go."""
    return "deletionTimestamp" in pod["metadata"]


def is_ready(pod: Body) -> bool:
    """Return whether a pod gets requests, and is not about to go."""
    return not is_going(pod) and any(
        (condition["type"], condition["status"]) == ("Ready", "True")
        for condition in pod.get("status", {}).get("conditions", [])
    )


_PATIENCE = timedelta(seconds=10)
"""In so long the pod of a run usually starts."""


def is_waiting(job: Body, now: datetime) -> bool:
    """Return whether a Job's pod should have started by now and has not."""
    status = job.get("status", {})
    if _finished(job) is not None or status.get("ready") or "startTime" not in status:
        return False
    return now - datetime.fromisoformat(status["startTime"]) > _PATIENCE


def pod_hindrance(pods: Iterable[Body]) -> str | None:
    """Return why a pod cannot start; None when none says so."""
    for pod in pods:
        status = pod.get("status", {})
        for condition in status.get("conditions", []):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return str(condition["message"])
        for container in status.get("containerStatuses", []):
            if problem := _waiting_problem(container):
                return problem
    return None


def with_remedy(problem: str, field: str) -> str:
    """Return a pod's problem, and the field to raise when it is the want of memory."""
    return f"{problem}; raise {field}" if problem.startswith("OOMKilled") else problem


def pod_problem(pods: Iterable[Body]) -> str | None:
    """Return why pods are not ready or have failed, in a line; None when they say nothing."""
    problems = []
    for pod in pods:
        if is_going(pod):
            continue
        status = pod.get("status", {})
        problems += [
            problem
            for container in status.get("containerStatuses", [])
            if (problem := _container_problem(container)) is not None
        ]
        problems += [
            condition["message"]
            for condition in status.get("conditions", [])
            if condition["type"] == "PodScheduled" and condition["status"] == "False"
        ]
    return problems[-1] if problems else None


def _container_problem(container: Body) -> str | None:
    for phase in ("state", "lastState"):
        ended = container.get(phase, {}).get("terminated")
        if ended and ended.get("exitCode"):
            message = ended.get("message", "").strip() or f"exit code {ended['exitCode']}"
            reason = ended.get("reason", "Error")
            return str(message) if reason == "Error" else f"{reason}: {message}"
    if problem := _waiting_problem(container):
        return problem
    if not container.get("ready", False):
        return f"container {container['name']} is not ready; see its logs"
    return None


def _waiting_problem(container: Body) -> str | None:
    waiting = container.get("state", {}).get("waiting")
    if not waiting or waiting.get("reason") in (None, "ContainerCreating", "PodInitializing"):
        return None
    return f"{waiting['reason']}: {waiting.get('message', '')}".strip(": ")
