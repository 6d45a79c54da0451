"""Deletes all models while the operator still runs, for a chart that is removed whole."""

from __future__ import annotations

import asyncio

import structlog

from perennial_operator.cluster import Cluster, NotFound
from perennial_operator.kinds import PREDICTION_MODEL, Body, ObjectRef

_log = structlog.get_logger(__name__)
_POLL_SECONDS = 1.0


async def delete_all_models(cluster: Cluster) -> None:
    """Delete every PredictionModel, and return when none is left."""
    while models := await _models(cluster):
        for model in models:
            if "deletionTimestamp" not in model["metadata"]:
                await cluster.delete(PREDICTION_MODEL, ObjectRef.of(model))
        names = [str(ObjectRef.of(model)) for model in models]
        _log.info("waiting for models to go", models=names)
        await asyncio.sleep(_POLL_SECONDS)


async def _models(cluster: Cluster) -> list[Body]:
    try:
        models, _ = await cluster.list_all(PREDICTION_MODEL)
    except NotFound:
        return []  # there is not even the CustomResourceDefinition
    return models
