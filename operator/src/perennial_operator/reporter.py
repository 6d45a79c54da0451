"""Writes a model's status where it differs, and posts the events that this is worth."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from perennial_core.errors import PerennialError, shortened
from perennial_core.report import timestamp
from perennial_core.resource import PredictionModel
from perennial_operator.cache import Cache
from perennial_operator.cluster import Cluster, NotFound
from perennial_operator.kinds import FIELD_MANAGER, PREDICTION_MODEL, Body
from perennial_operator.report.events import ModelEvent, events
from perennial_operator.report.pins import pin_events
from perennial_operator.report.status import build_status, refused_status
from perennial_operator.state import ModelState, Problem

_log = structlog.get_logger(__name__)


class Reporter:
    """Tells users what happens to a model."""

    def __init__(self, cluster: Cluster, cache: Cache, identity: str) -> None:
        self._cluster = cluster
        self._cache = cache
        self._identity = identity

    async def report(self, model: PredictionModel, state: ModelState) -> None:
        """Report what a reconcile found out, unless another model of the name took its place."""
        raw = self._cache.model(model.key)
        if raw is not None and raw["metadata"]["uid"] == model.metadata.uid:
            before, status = raw.get("status", {}), build_status(model, state, _now())
            await self._write(raw, status, *pin_events(model.spec.rollout, before, status))

    async def refuse(self, raw: Body, problem: Problem) -> None:
        """Report a model with which nothing can be done."""
        generation = raw["metadata"].get("generation", 1)
        status = refused_status(raw.get("status", {}), generation, problem, _now())
        await self._write(raw, status)

    async def tell(self, model: PredictionModel, event: ModelEvent) -> None:
        """Post an event on a model, unless another model of the name took its place."""
        raw = self._cache.model(model.key)
        if raw is not None and raw["metadata"]["uid"] == model.metadata.uid:
            await self._post(raw, event)

    async def _write(self, raw: Body, status: Body, *further: ModelEvent) -> None:
        before = raw.get("status", {})
        if status == before:
            return
        try:
            self._cache.put_model(await self._cluster.report(PREDICTION_MODEL, raw, status))
        except NotFound:
            return  # deleted meanwhile
        for event in (*further, *events(before, status)):
            await self._post(raw, event)

    async def _post(self, raw: Body, event: ModelEvent) -> None:
        metadata = raw["metadata"]
        _log.info(
            event.reason, model=f"{metadata['namespace']}/{metadata['name']}", text=event.message
        )
        try:
            await self._cluster.post_event(_event_body(raw, event, self._identity))
        except PerennialError as error:
            _log.warning("event not posted", reason=event.reason, error=str(error))


def _event_body(raw: Body, event: ModelEvent, identity: str) -> Body:
    metadata, now = raw["metadata"], _now()
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "generateName": f"{metadata['name']}.",
            "namespace": metadata["namespace"],
        },
        "involvedObject": {
            "apiVersion": PREDICTION_MODEL.api_version,
            "kind": PREDICTION_MODEL.name,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": event.type,
        "reason": event.reason,
        "message": shortened(event.message),
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": identity,
    }


def _now() -> str:
    return timestamp(datetime.now(UTC))
