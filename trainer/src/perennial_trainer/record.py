"""A run's own record: what it was told, and how it ended.

It imports nothing heavy, so that a run can be recorded that is ended while it is still importing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

import structlog

from perennial_core.identity import Version
from perennial_core.manifest import Manifest, ManifestBody
from perennial_core.order import Order
from perennial_core.registry import Registry, Run, RunOutcome
from perennial_core.settings import TrainerSettings
from perennial_trainer.failure import is_retryable, message_of

_O = TypeVar("_O", bound=Order, covariant=True)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Start(Generic[_O]):
    """What a run is told, and when it began."""

    order: _O
    settings: TrainerSettings
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.monotonic)


async def publish(
    start: Start[Order], registry: Registry, body: ManifestBody, artifact: bytes
) -> Version:
    """Publish what came of the run, once however often it is tried."""
    publication = await registry.publish(start.order.key, body, artifact, started=start.at)
    _log.info(
        "published",
        version=publication.version,
        repeated=publication.repeated,
        format=body.format,
        size=body.size,
        metrics=_shown(body.metrics.candidate),
        parity_error=body.parity.error,
        duration_seconds=body.duration_seconds,
    )
    return publication.version


def _shown(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if score is None else round(score, 6) for name, score in metrics.items()}


async def record_skip(
    start: Start[Order], registry: Registry, message: str, latest: Manifest | None = None
) -> None:
    """Record that there is nothing to publish; ``latest`` is what stands for it."""
    skipped = _record(start, RunOutcome.SKIPPED, message)
    if latest is not None:
        found = {"version": latest.version, "data_fingerprint": latest.data_fingerprint}
        skipped = skipped.changed(**found)
    await registry.record_run(start.order.key, skipped)
    _log.info("skipped", version=skipped.version, reason=message)


async def record_failure(start: Start[Order], registry: Registry, error: Exception) -> None:
    """Record that the run failed."""
    failed = _record(start, RunOutcome.FAILED, message_of(error))
    retryable = failed.changed(retryable=is_retryable(error))
    await registry.record_run(start.order.key, retryable)


def _record(start: Start[Order], outcome: RunOutcome, message: str) -> Run:
    return Run(
        run_id=start.settings.run_id,
        outcome=outcome,
        started=start.at,
        ended=datetime.now(UTC),
        message=message,
        training_spec_hash=start.order.runs.content_hash(),
    )
