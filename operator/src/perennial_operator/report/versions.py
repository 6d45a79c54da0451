"""What is said of a version, and the events that a change of it is worth."""

from __future__ import annotations

from dataclasses import replace

from perennial_core.approval import Judgement
from perennial_core.decisions import Ruling, State
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Manifest
from perennial_core.report import told_how_to_approve
from perennial_core.resource.promotion import PromotionSource
from perennial_operator.decide.trial_record import Trial
from perennial_operator.kinds import Body
from perennial_operator.report.events import ModelEvent

_TOLD = {
    State.APPROVED: "Normal",
    State.AWAITING_APPROVAL: "Normal",
    State.DENIED: "Warning",
    State.REJECTED: "Warning",
}
"""The states that are worth an event of their own, and its type; rollouts have theirs."""


def told_how_to_decide(judgement: Judgement, key: ModelKey) -> Judgement:
    """Return the judgement in which versions that await approval name the command for it."""
    rulings = {
        version: told_how_to_approve(
            ruling, f"perennial approve {key.name} --version {version} -n {key.namespace}"
        )
        for version, ruling in judgement.rulings.items()
    }
    return replace(judgement, rulings=rulings)


def told_of_trial(judgement: Judgement, trial: Trial | None) -> Judgement:
    """Return the judgement in which the version on trial says so, and newer ones that they wait."""
    if trial is None:
        return judgement
    rulings = {
        version: _told_of(trial, version, ruling) for version, ruling in judgement.rulings.items()
    }
    return replace(judgement, rulings=rulings)


def _told_of(trial: Trial, version: Version, ruling: Ruling) -> Ruling:
    tried = trial.release.version
    if version == tried:
        text = f"on trial ({trial.strategy}): {trial.message}; {ruling.message}"
        return replace(ruling, message=text)
    if version > tried and ruling.state is State.APPROVED:
        return replace(
            ruling, message=f"it waits for the trial of version {tried}; {ruling.message}"
        )
    return ruling


def version_event(version: int, before: Body, after: Body) -> ModelEvent | None:
    """Return the event on the model that a changed ModelVersion is worth, if it is worth one."""
    state = State(after["state"])
    if state not in _TOLD or before.get("state") == after["state"]:
        return None
    if state is State.APPROVED and "decidedAt" in before:
        return None  # it was told when that was decided; now it is its turn again
    return ModelEvent(_TOLD[state], str(state), f"version {version}: {after['message']}")


def promotion_event(
    manifest: Manifest, before: Body, source: PromotionSource | None
) -> ModelEvent | None:
    """Return the event on the model that a version is worth which was taken over; None: told, or
    none.

    Args:
        manifest: Of the version.
        before: The status of its ModelVersion so far.
        source: ``spec.promotion.from``; it names who asked for the version, where somebody did.
    """
    origin = manifest.promoted_from
    if origin is None or "promotedFrom" in before:
        return None
    where = f" of {origin.registry}" if origin.registry else ""
    text = f"version {manifest.version} is version {origin.version} of {origin.model}{where}"
    if origin.decision is not None:
        text += f", {origin.decision.verdict.lower()} there by {origin.decision.by}"
    return ModelEvent("Normal", "Promoted", text + _asked_for_by(manifest, source))


def _asked_for_by(manifest: Manifest, source: PromotionSource | None) -> str:
    if source is None or source.version is None or source.version_changed_by is None:
        return ""
    is_asked_for = manifest.training_spec_hash == source.content_hash()
    return f"; promoted by {source.version_changed_by}" if is_asked_for else ""
