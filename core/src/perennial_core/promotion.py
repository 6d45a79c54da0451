"""What a model may take over from another, and what the manifest becomes there: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perennial_core.gate import lacks_evidence
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import (
    Answer,
    Decision,
    Drift,
    ExampleResult,
    Manifest,
    ManifestBody,
    Metrics,
    PromotedFrom,
    Rows,
)
from perennial_core.registry.records import Snapshot
from perennial_core.resource.gate import GateSpec
from perennial_core.resource.promotion import PromotionSource

_NO_ROWS = "spec.promotion.from.data names no rows"


@dataclass(frozen=True)
class Offered:
    """The version that is to be taken over now."""

    version: Version
    decision: Decision
    """By whom it was approved in the source."""


@dataclass(frozen=True)
class Withheld:
    """Why none is, for people."""

    reason: str
    refused: bool
    """Whether it stays so until somebody changes a spec; else it comes by itself."""


def offer(source: PromotionSource, target: ModelKey, snapshot: Snapshot) -> Offered | Withheld:
    """Return what a source has for a target: the version that it asks for, or the one that serves.

    Args:
        source: ``spec.promotion.from`` of the target.
        target: The model that takes over.
        snapshot: What the registry of the source says of it.
    """
    if not any(allowed.includes(target) for allowed in snapshot.allowed):
        return Withheld(_why_not_allowed(source, target, snapshot), refused=True)
    if source.version is not None:
        return _asked_for(source, Version(source.version), snapshot)
    serving = snapshot.serving
    decision = snapshot.decisions.get(serving.version) if serving else None
    if serving is None or decision is None or decision.verdict is not Answer.APPROVED:
        return Withheld(f"{source.key} serves no version yet", refused=False)
    return Offered(serving.version, decision)


def _why_not_allowed(source: PromotionSource, target: ModelKey, snapshot: Snapshot) -> str:
    if snapshot.latest is None and not snapshot.allowed:
        return f"spec.promotion.from: {source.key} is not in the registry, or has nothing yet"
    return (
        f"spec.promotion.from: {source.key} does not allow {target}; add it to"
        " spec.promotion.allowTo there"
    )


def _asked_for(source: PromotionSource, version: Version, snapshot: Snapshot) -> Offered | Withheld:
    name, decision = f"version {version} of {source.key}", snapshot.decisions.get(version)
    if version not in snapshot.versions:
        able = (v for v, it in snapshot.decisions.items() if it.verdict is Answer.APPROVED)
        known = ", ".join(map(str, sorted(able))) or "none"
        text = f"spec.promotion.from.version: {name} is not retained there; approved: {known}"
        return Withheld(text, refused=True)
    if decision is None:
        return Withheld(f"{name} is not approved there yet", refused=False)
    if decision.verdict is not Answer.APPROVED:
        text = f"spec.promotion.from.version: {name} was denied there by {decision.by}"
        return Withheld(text, refused=True)
    return Offered(version, decision)


def provenance(
    manifest: Manifest, decision: Decision | None, registry: str | None = None
) -> PromotedFrom:
    """Return what a manifest says of the version that it was taken over from.

    Args:
        manifest: Of that version.
        decision: Who let it serve there.
        registry: Host and port of its registry, when that is another.
    """
    return PromotedFrom(
        model=manifest.model,
        version=manifest.version,
        registry=registry,
        created=manifest.created,
        run_id=manifest.run_id,
        training_spec_hash=manifest.training_spec_hash,
        data_fingerprint=manifest.data_fingerprint,
        decision=decision,
        promoted_from=manifest.promoted_from,
    )


@dataclass(frozen=True)
class Evidence:
    """What was found out about an artifact for the model that takes it over."""

    metrics: Metrics
    drift: Drift | None
    examples: Sequence[ExampleResult]
    rows: Rows
    data_fingerprint: str


@dataclass(frozen=True)
class Served:
    """The version that serves where another is taken over."""

    version: Version
    manifest: Manifest | None
    """None where the registry has lost it."""


def evidence_from(
    manifest: Manifest,
    before: Manifest | None,
    origin: PromotedFrom,
    served: Served | None,
    examples: Sequence[ExampleResult],
) -> Evidence:
    """Return the evidence of a target that has no rows of its own to measure on.

    The scores of the candidate are those that it got where it was trained. Those of what served
    there count for what serves here only where both are the same artifact.

    Args:
        manifest: The version that is taken over, as its own registry has it.
        before: The version that served there when it was measured, where that is still retained.
        origin: ``provenance`` of the manifest.
        served: What serves here; None where nothing does.
        examples: What the artifact predicts for the target's own examples.
    """
    metrics, drift = Metrics(candidate=manifest.metrics.candidate), None
    if served is not None:
        metrics, drift = _beside(manifest, before, origin, served)
    return Evidence(metrics, drift, examples, manifest.rows, manifest.data_fingerprint)


def _beside(
    manifest: Manifest, before: Manifest | None, origin: PromotedFrom, served: Served
) -> tuple[Metrics, Drift]:
    """Return the scores with those of what serves here, and the drift since, or why they are not
    known."""
    here: dict[str, Any] = {"incumbent_version": served.version}
    candidate = manifest.metrics.candidate
    if _served_there(manifest.metrics.incumbent_version, before, origin, served.manifest):
        drift = manifest.drift or _no_drift(served)
        return manifest.metrics.changed(**here), drift.changed(**here)
    if served.manifest is not None and served.manifest.digest == manifest.digest:
        same = Metrics(candidate=candidate, incumbent=candidate, **here)
        return same, Drift(features=dict.fromkeys(manifest.profile, 0.0), **here)
    problem = (
        f"it is not what served {manifest.model} when this version was measured there, and"
        f" {_NO_ROWS} to measure both on"
    )
    return Metrics(candidate=candidate, incumbent_problem=problem, **here), _no_drift(served)


def _no_drift(served: Served) -> Drift:
    problem = f"version {served.version}: {_NO_ROWS} that could have drifted from it"
    return Drift(incumbent_version=served.version, problem=problem)


def _served_there(
    then: Version | None, before: Manifest | None, origin: PromotedFrom, here: Manifest | None
) -> bool:
    """Return whether what serves here is the artifact beside which the candidate was measured."""
    if then is None or here is None:
        return False
    if before is not None:
        return here.digest == before.digest
    known = here.promoted_from
    return known is not None and (known.model, known.registry, known.version) == (
        *(origin.model, origin.registry),
        then,
    )


def taken_over(
    manifest: Manifest,
    target: ModelKey,
    origin: PromotedFrom,
    evidence: Evidence,
    *,
    run_id: str,
    spec_hash: str,
    created: datetime,
    duration_seconds: float = 0.0,
) -> ManifestBody:
    """Return the manifest of another model's version as a version of this one: the same bytes.

    Args:
        manifest: The version, as its own registry or a bundle has it.
        target: The model that takes it over.
        origin: ``provenance`` of the manifest.
        evidence: What was found out about it for the target.
        run_id: Of the run that takes it over.
        spec_hash: Of what asked for it, such as ``spec.promotion.from``.
        created: When it is taken over.
        duration_seconds: How long that took.
    """
    kept = manifest.fields(ManifestBody)
    here = {
        "model": str(target),
        "created": created,
        "run_id": run_id,
        "metrics": evidence.metrics,
        "drift": evidence.drift,
        "examples": list(evidence.examples),
        "rows": evidence.rows,
        "data_fingerprint": evidence.data_fingerprint,
        "training_spec_hash": spec_hash,
        "duration_seconds": duration_seconds,
        "promoted_from": origin,
    }
    return ManifestBody(**kept | here)


def is_taken_over(latest: Manifest | None, origin: PromotedFrom, spec_hash: str) -> bool:
    """Return whether the latest version is this one already, as the spec asks for it."""
    return (
        latest is not None
        and latest.promoted_from == origin
        and latest.training_spec_hash == spec_hash
    )


def lacks_evidence_there_is(gate: GateSpec, latest: Manifest, manifest: Manifest) -> bool:
    """Return whether taking a version over again could tell more than its manifest here does.

    Args:
        gate: What is asked for.
        latest: The version as it was taken over.
        manifest: The version in its own registry: what was not measured there never will be.
    """
    there = manifest.metrics.candidate
    measured = [metric for metric in gate.metrics if metric.name in there]
    return lacks_evidence(gate.model_copy(update={"metrics": measured}), latest)
