"""One run of a promotion: takes a version over from the model where it was proved."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import structlog

from perennial_core.artifact import LoadedModel, load_model
from perennial_core.artifact.examples import ask_examples
from perennial_core.gate import lacks_evidence
from perennial_core.identity import Version
from perennial_core.manifest import Manifest, ManifestBody
from perennial_core.order import PromotionOrder
from perennial_core.promotion import (
    Evidence,
    Served,
    Withheld,
    evidence_from,
    is_taken_over,
    lacks_evidence_there_is,
    taken_over,
)
from perennial_core.registry import Registry
from perennial_trainer.failure import SpecError
from perennial_trainer.incumbent import load_incumbent
from perennial_trainer.own_rows import OwnRows, evidence_on, read_own_rows
from perennial_trainer.record import Start, publish, record_skip
from perennial_trainer.scorers import check_task
from perennial_trainer.source import Found, open_source

_log = structlog.get_logger(__name__)


async def promote(start: Start[PromotionOrder], registry: Registry) -> Version | None:
    """Take a version over, or find that there is nothing to take.

    Returns:
        The published version, or the one that is the same already; None where the source has
        nothing to offer yet.

    Raises:
        UserError: The source does not allow it, or the artifact or the rows to measure it on
            cannot be used; nothing was published.
        Outage: A registry or the data cannot be reached now; nothing was published.
    """
    order = start.order
    async with open_source(order.promotion, registry) as source:
        found = await source.find(order.key)
        if isinstance(found, Withheld):
            await record_skip(start, registry, found.reason)
            return None
        _refuse_circle(order, found)
        check_task(order.gate, found.manifest.task)
        rows = _own_rows(start, found.manifest)
        latest = await registry.latest_manifest(order.key)
        if latest is not None and _is_taken(order, latest, found, rows):
            message = f"version {latest.version} is {found.origin} already"
            await record_skip(start, registry, message, latest)
            return latest.version
        artifact = await source.artifact(found)
    model = load_model(found.manifest, artifact, trusted_types=start.settings.trusted_types)
    evidence = await _evidence(start, registry, found, model, rows)
    return await publish(start, registry, _manifest(start, found, evidence), artifact)


def _refuse_circle(order: PromotionOrder, found: Found) -> None:
    """Refuse a version that came from this model, be it by way of others: they would hand it to
    each other for ever."""
    way, known = [found.origin.model], found.manifest.promoted_from
    while known is not None and known.registry is found.origin.registry is None:
        if known.model == order.model:
            others = "the two" if len(way) == 1 else f"they ({', '.join(way)})"
            raise SpecError(
                f"spec.promotion.from: {found.origin} is version {known.version} of this model"
                f" itself; {others} take from each other"
            )
        way.append(known.model)
        known = known.promoted_from


def _own_rows(start: Start[PromotionOrder], manifest: Manifest) -> OwnRows | None:
    data = start.order.promotion.data
    if data is None:
        return None
    rows = read_own_rows(data, manifest, start.settings)
    _log.info("data read", data=rows.dataset.name, rows=rows.dataset.count)
    return rows


def _is_taken(order: PromotionOrder, latest: Manifest, found: Found, rows: OwnRows | None) -> bool:
    """Return whether the latest version is this one, and another run could tell no more of it."""
    spec = order.promotion
    if not is_taken_over(latest, found.origin, spec.content_hash()):
        return False
    if rows is None or spec.data is None:
        return not lacks_evidence_there_is(order.gate, latest, found.manifest)
    return (
        spec.data.skip_unchanged
        and latest.data_fingerprint == rows.fingerprint
        and not lacks_evidence(order.gate, latest)
    )


async def _evidence(
    start: Start[PromotionOrder],
    registry: Registry,
    found: Found,
    model: LoadedModel,
    rows: OwnRows | None,
) -> Evidence:
    order, trusted = start.order, start.settings.trusted_types
    if rows is not None and order.promotion.data is not None:
        incumbent = await load_incumbent(registry, order.key, trusted)
        data = order.promotion.data
        return evidence_on(rows, data, order.gate, found.manifest, model, incumbent)
    served = await _served(registry, order)
    examples = ask_examples(model, order.gate.examples)
    return evidence_from(found.manifest, found.before, found.origin, served, examples)


async def _served(registry: Registry, order: PromotionOrder) -> Served | None:
    serving = await registry.serving(order.key)
    if serving is None:
        return None
    manifests = await registry.manifests(order.key, [serving.version])
    return Served(serving.version, manifests.get(serving.version))


def _manifest(start: Start[PromotionOrder], found: Found, evidence: Evidence) -> ManifestBody:
    return taken_over(
        found.manifest,
        start.order.key,
        found.origin,
        evidence,
        run_id=start.settings.run_id,
        spec_hash=start.order.promotion.content_hash(),
        created=datetime.now(UTC),
        duration_seconds=round(time.monotonic() - start.clock, 3),
    )
