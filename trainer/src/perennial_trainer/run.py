"""One run: reads the data, ends early when nothing changed, else trains and publishes.

What takes long to import is imported where it is needed, so that rows can be read meanwhile.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from perennial_core.gate import lacks_evidence
from perennial_core.identity import Version, digest_of
from perennial_core.manifest import Manifest, ManifestBody
from perennial_core.order import TrainingOrder
from perennial_core.registry import Registry
from perennial_trainer.data.reading import read_rows
from perennial_trainer.record import Start, publish, record_skip

if TYPE_CHECKING:
    from perennial_trainer.in_memory import InMemory
    from perennial_trainer.streaming.streamed import Streamed
    from perennial_trainer.training import Candidate

_log = structlog.get_logger(__name__)


async def run(start: Start[TrainingOrder], registry: Registry) -> Version:
    """Train and publish, or find that nothing changed.

    Returns:
        The published version, or the one that stands for the same data and spec.

    Raises:
        UserError: Data or spec have to change; nothing was published.
        Outage: Trying again later may help; nothing was published.
    """
    order = start.order
    latest = await registry.latest_manifest(order.key)
    data = _read(start)
    _log.info("data read", data=data.name, rows=data.count, features=data.width)
    if latest is not None and _is_unchanged(order, latest, data.fingerprint):
        return await _skip(start, registry, latest)
    from perennial_trainer.incumbent import load_incumbent

    trusted_types = start.settings.trusted_types
    incumbent = await load_incumbent(registry, order.key, trusted_types)
    candidate = data.train(incumbent, trusted_types)
    return await _publish(start, registry, candidate, data.fingerprint)


def _read(start: Start[TrainingOrder]) -> InMemory | Streamed:
    """Read the data while what trains on it is imported: reading leaves the interpreter free."""
    order = start.order
    if order.training.streaming is not None:
        from perennial_trainer.streaming.streamed import streamed

        return streamed(order, order.training.streaming, start.settings)
    with ThreadPoolExecutor(1, "read") as reader:
        rows = reader.submit(read_rows, order.training.data, start.settings)
        from perennial_trainer.in_memory import in_memory

        return in_memory(order, start.settings.allowed_modules, rows, reader)


def _is_unchanged(order: TrainingOrder, latest: Manifest, data_fingerprint: str) -> bool:
    return (
        order.training.data.skip_unchanged
        and latest.data_fingerprint == data_fingerprint
        and latest.training_spec_hash == order.training.content_hash()
        and not lacks_evidence(order.gate, latest)
    )


async def _skip(start: Start[TrainingOrder], registry: Registry, latest: Manifest) -> Version:
    message = f"neither data nor training spec changed since version {latest.version}"
    await record_skip(start, registry, message, latest)
    return latest.version


async def _publish(
    start: Start[TrainingOrder], registry: Registry, candidate: Candidate, data_fingerprint: str
) -> Version:
    body = _manifest(start, candidate, data_fingerprint)
    artifact = candidate.serialized.artifact
    if body.format_reason is not None:
        _log.info("not ONNX, so predictions are slower", reason=body.format_reason)
    return await publish(start, registry, body, artifact)


def _manifest(
    start: Start[TrainingOrder], candidate: Candidate, data_fingerprint: str
) -> ManifestBody:
    serialized, order = candidate.serialized, start.order
    return ManifestBody(
        **serialized.signature.fields(),
        format_reason=serialized.format_reason,
        digest=digest_of(serialized.artifact),
        size=len(serialized.artifact),
        created=datetime.now(UTC),
        run_id=start.settings.run_id,
        estimator=order.training.estimator.to_json(),
        example=candidate.example,
        metrics=candidate.metrics,
        drift=candidate.drift,
        examples=candidate.examples,
        profile=candidate.profile,
        rows=candidate.rows,
        data_fingerprint=data_fingerprint,
        training_spec_hash=order.training.content_hash(),
        parity=serialized.parity,
        duration_seconds=round(time.monotonic() - start.clock, 3),
    )
