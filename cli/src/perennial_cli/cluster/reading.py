"""What objects of the cluster tell of models, versions and pods: pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from perennial_cli.cluster.kubectl import Body
from perennial_cli.views import ConditionView, ModelView, PodView, RunView, VersionView
from perennial_core.decisions import State
from perennial_core.resource import GROUP

_COMPONENT_LABEL, _COMPONENT_PREFIX = "app.kubernetes.io/name", "perennial-"
_ANSWERING = ("predictor", "canary", "shadow")
"""The components of a model whose pods have one of its versions."""
_VERSION_LABEL = f"{GROUP}/version"
"""Pods that follow the registry do not have it."""


def pod_selector(model: str) -> str:
    """Return the label selector of the pods that have a version of a model: on trial or not."""
    components = ",".join(f"{_COMPONENT_PREFIX}{name}" for name in _ANSWERING)
    return f"{GROUP}/model={model},{_COMPONENT_LABEL} in ({components})"


def model_view(body: Body, versions: Iterable[VersionView]) -> ModelView:
    """Return what a PredictionModel tells of its model.

    Args:
        body: The object.
        versions: Those of this and of other models.
    """
    metadata, status = body["metadata"], body.get("status", {})
    rollout = body["spec"].get("rollout", {})
    conditions = {
        item["type"]: ConditionView.model_validate(item) for item in status.get("conditions", [])
    }
    gated = conditions.get("Gated")
    return ModelView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        ready=_is_true(conditions.get("Ready")),
        serving=status.get("serving", {}).get("version"),
        latest=status.get("latest", {}).get("version"),
        gate=gated.reason if gated else None,
        strategy=rollout.get("strategy", "RollingUpdate"),
        pinned_version=rollout.get("pinnedVersion"),
        awaiting_approval=_awaiting(metadata, versions),
        message=_message(conditions),
        generation=metadata.get("generation", 0),
        conditions=list(conditions.values()),
        last_run=_last_run(status.get("training", {})),
        requested=status.get("training", {}).get("requested"),
        requested_run=status.get("training", {}).get("requestedRun"),
        trial=status.get("rollout", {}).get("trial"),
    )


def _awaiting(metadata: Body, versions: Iterable[VersionView]) -> list[int]:
    this = (metadata["namespace"], metadata["name"])
    return sorted(
        view.version
        for view in versions
        if (view.namespace, view.model) == this and view.state == State.AWAITING_APPROVAL
    )


def _message(conditions: dict[str, ConditionView]) -> str:
    degraded, ready = conditions.get("Degraded"), conditions.get("Ready")
    if degraded and _is_true(degraded):
        return degraded.message
    if ready is None:
        return "the operator has not seen it yet"
    return "" if _is_true(ready) else ready.message


def _is_true(condition: ConditionView | None) -> bool:
    return condition is not None and condition.status == "True"


def _last_run(training: Body) -> RunView | None:
    if "lastRun" not in training:
        return None
    return RunView.model_validate({**training, "runId": training["lastRun"]})


def version_views(bodies: Iterable[Body]) -> list[VersionView]:
    """Return what ModelVersions tell, newest first; of those that the operator knows."""
    views = [
        VersionView.model_validate(
            {
                **body["status"],
                "namespace": body["metadata"]["namespace"],
                "model": body["spec"]["model"],
                "version": body["spec"]["version"],
            }
        )
        for body in bodies
        if body.get("status", {}).get("state")
    ]
    return sorted(views, key=lambda view: -view.version)


def is_ending(body: Body) -> bool:
    """Return whether a pod gets no more requests, and finishes those that it has."""
    return "deletionTimestamp" in body["metadata"]


def pod_view(body: Body, model: ModelView) -> PodView:
    """Return what a predictor's pod tells, and its model of those that follow the registry."""
    status: Body = body.get("status", {})
    labels: dict[str, str] = body["metadata"]["labels"]
    containers: list[Body] = status.get("containerStatuses", [])
    follows = _VERSION_LABEL not in labels
    ready = any(
        (item["type"], item["status"]) == ("Ready", "True") for item in status.get("conditions", [])
    )
    # that a model is ready says that every ready pod answers with what serves
    followed = model.serving if ready and model.ready else None
    return PodView(
        name=body["metadata"]["name"],
        role=labels[_COMPONENT_LABEL].removeprefix(_COMPONENT_PREFIX),
        ready=ready,
        version=followed if follows else labels[_VERSION_LABEL],
        follows=follows,
        restarts=sum(container.get("restartCount", 0) for container in containers),
        started=status.get("startTime"),
    )
