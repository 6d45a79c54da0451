"""Metadata that all owned objects share, and the hash by which a change is seen."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from perennial_core.resource import PredictionModel
from perennial_operator.kinds import (
    CONTENT_ANNOTATION,
    MANAGED_BY,
    MODEL_LABEL,
    PREDICTION_MODEL,
    TRAFFIC_LABEL,
    Body,
    Kind,
)


def content_hash(content: Any) -> str:
    """Return a short hash of JSON content, the same for the same content."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def labels(model: PredictionModel, component: str) -> dict[str, str]:
    """Return the labels of a model's object.

    Args:
        model: Whom it belongs to.
        component: What it is for: trainer, predictor, canary or shadow.
    """
    return {
        "app.kubernetes.io/name": f"perennial-{component}",
        "app.kubernetes.io/instance": model.metadata.name,
        MODEL_LABEL: model.metadata.name,
        **MANAGED_BY,
    }


def selector(model: PredictionModel, component: str) -> dict[str, str]:
    """Return the labels by which the component's pods are found; they never change."""
    return {
        "app.kubernetes.io/name": f"perennial-{component}",
        MODEL_LABEL: model.metadata.name,
    }


LIVE = {TRAFFIC_LABEL: "live"}
"""Labels of pods that get the model's requests."""


def live_selector(model: PredictionModel) -> dict[str, str]:
    """Return the labels of all pods that get the model's requests."""
    return {**LIVE, MODEL_LABEL: model.metadata.name}


def owned(
    kind: Kind,
    model: PredictionModel,
    component: str,
    content: Body,
    *,
    name: str | None = None,
    annotations: dict[str, str] | None = None,
) -> Body:
    """Return an object that belongs to the model and is deleted with it.

    Args:
        kind: What the object is.
        model: Whom it belongs to.
        component: What it is for, as in ``labels``.
        content: All but apiVersion, kind and metadata.
        name: By default the model's.
        annotations: Beside the hash of the content.
    """
    body: Body = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {
            "name": name or model.metadata.name,
            "namespace": model.metadata.namespace,
            "labels": labels(model, component),
            "annotations": dict(annotations or {}),
            "ownerReferences": [_owner(model)],
        },
        **content,
    }
    body["metadata"]["annotations"][CONTENT_ANNOTATION] = content_hash(body)
    return body


def _owner(model: PredictionModel) -> Body:
    return {
        "apiVersion": PREDICTION_MODEL.api_version,
        "kind": PREDICTION_MODEL.name,
        "name": model.metadata.name,
        "uid": model.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
