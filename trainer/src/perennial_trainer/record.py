"""A run's own record: what it was told, and how it ended when it published nothing.

It imports nothing heavy, so that a run can be recorded that is ended while it is still importing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from perennial_core.manifest import Manifest
from perennial_core.order import TrainingOrder
from perennial_core.registry import Registry, Run, RunOutcome
from perennial_core.settings import TrainerSettings
from perennial_trainer.failure import is_retryable, message_of


@dataclass(frozen=True)
class Start:
    """What a run is told, and when it began."""

    order: TrainingOrder
    settings: TrainerSettings
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.monotonic)


async def record_skip(start: Start, registry: Registry, latest: Manifest, message: str) -> None:
    """Record that the latest version stands for the same data and spec."""
    skipped = _record(start, RunOutcome.SKIPPED, message)
    found = {"version": latest.version, "data_fingerprint": latest.data_fingerprint}
    await registry.record_run(start.order.key, skipped.model_copy(update=found))


async def record_failure(start: Start, registry: Registry, error: Exception) -> None:
    """Record that the run failed."""
    failed = _record(start, RunOutcome.FAILED, message_of(error))
    retryable = failed.model_copy(update={"retryable": is_retryable(error)})
    await registry.record_run(start.order.key, retryable)


def _record(start: Start, outcome: RunOutcome, message: str) -> Run:
    return Run(
        run_id=start.settings.run_id,
        outcome=outcome,
        started=start.at,
        ended=datetime.now(UTC),
        message=message,
        training_spec_hash=start.order.training.content_hash(),
    )
